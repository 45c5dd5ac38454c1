"""Does the candidate complete as much as certified when it is fully loaded, and is there traffic?

The request rate that a sidecar sees is demand, not capacity. So capacity is judged only in ticks in
which the candidate was as busy as the certification's saturating load: busy exchanges on average,
by Little's law, not at one moment. Silence, no request for far longer than usual, is a breach of
its own: a router that stopped sending looks like perfect health otherwise.
"""

from __future__ import annotations

from typing import Final

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import ThroughputSettings
from proxy.records import AlarmName, Exchange, Finding, Model, Observation, Position, Verdict
from proxy.stats.engine import snapshot
from proxy.stats.engine.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.engine.watch import Watch
from proxy.stats.watches.rates import COMPLETED, EXPECTED, rate_effect, watch_rate

SATURATED: Final = 0.95
"""The saturating load is the least that reaches this part of the highest certified rate."""
REMEMBER: Final = 0.99
"""Share of the usual rate of requests that is kept from tick to tick: about a hundred ticks."""
SERVER_ERROR: Final = 500


class Throughput:
    """Completed answers per second under full load, and silence."""

    name = AlarmName.THROUGHPUT

    def __init__(
        self, settings: ThroughputSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch against the certified capacity; silence needs no certificate."""
        self._settings = settings
        self._engine = engine
        certified = benchmark.capacity_per_s if benchmark is not None else {}
        self._load, self._capacity_per_s = saturation(certified.get(Model.CANDIDATE, {}))
        n = benchmark.requests if benchmark is not None else 0
        stream = watch_rate("completed answers", n, settings.unmeasured_design_effect)
        self._watch = Watch((stream,), engine.certainty)
        self._wording = Wording(
            name=self.name,
            rows="answers under full load",
            min_rows=1,
            tick_s=engine.tick_s,
            describe=rate_effect,
        )
        self._n_completed = 0
        self._n_seen = 0
        self._busy_s = 0.0
        self._usual_per_s = 0.0
        self._last_tick_s: float | None = None
        self._last_seen_s: float | None = None

    def observe(self, value: Observation) -> None:
        """Count requests of clients, and what the candidate completes."""
        if not isinstance(value, Exchange):
            return
        if value.position is Position.SERVING:
            self._n_seen += 1
        if value.model is Model.CANDIDATE:
            self._busy_s += max(0.0, value.finished_s - value.started_s)
            if value.failure is None and value.status < SERVER_ERROR:
                self._n_completed += 1

    def judge(self, now_s: float) -> Finding:
        """Fold the tick when it was one of full load; silence comes first."""
        if not self._settings.enabled:
            return unknown(self.name, now_s, "switched off")
        took_s = self._engine.tick_s if self._last_tick_s is None else now_s - self._last_tick_s
        self._last_tick_s = now_s
        self._fold(max(took_s, 1e-3))
        silent_s = self._silence(now_s, max(took_s, 1e-3))
        if silent_s is not None:
            return self._silent(now_s, silent_s)
        if self._watch.breach is not None or self._watch.ticks_without_rows == 0:
            return conclude(self._watch, self._wording, now_s, Verdict.UNKNOWN)
        if self._capacity_per_s <= 0:
            return unknown(self.name, now_s, "no certified capacity; only silence is watched")
        return unknown(
            self.name, now_s, f"not under full load ({self._load:.0f} running exchanges)"
        )

    def _fold(self, took_s: float) -> None:
        """Count the tick against the certified capacity when the candidate was fully loaded."""
        if self._capacity_per_s > 0 and self._busy_s / took_s >= self._load:
            bins = self._watch.layout.bins[0].start
            tolerated = self._capacity_per_s * (1 - self._settings.tolerance)
            self._watch.pending[bins + COMPLETED] += self._n_completed
            self._watch.pending[bins + EXPECTED] += tolerated * took_s
        self._watch.tick()
        self._n_completed, self._busy_s = 0, 0.0

    def _silence(self, now_s: float, took_s: float) -> float | None:
        """Give how long there was no request, when that is far longer than usual."""
        seen, self._n_seen = self._n_seen, 0
        if seen:
            self._last_seen_s = now_s
            rate = seen / took_s
            usual = self._usual_per_s
            self._usual_per_s = rate if not usual else REMEMBER * usual + (1 - REMEMBER) * rate
            return None
        if self._last_seen_s is None:
            return None
        settings = self._settings
        enough_s = settings.silence_requests / self._usual_per_s
        enough_s = min(settings.max_silence_s, max(settings.min_silence_s, enough_s))
        silent_s = now_s - self._last_seen_s
        return silent_s if silent_s >= enough_s else None

    def _silent(self, now_s: float, silent_s: float) -> Finding:
        """Give the finding of silence."""
        expected = silent_s * self._usual_per_s
        return Finding(
            monitor=self.name,
            subject="requests",
            at_s=now_s,
            effect=0.0,
            interval=None,
            unit="ratio",
            evidence=max(expected, self._watch.detector.threshold),
            threshold=self._watch.detector.threshold,
            confirmation=expected,
            recovery=0.0,
            n_reference=0,
            n_current=0,
            verdict=Verdict.BREACH,
            shared=Verdict.BREACH,
            since_s=now_s - silent_s,
            blamed=(),
            reason=(
                f"no request for {silent_s:.0f} s, where about {expected:.0f} were to be expected"
            ),
        )

    def snapshot(self) -> bytes:
        """Give the evidence about capacity as bytes; silence is measured anew."""
        return snapshot.save_all(self._named())

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot of the same certified capacity and tolerance."""
        return snapshot.load_all(self._named(), raw)

    def _named(self) -> dict[str, Watch]:
        """Give the watch, named so that evidence about another capacity finds none.

        The bets are on parts of the capacity, whatever that is, and so have the same fingerprint.
        """
        terms = (self._load, self._capacity_per_s, self._settings.tolerance)
        return {f"capacity {terms}": self._watch}

    def detail(self) -> dict[str, object]:
        """Give capacity, load and the usual rate of requests."""
        return detail_of(self._watch, self._wording) | {
            "certified_capacity_per_s": self._capacity_per_s,
            "full_load": self._load,
            "usual_requests_per_s": self._usual_per_s,
        }

    def reset(self) -> None:
        """Forget the evidence."""
        self._watch.reset()


def saturation(capacity_per_s: dict[str, float]) -> tuple[float, float]:
    """Give the saturating load and the rate certified there; zeros without a certificate.

    Args:
        capacity_per_s: completed answers per second by running exchanges (as text).
    """
    levels = sorted((float(load), rate) for load, rate in capacity_per_s.items() if rate > 0)
    if not levels:
        return 0.0, 0.0
    highest = max(rate for _, rate in levels)
    return next((load, rate) for load, rate in levels if rate >= SATURATED * highest)
