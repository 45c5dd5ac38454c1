"""Does what comes in still look like what was certified?

Both models meet the same input, so the cause of a breach is always shared: it never speaks for
switching to the stable model.
"""

from __future__ import annotations

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import DriftSettings
from proxy.records import AlarmName, Finding, Observation, Rows, Side, Verdict
from proxy.stats.engine.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.engine.watch import Watch
from proxy.stats.explain.evidence import SideEvidence, evidence_of
from proxy.stats.watches.drift import ProfileWatch, paced, profile_watch, recent_detail


class InputDrift:
    """Drift of the input columns against the certified reference."""

    name = AlarmName.INPUT_DRIFT

    def __init__(
        self, settings: DriftSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch against the benchmark's input profile; without one nothing can be said."""
        profile = benchmark.input if benchmark is not None and settings.enabled else None
        self._engine = engine
        self._watch = profile_watch(profile, settings.rule(engine.tick_s), engine.certainty)
        self._wording = Wording(
            name=self.name, rows="rows", min_rows=settings.min_rows, tick_s=engine.tick_s
        )
        self._why_unknown = "switched off" if not settings.enabled else "no certified input profile"

    def observe(self, value: Observation) -> None:
        """Count input rows; whichever model they went to, the input is the same."""
        if self._watch is not None and isinstance(value, Rows) and value.side is Side.INPUT:
            self._watch.count(value)

    def judge(self, now_s: float) -> Finding:
        """Fold the rows since the last tick and conclude."""
        if self._watch is None:
            return unknown(self.name, now_s, self._why_unknown)
        self._watch.tick(self._engine.mid_tick_utc_s(now_s))
        if misfit := self._watch.misfit():
            return unknown(self.name, now_s, misfit)
        breached = self._watch.watch.breach is not None
        shared = Verdict.BREACH if breached else Verdict.OK
        return paced(conclude(self._watch.watch, self._wording, now_s, shared), self._watch)

    def pooled(self) -> dict[str, Watch]:
        """Give the watch, for counts of the tick to be added up over replicas."""
        return {} if self._watch is None else {"input": self._watch.gather()}

    def sides(self) -> dict[str, ProfileWatch]:
        """Give the watch of the inputs, for whoever follows their days."""
        return {} if self._watch is None else {"input": self._watch}

    def snapshot(self) -> bytes:
        """Give the evidence as bytes."""
        return b"" if self._watch is None else self._watch.save()

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot of the same benchmark."""
        return self._watch is not None and self._watch.load(raw)

    def detail(self) -> dict[str, object]:
        """Give every column with its effect, evidence and histograms."""
        if self._watch is None:
            return {"reason": self._why_unknown}
        counter = self._watch.counter
        counted = {
            "rows": counter.n_rows,
            "foreign_rows": counter.n_foreign,
            "ticks_to_learn": 0 if self._watch.learner is None else self._watch.learner.left,
            "recent": recent_detail(self._watch),
        }
        return detail_of(self._watch.watch, self._wording) | counted

    def evidence(self) -> SideEvidence | None:
        """Give what the watch knows, for who explains it; `None` without a reference."""
        return None if self._watch is None else evidence_of(self._watch.watch, self._wording)

    def reset(self) -> None:
        """Forget the evidence."""
        if self._watch is not None:
            self._watch.reset()
