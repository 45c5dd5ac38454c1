"""What is kept for people: fair samples of the rows that passed, and the extremes of exchanges.

Rows go into a ring of reservoirs for each side, so that the last hour is seen by the minute and the
last week by the day, within a bound of bytes. Redaction has happened in the decoder: what is here
may be shown to who may see samples at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from proxy import clock
from proxy.records import Case, Exchange, Failure, Model, Pair, Rows, Scalar, Side
from proxy.stats.explain.samples import SampledRow, SampledRows
from proxy.telemetry.desk import JsonObject
from proxy.windows.reservoir import Dice, ReservoirRing
from proxy.windows.tails import Tail

MAX_BYTES: Final = 24 * 1024 * 1024
"""Bound of the rows of one side."""
CELL_BYTES: Final = 64
"""What one cell of a row costs: an object and its place."""
N_EXTREMES: Final = 20
EXTREMES_AGE_S: Final = 3600.0
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class _Row:
    """One row, apart from the batch it came in: a kept row must not keep its batch alive."""

    exchange_id: int
    at_s: float
    model: Model
    weight: float
    ids: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which rows are wanted."""

    side: Side
    model: Model | None
    """`None`: whichever model."""
    since_s: float
    until_s: float
    max_rows: int
    names: frozenset[str]
    """Columns that are wanted."""
    with_question: bool = False
    """Answers of the candidate beside the columns of what was asked."""


@dataclass(frozen=True, slots=True)
class _Contrast:
    """The row of a pair in which the models differ first, without the batch it came in."""

    pair_id: int
    at_s: float
    columns: tuple[str, ...]
    candidate: tuple[Scalar, ...]
    stable: tuple[Scalar, ...]


class Samples:
    """Rows of both sides, and the extremes of the last hour.

    Those are the slowest and the failed exchanges, and the strongest disagreements.
    """

    def __init__(self, rng: Dice) -> None:
        """Begin empty; `rng` decides which rows are kept."""
        self._rng = rng
        self._rings = {side: ReservoirRing[_Row](rng, max_bytes=MAX_BYTES) for side in Side}
        self._cases = ReservoirRing[_Row](rng, max_bytes=MAX_BYTES)
        self._slowest = Tail[Exchange](N_EXTREMES, EXTREMES_AGE_S)
        self._failed = Tail[Exchange](N_EXTREMES, EXTREMES_AGE_S)
        self._contrasts = Tail[_Contrast](N_EXTREMES, EXTREMES_AGE_S)

    def keep(self, rows: Rows) -> None:
        """Offer each row of a body."""
        ring = self._rings[rows.side]
        for at in range(rows.n):
            if not ring.wants(rows.at_s):
                ring.skip()
                continue
            values = tuple(column[at] for column in rows.values)
            row = _Row(
                rows.exchange_id,
                rows.at_s,
                rows.model,
                rows.weight,
                rows.correlation,
                rows.columns,
                values,
            )
            ring.offer(row, _size(values), rows.at_s)

    def keep_case(self, case: Case) -> None:
        """Offer each answer of the candidate beside its question: it explains drifting answers."""
        output = case.output
        if output.model is not Model.CANDIDATE:
            return
        for at in range(output.n):
            if not self._cases.wants(output.at_s):
                self._cases.skip()
                continue
            row = _beside(case, at)
            self._cases.offer(row, _size(row.values), output.at_s)

    def keep_pair(self, pair: Pair, apart: float) -> None:
        """Offer a pair to the strongest disagreements."""
        if self._contrasts.would_take(apart, pair.at_s):
            self._contrasts.offer(_contrast(pair), apart, pair.at_s)

    def observe(self, exchange: Exchange) -> None:
        """Offer an exchange to the extremes."""
        took_s = exchange.finished_s - exchange.started_s
        self._slowest.offer(exchange, took_s, exchange.finished_s)
        if _is_failed(exchange):
            self._failed.offer(exchange, exchange.finished_s, exchange.finished_s)

    def last(self, n: int) -> list[JsonObject]:
        """Give at most `n` rows, newest first, each with the chance it had to be here."""
        found: list[tuple[float, JsonObject]] = []
        for side, ring in self._rings.items():
            for span in reversed(ring.spans(0)):
                chance = len(span.items) / span.n if span.n else 1.0
                found += [(row.at_s, _shown(row, side, chance)) for row in span.items]
                if len(found) >= 2 * n:
                    break
        found.sort(key=lambda one: one[0], reverse=True)
        return [shown for _, shown in found[:n]]

    def between(self, wish: Wish) -> SampledRows:
        """Give rows of one side and model and of one time.

        When there are more than wanted, rows are drawn in proportion to the traffic that each
        stands for, and then stand for equally much (Efraimidis and Spirakis 2006).
        """
        ring = self._cases if wish.with_question else self._rings[wish.side]
        found = [
            (row, stands_for)
            for row, stands_for in ring.between(wish.since_s, wish.until_s, lambda row: row.at_s)
            if wish.model in {None, row.model}
        ]
        weighed = [(row, stands_for * max(1.0, row.weight)) for row, stands_for in found]
        if len(weighed) > wish.max_rows:
            each = sum(weight for _, weight in weighed) / wish.max_rows
            keys = [
                (math.log(1 - self._rng.random()) / weight, place)
                for place, (_, weight) in enumerate(weighed)
            ]
            chosen = sorted(place for _, place in sorted(keys, reverse=True)[: wish.max_rows])
            weighed = [(weighed[place][0], each) for place in chosen]
        return _compact(weighed, wish.names)

    def extremes(self, now_s: float) -> JsonObject:
        """Give the slowest and the failed exchanges of the last hour."""
        return {
            "slowest": [_told(exchange) for _, exchange in self._slowest.items(now_s)],
            "failed": [_told(exchange) for _, exchange in self._failed.items(now_s)],
        }

    def disagreements(self, now_s: float, *, with_answers: bool) -> list[JsonObject]:
        """Give the strongest disagreements of the last hour, with both answers if they are asked.

        `apart` orders them: a label that differs counts 1, distances are in standard deviations.
        """
        return [
            {
                "exchange": f"{one.pair_id:016x}",
                "at_utc": clock.utc_text_of(one.at_s),
                "apart": apart,
            }
            | (_answers(one) if with_answers else {})
            for apart, one in self._contrasts.items(now_s)
        ]


