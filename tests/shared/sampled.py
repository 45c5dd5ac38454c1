"""Sampled bodies of a candidate and its copies at the stable model, and who counts them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import made
from proxy.records import (
    Capture,
    Case,
    Compared,
    Exchange,
    Message,
    Model,
    Pair,
    Position,
    Rows,
    Scalar,
    Side,
)

JSON = {"content-type": "application/json"}


def exchange(number: int, pair_id: int | None = None) -> Exchange:
    """Give an exchange of the candidate, or with `pair_id` its copy at stable."""
    return made.exchange(
        id=number,
        pair_id=pair_id,
        model=Model.CANDIDATE if pair_id is None else Model.STABLE,
        position=Position.SERVING if pair_id is None else Position.SHADOW,
        started_s=1.0,
        finished_s=1.1,
    )


def capture(number: int, answer: object, pair_id: int | None = None) -> Capture:
    """Give the sampled bodies of `exchange`."""
    request = None
    if pair_id is None:
        request = Message(JSON, b'{"instances": [{"x": 1.0}]}', False)
    response = Message(JSON, json.dumps({"predictions": answer}).encode(), False)
    return Capture(exchange(number, pair_id), "/v1/models/m:predict", request, response)


def compared(pair: Pair) -> Compared:
    """Call answers apart when they are not equal."""
    differ = pair.candidate.values != pair.stable.values
    return Compared(pair=pair, differ=(differ,), distances=(), apart=float(differ))


class Counter:
    """Counts results."""

    def __init__(self) -> None:
        self.results: list[str] = []
        self.arrivals: list[tuple[int, list[str]]] = []

    def capture_result(self, side: Side, result: str) -> None:
        """Note a body."""
        self.results.append(f"{side}/{result}")

    def arrival(self, exchange: Exchange, timings: Mapping[str, Sequence[Scalar]]) -> None:
        """Note how an answer arrived."""
        self.arrivals.append((exchange.id, sorted(timings)))

    def pair(self, result: str) -> None:
        """Note a pair."""
        self.results.append(result)

    def keep(self, rows: Rows) -> None:
        """Note kept rows."""
        self.results.append(f"kept {rows.side}")

    def keep_pair(self, pair: Pair, apart: float) -> None:
        """Keep nothing."""

    def keep_case(self, case: Case) -> None:
        """Note answers that are kept with their questions."""
        self.results.append(f"kept {case.input.n} with {case.output.n}")
