"""Is the candidate slower than when it was certified, under the same load?

The time that counts is until the answer is complete; for an answer in pieces, until its first
piece. Each answer is ranked among the certified answers of its load cell after forgiving the
tolerance, and the ranks of all cells add up in one stream. Failed answers are not counted here.
"""

from __future__ import annotations

from typing import Final

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import LatencySettings
from proxy.records import AlarmName, Exchange, Finding, Model, Observation, Verdict
from proxy.stats.engine import snapshot
from proxy.stats.engine.acquittal import Abreast, shared_by
from proxy.stats.engine.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.engine.watch import Watch
from proxy.stats.watches.latency_watch import LatencyRule, LatencyWatch

ANSWERED: Final = range(200, 400)
MOSTLY: Final = 0.5


class Latency:
    """Latency of the candidate within its load cells."""

    name = AlarmName.LATENCY

    def __init__(
        self, settings: LatencySettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch both models against their own certified latencies."""
        profiles = benchmark.latency if benchmark is not None and settings.enabled else {}
        rule = LatencyRule(
            tolerance=settings.tolerance,
            tolerance_s=settings.tolerance_s,
            tail_tolerance=settings.tail_tolerance,
            unmeasured_design_effect=settings.unmeasured_design_effect,
        )
        self._watches: dict[Model, LatencyWatch] = {}
        for model in Model:
            profile = profiles.get(model)
            if profile is not None and profile.cells:
                self._watches[model] = LatencyWatch(profile, rule, engine.certainty)
        self._wordings = {
            model: Wording(
                name=self.name,
                rows="answers",
                min_rows=settings.min_answers,
                tick_s=engine.tick_s,
                describe=watch.describe,
            )
            for model, watch in self._watches.items()
        }
        self._abreast = Abreast()
        self._min_answers = settings.min_answers
        self._why_unknown = "switched off" if not settings.enabled else "no certified latency"

    def observe(self, value: Observation) -> None:
        """Count a complete answer of either model, in whichever position it is."""
        if not isinstance(value, Exchange) or value.failure is not None:
            return
        watch = self._watches.get(value.model)
        if watch is not None and value.status in ANSWERED:
            streamed = value.stream is not None and value.first_byte_s is not None
            ended_s = value.first_byte_s if streamed else value.finished_s
            if ended_s is not None:
                watch.count(ended_s - value.started_s, value.in_flight, value.request_bytes)

    def judge(self, now_s: float) -> Finding:
        """Fold the answers since the last tick and conclude about the candidate."""
        for watch in self._watches.values():
            watch.tick()
        candidate, stable = (self._watches.get(model) for model in Model)
        if candidate is None:
            return unknown(self.name, now_s, self._why_unknown)
        if stable is not None:
            self._abreast.note(stable.watch, candidate.watch)
        if candidate.watch.breach is None and candidate.beyond_share() > MOSTLY:
            return unknown(self.name, now_s, "the load is beyond what was certified")
        wording = self._wordings[Model.CANDIDATE]
        return conclude(candidate.watch, wording, now_s, self._shared(candidate))

    def _shared(self, candidate: LatencyWatch) -> Verdict:
        """Say whether the stable is slow too, so that the cause is shared."""
        stable = self._watches.get(Model.STABLE)
        if stable is None:
            return Verdict.UNKNOWN
        return shared_by(stable.watch, candidate.watch, self._min_answers, self._abreast)

    def snapshot(self) -> bytes:
        """Give the evidence about both models as bytes."""
        return snapshot.save_all(self._named())

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot of the same certified latencies and tolerances."""
        return snapshot.load_all(self._named(), raw)

    def _named(self) -> dict[str, Watch]:
        """Give the watches, named so that evidence about another certificate finds none.

        All certificates have ranks in the same shares, and so the same fingerprint.
        """
        return {f"{model} {it.terms}": it.watch for model, it in self._watches.items()}

    def detail(self) -> dict[str, object]:
        """Give the latency of both models against their certificates, cell by cell."""
        if not self._watches:
            return {"reason": self._why_unknown}
        return {
            str(model): detail_of(watch.watch, self._wordings[model]) | watch.cells()
            for model, watch in self._watches.items()
        }

    def reset(self) -> None:
        """Forget the evidence about both models."""
        for watch in self._watches.values():
            watch.reset()