def _contrast(pair: Pair) -> _Contrast:
    """Give the first row in which the answers differ; a column that one model lacks is missing."""
    candidate, stable = pair.candidate, pair.stable
    columns = tuple(dict.fromkeys((*candidate.columns, *stable.columns)))
    n = max(candidate.n, stable.n)
    differing = (at for at in range(n) if _row(candidate, columns, at) != _row(stable, columns, at))
    at = next(differing, 0)
    return _Contrast(
        pair.pair_id, pair.at_s, columns, _row(candidate, columns, at), _row(stable, columns, at)
    )


def _row(rows: Rows, columns: tuple[str, ...], at: int) -> tuple[Scalar, ...]:
    known = dict(zip(rows.columns, rows.values, strict=True))
    return tuple(
        known[name][at] if name in known and at < len(known[name]) else None for name in columns
    )


def _answers(one: _Contrast) -> JsonObject:
    return {
        "candidate": dict(zip(one.columns, one.candidate, strict=True)),
        "stable": dict(zip(one.columns, one.stable, strict=True)),
    }


def _beside(case: Case, at: int) -> _Row:
    """Give one answer with its question; a name that both have is the answer's."""
    asked, output = case.input, case.output
    own = frozenset(output.columns)
    places = [place for place, name in enumerate(asked.columns) if name not in own]
    return _Row(
        output.exchange_id,
        output.at_s,
        output.model,
        output.weight,
        (),
        output.columns + tuple(asked.columns[place] for place in places),
        (*(column[at] for column in output.values), *(asked.values[place][at] for place in places)),
    )


def _is_failed(exchange: Exchange) -> bool:
    if exchange.failure is None:
        return exchange.status >= _SERVER_ERROR
    return exchange.failure is not Failure.CLIENT_GONE


def _size(values: tuple[Scalar, ...]) -> int:
    return sum(CELL_BYTES + (len(one) if isinstance(one, str) else 0) for one in values)


def _compact(found: list[tuple[_Row, float]], names: frozenset[str]) -> SampledRows:
    """Give rows with only the wanted columns, which are named once for each form of row."""
    forms: dict[tuple[str, ...], tuple[int, list[int]]] = {}
    rows: list[SampledRow] = []
    for row, weight in found:
        known = forms.get(row.columns)
        if known is None:
            places = [place for place, name in enumerate(row.columns) if name in names]
            known = forms[row.columns] = (len(forms), places)
        form, places = known
        values = row.values
        if len(places) < len(values):
            values = tuple(values[place] for place in places)
        rows.append(SampledRow(row.exchange_id, row.at_s, weight, form, values))
    named = tuple(
        tuple(columns[place] for place in places) for columns, (_, places) in forms.items()
    )
    return SampledRows(named, tuple(rows))


def _shown(row: _Row, side: Side, chance: float) -> JsonObject:
    return {
        "exchange": f"{row.exchange_id:016x}",
        "at_s": row.at_s,
        "at_utc": clock.utc_text_of(row.at_s),
        "model": row.model,
        "side": side,
        "inclusion_probability": chance / max(1.0, row.weight),
        "ids": list(row.ids),
        "row": dict(zip(row.columns, row.values, strict=True)),
    }


def _told(exchange: Exchange) -> JsonObject:
    return {
        "exchange": f"{exchange.id:016x}",
        "at_s": exchange.started_s,
        "at_utc": clock.utc_text_of(exchange.started_s),
        "took_s": exchange.finished_s - exchange.started_s,
        "model": exchange.model,
        "position": exchange.position,
        "route": exchange.route,
        "status": exchange.status,
        "failure": exchange.failure,
        "in_flight": exchange.in_flight,
    }
