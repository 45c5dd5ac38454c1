"""Does the candidate still answer as it did when it was certified?

The same detector watches the stable model against its own certified answers. When both drift, what
comes in has changed; when only the candidate does, the candidate has.
"""

from __future__ import annotations

import msgspec

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import DriftSettings
from proxy.records import AlarmName, Finding, Model, Observation, Rows, Side, Verdict
from proxy.stats.conclude import Wording, conclude, detail_of, unknown, verdict_of
from proxy.stats.drift import ProfileWatch, profile_watch


class OutputDrift:
    """Drift of the candidate's answers against its certified answers."""

    name = AlarmName.OUTPUT_DRIFT

    def __init__(
        self, settings: DriftSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch against the benchmark's output profiles; without one nothing can be said."""
        outputs = benchmark.outputs if benchmark is not None and settings.enabled else {}
        self._watches: dict[Model, ProfileWatch] = {}
        for model in Model:
            watch = profile_watch(
                outputs.get(model), settings.rule(engine.tick_s), engine.certainty
            )
            if watch is not None:
                self._watches[model] = watch
        self._wording = Wording(
            name=self.name, rows="answers", min_rows=settings.min_rows, tick_s=engine.tick_s
        )
        self._why_unknown = "switched off" if not settings.enabled else "no certified answers"

    def observe(self, value: Observation) -> None:
        """Count answers of either model, in whichever position it is."""
        if isinstance(value, Rows) and value.side is Side.OUTPUT:
            watch = self._watches.get(value.model)
            if watch is not None:
                watch.count(value)

    def judge(self, now_s: float) -> Finding:
        """Fold the answers since the last tick and conclude about the candidate."""
        for watch in self._watches.values():
            watch.tick()
        candidate = self._watches.get(Model.CANDIDATE)
        if candidate is None:
            return unknown(self.name, now_s, self._why_unknown)
        if misfit := candidate.misfit():
            return unknown(self.name, now_s, misfit)
        return conclude(candidate.watch, self._wording, now_s, self._shared())

    def _shared(self) -> Verdict:
        """Say whether the stable's answers drift too, so that the cause is shared."""
        stable = self._watches.get(Model.STABLE)
        if stable is None or stable.misfit():
            return Verdict.UNKNOWN
        return verdict_of(stable.watch, self._wording.min_rows)

    def snapshot(self) -> bytes:
        """Give the evidence of both models as bytes."""
        return msgspec.msgpack.encode({str(m): w.save() for m, w in self._watches.items()})

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot of the same benchmark."""
        try:
            saved = msgspec.msgpack.decode(raw, type=dict[str, bytes])
        except (msgspec.DecodeError, ValueError):
            return False
        fitted = [watch.load(saved.get(str(m), b"")) for m, watch in self._watches.items()]
        return bool(fitted) and all(fitted)

    def detail(self) -> dict[str, object]:
        """Give every output column of both models with its effect, evidence and histograms."""
        if not self._watches:
            return {"reason": self._why_unknown}
        return {
            str(model): detail_of(watch.watch, self._wording)
            for model, watch in self._watches.items()
        }

    def reset(self) -> None:
        """Forget the evidence about both models."""
        for watch in self._watches.values():
            watch.reset()
