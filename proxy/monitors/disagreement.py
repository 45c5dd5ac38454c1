"""Do candidate and stable differ more on the same requests than when they were certified?

Two streams, both watched for growth only: the share of rows whose answers differ, and where answers
are numbers the distance between them. The input is the same for both models, so it can make them
differ more, but it is not measured here: whether the cause is shared stays unknown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import AgreementSettings
from proxy.records import AlarmName, Compared, Finding, Observation, Verdict
from proxy.stats.basis.demands import Tolerance
from proxy.stats.basis.functionals import Floats
from proxy.stats.basis.intervals import share_upper_bound
from proxy.stats.engine import snapshot
from proxy.stats.engine.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.engine.effects import Effect, absolute_share, effect_of
from proxy.stats.engine.streams import WatchedStream, watch_columns, watch_shares
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.floors import Agreement

DIFFER: Final = 0
"""Stream of the share of rows that differ."""
DISTANCE: Final = 1
"""Stream of the distances; there is none where answers are labels."""


class Disagreement:
    """Disagreement of candidate and stable against the certified agreement."""

    name = AlarmName.DISAGREEMENT

    def __init__(
        self, settings: AgreementSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch against the certified agreement; without one nothing can be said."""
        agreement = benchmark.agreement if benchmark is not None and settings.enabled else None
        self._agreement = agreement if agreement is not None and agreement.n > 0 else None
        self._watch = None
        if self._agreement is not None:
            terms = msgspec.json.encode(self._agreement)
            self._watch = Watch(_streams(self._agreement, settings), engine.certainty, terms)
        profile = self._agreement.distance if self._agreement is not None else None
        self._binner = profile.binner() if profile is not None else None
        self._wording = Wording(
            name=self.name,
            rows="compared rows",
            min_rows=settings.min_pairs,
            tick_s=engine.tick_s,
            describe=_describe,
        )
        self._why_unknown = "switched off" if not settings.enabled else "no certified agreement"

    def observe(self, value: Observation) -> None:
        """Count both models' answers to the same request, which were compared by our agreement."""
        if self._watch is None or not isinstance(value, Compared):
            return
        self._watch.add(DIFFER, np.array(value.differ, dtype=np.intp))
        if self._binner is not None:
            self._watch.add(DISTANCE, self._binner.bins(value.distances))

    def judge(self, now_s: float) -> Finding:
        """Fold the pairs since the last tick and conclude."""
        if self._watch is None:
            return unknown(self.name, now_s, self._why_unknown)
        self._watch.tick()
        return conclude(self._watch, self._wording, now_s, Verdict.UNKNOWN)

    def pooled(self) -> dict[str, Watch]:
        """Give the watch, for counts of the tick to be added up over replicas."""
        return {} if self._watch is None else {"pairs": self._watch}

    def snapshot(self) -> bytes:
        """Give the evidence as bytes."""
        return b"" if self._watch is None else snapshot.save(self._watch)

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot of the same benchmark."""
        return self._watch is not None and snapshot.load(self._watch, raw)

    def detail(self) -> dict[str, object]:
        """Give the share of rows that differ with its interval, and the distances."""
        if self._watch is None or self._agreement is None:
            return {"reason": self._why_unknown}
        watch = self._watch
        effect = absolute_share(watch.streams[DIFFER], 0, watch.current(DIFFER))
        return detail_of(watch, self._wording) | {
            "disagreement": effect.value,
            "disagreement_interval": effect.interval,
            "n_compared": effect.n,
            "certified_disagreement": self._agreement.n_differ / self._agreement.n,
            "certified_n": self._agreement.n,
        }

    def reset(self) -> None:
        """Forget the evidence."""
        if self._watch is not None:
            self._watch.reset()


def _streams(agreement: Agreement, settings: AgreementSettings) -> tuple[WatchedStream, ...]:
    bound = share_upper_bound(agreement.n_differ, agreement.n)
    streams = watch_shares(
        "",
        {"answers differ": bound},
        agreement.n,
        Tolerance(effect=settings.tolerance, worse_only=True),
        settings.unmeasured_design_effect,
    )
    if agreement.distance is None:
        return streams
    tolerance = Tolerance(
        effect=settings.distance_tolerance,
        unmeasured_design_effect=settings.unmeasured_design_effect,
        worse_only=True,
    )
    return streams + watch_columns((agreement.distance,), {}, tolerance)


def _describe(stream: WatchedStream, functional: int, counts: Floats) -> Effect:
    """Give the share that differs as such, and the distance in units of its certified spread."""
    if stream.column is None:
        return absolute_share(stream, functional, counts)
    effect = effect_of(stream, functional, counts)
    # A column of the inputs may be called distance.
    told = f"distance between the answers{effect.summary.removeprefix(stream.name)}"
    return replace(effect, summary=told)
