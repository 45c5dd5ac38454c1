"""Does the candidate still answer as it did when it was certified?

The same detector watches the stable model against its own certified answers. When both drift, what
comes in has changed; when only the candidate does, the candidate has. Beside the columns of the
answers a second watch, on a part of the same budget of false alarms, looks at columns *within* each
predicted class: there a model shows that it changed its mind about a part of the inputs.
"""

from __future__ import annotations

import msgspec

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import DriftSettings
from proxy.records import AlarmName, Case, Finding, Model, Observation, Rows, Side, Verdict
from proxy.stats.engine.acquittal import Abreast, shared_by
from proxy.stats.engine.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.engine.watch import Watch
from proxy.stats.explain.evidence import SideEvidence, evidence_of
from proxy.stats.watches.conditional_watch import ConditionalWatch, conditional_watch, split
from proxy.stats.watches.drift import ProfileWatch, paced, profile_watch, recent_detail


class OutputDrift:
    """Drift of the candidate's answers against its certified answers."""

    name = AlarmName.OUTPUT_DRIFT

    def __init__(
        self, settings: DriftSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch against the benchmark's output profiles; without one nothing can be said."""
        outputs = benchmark.outputs if benchmark is not None and settings.enabled else {}
        self._engine = engine
        self._watches: dict[Model, ProfileWatch] = {}
        self._within: dict[Model, ConditionalWatch] = {}
        rule, (part, rest) = settings.rule(engine.tick_s), split(engine.certainty)
        for model in Model:
            profile = outputs.get(model)
            within = conditional_watch(profile, rule, rest, settings.max_conditional)
            if within is not None:
                self._within[model] = within
            certainty = engine.certainty if within is None else part
            watch = profile_watch(profile, rule, certainty)
            if watch is not None:
                self._watches[model] = watch
        self._abreast = {within: Abreast() for within in (False, True)}
        """How the ticks of both models lie: of their columns, and within classes."""
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
        elif isinstance(value, Case):
            within = self._within.get(value.output.model)
            if within is not None:
                within.count_case(value)

    def judge(self, now_s: float) -> Finding:
        """Fold the answers since the last tick and conclude about the candidate."""
        for watch in (*self._watches.values(), *self._within.values()):
            watch.tick(self._engine.mid_tick_utc_s(now_s))
        self._note()
        candidate = self._watches.get(Model.CANDIDATE)
        if candidate is None:
            return unknown(self.name, now_s, self._why_unknown)
        if misfit := candidate.misfit():
            return unknown(self.name, now_s, misfit)
        spoken = self._spoken(candidate)
        shared = self._shared(spoken, is_within=spoken is not candidate.watch)
        return paced(conclude(spoken, self._wording, now_s, shared), candidate)

    def _note(self) -> None:
        """Take note of how the ticks of both models lie side by side."""
        for abreast, watches in (
            (self._abreast[False], self._watches),
            (self._abreast[True], self._within),
        ):
            if len(watches) == len(Model):
                abreast.note(watches[Model.STABLE].watch, watches[Model.CANDIDATE].watch)

    def _spoken(self, candidate: ProfileWatch) -> Watch:
        """Give the watch that has something to say about the candidate."""
        within = self._within.get(Model.CANDIDATE)
        if candidate.watch.breach is None and within is not None:
            # When no column moved, it may be what belongs to the classes that did.
            return candidate.watch if within.watch.breach is None else within.watch
        return candidate.watch

    def _shared(self, spoken: Watch, *, is_within: bool) -> Verdict:
        """Say whether the stable's answers drift too, so that the cause is shared.

        `spoken`: the watch that speaks for the candidate.
        `is_within`: the candidate's show it within classes only. Then the stable's columns, which
        say nothing about that, cannot acquit the data: rows of its classes must.
        """
        stable, within = self._watches.get(Model.STABLE), self._within.get(Model.STABLE)
        if stable is None or stable.misfit():
            return Verdict.UNKNOWN
        if within is not None and within.watch.breach is not None:
            return Verdict.BREACH
        witness = within if is_within else stable
        if witness is None:
            return Verdict.UNKNOWN
        abreast = self._abreast[is_within]
        return shared_by(witness.watch, spoken, self._wording.min_rows, abreast)

    def pooled(self) -> dict[str, Watch]:
        """Give the watches, for counts of the tick to be added up over replicas."""
        return {name: watch.gather() for name, watch in self._named().items()}

    def sides(self) -> dict[str, ProfileWatch]:
        """Give the watch of the candidate's answers, for whoever follows their days."""
        candidate = self._watches.get(Model.CANDIDATE)
        return {} if candidate is None else {Model.CANDIDATE.value: candidate}

    def snapshot(self) -> bytes:
        """Give the evidence of both models as bytes."""
        return msgspec.msgpack.encode({name: w.save() for name, w in self._named().items()})

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot of the same benchmark."""
        try:
            saved = msgspec.msgpack.decode(raw, type=dict[str, bytes])
        except (msgspec.DecodeError, ValueError):
            return False
        fitted = [watch.load(saved.get(name, b"")) for name, watch in self._named().items()]
        return bool(fitted) and all(fitted)

    def _named(self) -> dict[str, ProfileWatch]:
        """Give every watch by the name under which its evidence is saved."""
        within = {f"{model} within classes": watch for model, watch in self._within.items()}
        return {str(model): watch for model, watch in self._watches.items()} | within

    def detail(self) -> dict[str, object]:
        """Give every output column of both models with its effect, evidence and histograms."""
        if not self._watches:
            return {"reason": self._why_unknown}
        return {str(model): self._detail_of(model, watch) for model, watch in self._watches.items()}

    def _detail_of(self, model: Model, watch: ProfileWatch) -> dict[str, object]:
        """Give the columns of one model, then those within classes."""
        detail = detail_of(watch.watch, self._wording) | {"recent": recent_detail(watch)}
        within = self._within.get(model)
        if within is None:
            return detail
        more = detail_of(within.watch, self._wording)
        streams = [*_listed(detail.pop("streams")), *_listed(more.pop("streams"))]
        return detail | {"within_classes": more, "streams": streams}

    def evidence(self) -> SideEvidence | None:
        """Give what the candidate's watch knows, for who explains it; `None` without one."""
        candidate = self._watches.get(Model.CANDIDATE)
        if candidate is None:
            return None
        known = evidence_of(candidate.watch, self._wording)
        spoken = self._spoken(candidate)
        if spoken is candidate.watch:
            return known
        # The columns within classes are none of the rows: those stay the candidate's.
        columns = evidence_of(spoken, self._wording).columns
        return msgspec.structs.replace(known, columns=columns)

    def reset(self) -> None:
        """Forget the evidence about both models."""
        for watch in self._named().values():
            watch.reset()


def _listed(streams: object) -> list[object]:
    return streams if isinstance(streams, list) else []
