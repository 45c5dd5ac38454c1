"""Does the candidate fail more often than when it was certified?

Failures are counted by class, since they have different causes: `server` (status 5xx), `timeout`,
`connect` (refused or unreachable) and `invalid` (broken off, no valid HTTP, or an answer that
cannot be decoded). A client that leaves, a request that the client got wrong (4xx) and a request
that the relay itself refused are not the model's failures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import ErrorsSettings
from proxy.records import (
    AlarmName,
    Exchange,
    Failure,
    Finding,
    Model,
    Observation,
    Rows,
    Side,
    Undecodable,
)
from proxy.stats.basis.demands import Tolerance
from proxy.stats.basis.functionals import Floats
from proxy.stats.basis.intervals import share_upper_bound
from proxy.stats.engine import snapshot
from proxy.stats.engine.acquittal import Abreast, shared_by
from proxy.stats.engine.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.engine.effects import Effect, absolute_share
from proxy.stats.engine.streams import WatchedStream, watch_shares
from proxy.stats.engine.watch import Watch

CLASSES: Final = {
    "server": "server errors",
    "timeout": "timeouts",
    "connect": "failed connections",
    "invalid": "broken answers",
}
"""The classes as metrics and streams name them, and as people are told."""
BROKEN_ANSWER: Final = frozenset(
    {
        "bad_coding",
        "empty",
        "error_body",
        "missing_field",
        "no_rows",
        "not_json",
        "not_utf8",
        "number_out_of_range",
        "wrong_datatype",
        "wrong_shape",
    }
)
"""Reasons of an undecodable answer that speak of the model; the others speak of our own limits."""
CLASS_OF: Final[dict[Failure, str | None]] = {
    Failure.REFUSED: "connect",
    Failure.CONNECT_TIMEOUT: "connect",
    Failure.RESET: "connect",
    Failure.TIMEOUT: "timeout",
    Failure.TRUNCATED: "invalid",
    Failure.PROTOCOL: "invalid",
    Failure.CLIENT_GONE: None,
    Failure.OVERLOAD: None,
}
"""Class of each failure; `None`: the exchange says nothing about the model."""
SERVER_ERROR: Final = 500


def failure_class(exchange: Exchange) -> str | None:
    """Give the class of a failed exchange, the empty text for an answered one.

    `None`: the exchange says nothing about the model.
    """
    if exchange.failure is not None:
        return CLASS_OF[exchange.failure]
    return "server" if exchange.status >= SERVER_ERROR else ""


class Errors:
    """Failed answers of the candidate, by class, against the certified floor."""

    name = AlarmName.ERRORS

    def __init__(
        self, settings: ErrorsSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch both models. Without a benchmark a low error share is taken as normal."""
        self._enabled = settings.enabled
        self._readable: set[Model] = set()
        self._watches = {model: _watch_of(model, settings, benchmark, engine) for model in Model}
        self._abreast = Abreast()
        self._wording = Wording(
            name=self.name,
            rows="answers",
            min_rows=settings.min_answers,
            tick_s=engine.tick_s,
            describe=_described,
        )

    def observe(self, value: Observation) -> None:
        """Count the outcome of an exchange, or an answer that cannot be decoded."""
        if isinstance(value, Exchange):
            failed = failure_class(value)
            if failed is not None:
                self._count(value.model, failed)
            if value.failed_over:
                # The first model refused the connection: its failure has no exchange of its own.
                self._count(value.model.other, "connect")
        elif isinstance(value, Rows) and value.side is Side.OUTPUT:
            self._readable.add(value.model)
        elif isinstance(value, Undecodable):
            self._observe_undecodable(value)

    def _observe_undecodable(self, value: Undecodable) -> None:
        # Answers that could never be read are a matter of configuration, not a failure.
        readable = value.side is Side.OUTPUT and value.model in self._readable
        if readable and value.reason in BROKEN_ANSWER:
            self._count(value.model, "invalid")

    def _count(self, model: Model, failed: str) -> None:
        watch = self._watches[model]
        for place, label in enumerate(CLASSES):
            watch.pending[watch.layout.bins[place].start + (label == failed)] += 1

    def judge(self, now_s: float) -> Finding:
        """Fold the outcomes since the last tick and conclude about the candidate."""
        if not self._enabled:
            return unknown(self.name, now_s, "switched off")
        for watch in self._watches.values():
            watch.tick()
        candidate, stable = self._watches[Model.CANDIDATE], self._watches[Model.STABLE]
        self._abreast.note(stable, candidate)
        shared = shared_by(stable, candidate, self._wording.min_rows, self._abreast)
        return conclude(candidate, self._wording, now_s, shared)

    def pooled(self) -> dict[str, Watch]:
        """Give the watches, for counts of the tick to be added up over replicas."""
        return {str(model): watch for model, watch in self._watches.items()}

    def snapshot(self) -> bytes:
        """Give the evidence about both models as bytes."""
        return snapshot.save_all({str(m): watch for m, watch in self._watches.items()})

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot of the same benchmark."""
        return snapshot.load_all({str(m): watch for m, watch in self._watches.items()}, raw)

    def detail(self) -> dict[str, object]:
        """Give the share of every class for both models."""
        return {str(m): detail_of(watch, self._wording) for m, watch in self._watches.items()}

    def reset(self) -> None:
        """Forget the evidence about both models."""
        for watch in self._watches.values():
            watch.reset()


def _described(stream: WatchedStream, index: int, counts: Floats) -> Effect:
    """Give the share of a class, in words for people."""
    effect = absolute_share(stream, index, counts)
    figures = effect.summary.removeprefix(stream.name)
    return replace(effect, summary=f"{CLASSES[stream.name]}{figures}")


def _watch_of(
    model: Model, settings: ErrorsSettings, benchmark: Benchmark | None, engine: Engine
) -> Watch:
    floor = benchmark.errors.get(model) if benchmark is not None else None
    n = floor.n if floor is not None else 0
    shares = {}
    for label in CLASSES:
        certified = settings.uncertified_share
        if floor is not None and floor.n > 0:
            certified = share_upper_bound(floor.failed.get(label, 0), floor.n)
        shares[label] = certified
    tolerance = Tolerance(effect=settings.tolerance, worse_only=True)
    streams = watch_shares("", shares, n, tolerance, settings.design_effect)
    return Watch(streams, engine.certainty)
