"""Is the candidate as good as it was certified, now that the truth is known?

Sampled predictions of both models wait for their truth, which may come after weeks, or before them.
Every labelled row has a loss, and the losses are bet on like everything else (`windows.losses`).

The stable model's answers to mirrored requests meet the same truths. The candidate is alone with a
loss only when it lost more than the stable did on the very same rows; when the stable lost as well,
what is to be learnt has changed, and leading traffic to it would not help.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import LabelSettings
from proxy.records import (
    AlarmName,
    Fate,
    Finding,
    LabelNews,
    Model,
    Observation,
    Receipt,
    Rows,
    Scalar,
    Side,
    Truth,
    Verdict,
)
from proxy.records.truth import MAX_PROBLEMS
from proxy.stats.basis.demands import Tolerance
from proxy.stats.engine.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.engine.watch import Watch
from proxy.stats.quality.certified_quality import describe_loss
from proxy.stats.quality.target import MisfitError, TargetKind
from proxy.units import HOUR_S
from proxy.windows import scoring
from proxy.windows.asked import Asked, is_same, values_of
from proxy.windows.labelled import Labelled, Wish
from proxy.windows.labels import SAVED_REQUESTS, LabelStore, Room
from proxy.windows.losses import LossWatch
from proxy.windows.scoring import ByPlace

IDLE_PART: Final = 0.1
"""Part of the room that is used while no label has ever come."""
IDLE_SAVED: Final = 200
"""Requests that outlive a restart while no label has ever come: they are written again and again,
most likely for nothing."""
SILENT_TICKS: Final = 10
"""After as many ticks without labels, a breach that lasts is not measured any more."""
MAX_DELAYS: Final = 20_000
COVERAGE_EVERY_S: Final = 10.0
OF_ONE: Final = "this replica"
OF_FLEET: Final = (
    "this replica: figures, coverage, delay and what waits; the fleet: evidence and its streams"
)


class LabelQuality:
    """Quality of the candidate by labels, against the certified quality."""

    name = AlarmName.LABEL_QUALITY

    def __init__(
        self, settings: LabelSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch against the certified quality; without one figures are shown, and no more."""
        self._settings = settings
        self._engine = engine
        wish = wish_of(settings)
        certified = benchmark.quality if benchmark is not None else {}
        own = certified.get(Model.CANDIDATE)
        self._misfit = "" if own is None else wish.contradicts(own.target)
        self._store = LabelStore(
            Room(
                max_rows=settings.max_waiting,
                max_bytes=settings.max_bytes,
                horizon_s=settings.horizon_s,
                early_s=settings.early_s,
            )
        )
        self._store.use(IDLE_PART)
        self._labelled = {
            model: Labelled(certified.get(model), wish, settings.window) for model in Model
        }
        tolerance = Tolerance(
            effect=settings.tolerance,
            reference_z=settings.reference_z,
            unmeasured_design_effect=settings.unmeasured_design_effect,
            worse_only=True,
        )
        usable = certified if not self._misfit else {}
        self._losses = LossWatch(usable, tolerance, engine.certainty)
        self._wording = Wording(
            name=self.name,
            rows="labelled predictions",
            min_rows=settings.min_labels,
            tick_s=engine.tick_s,
            describe=describe_loss,
        )
        self._asked: tuple[int, tuple[str, ...]] = (0, ())
        self._news: Counter[Fate] = Counter()
        self._delays_s: list[float] = []
        self._last_label_s: float | None = None
        self._coverage: tuple[float, float | None] = (0.0, None)
        self._now_s = 0.0
        self._is_pooled = False

    # What is seen.

    def observe(self, value: Observation) -> None:
        """Keep the predictions of a sampled request, under every id it is known by."""
        if not isinstance(value, Rows) or not self._settings.enabled:
            return
        if value.side is Side.INPUT:
            # The ids that only the request carries, for its answer, which is read next.
            self._asked = (value.exchange_id, value.correlation)
            return
        ids = value.correlation
        if self._asked[0] == value.exchange_id:
            ids = tuple(dict.fromkeys((*ids, *self._asked[1])))
        asked = self._keep(value, ids)
        key = value.exchange_id if value.pair_id is None else value.pair_id
        for truth in self._store.early((*ids, f"{key:016x}")):
            fate = Fate.UNKNOWN if asked is None else self._join(asked, truth, value.at_s)[0]
            self._count(fate)

    def _keep(self, rows: Rows, ids: tuple[str, ...]) -> Asked | None:
        """Keep the answers of one model; `None` without rows, or without room for this request."""
        if rows.n == 0:
            return None
        labelled, most = self._labelled[rows.model], self._settings.max_rows_per_exchange
        at = range(0, rows.n, -(-rows.n // most))
        answers = labelled.picker.answers(rows, at)
        weight = rows.weight * rows.n / len(at)
        for answer in answers:
            labelled.predicted(answer, weight)
        key = rows.exchange_id if rows.pair_id is None else rows.pair_id
        asked = self._store.ask(key, rows.at_s) if answers else None
        if asked is None:
            return None
        self._store.name(asked, ids)
        if rows.model in asked.answers or not self._fits(asked, rows, at):
            return asked
        self._store.answer(asked, rows.model, answers, weight)
        if asked.told:
            # The other model was labelled while this answer was on its way.
            self._score_late(asked, rows.model)
        return asked

    def _fits(self, asked: Asked, rows: Rows, at: range) -> bool:
        """Tell whether the kept rows are those of the other model's answer, if that came first.

        Otherwise nobody knows which of its rows a truth is about, and it is left out.
        """
        n = round(rows.n / rows.share)
        places = [i * n // rows.n for i in at] if n > len(at) else None
        if not asked.answers:
            asked.n, asked.places = n, places
        elif (asked.n, asked.places) != (n, places):
            self._store.lost.unlike += 1
            return False
        return True

    # What is told.

    def tell(self, truths: Iterable[Truth], now_s: float) -> Receipt:
        """Take truths; say what became of each."""
        fates: Counter[Fate] = Counter()
        problems: dict[str, None] = {}
        n_before = len(self._delays_s)
        for truth in truths:
            fate, problem = self._tell(truth, now_s)
            fates[fate] += 1
            self._count(fate)
            if problem and len(problems) < MAX_PROBLEMS:
                problems[problem] = None
        self._store.use(1.0)
        delays_s = tuple(self._delays_s[n_before:])
        return Receipt(fates=dict(fates), delays_s=delays_s, problems=tuple(problems))

    def _tell(self, truth: Truth, now_s: float) -> tuple[Fate, str]:
        if not self._settings.enabled:
            return Fate.UNKNOWN, "monitors.labels.enabled is false"
        found = self._store.find(truth.id)
        if found is Fate.AMBIGUOUS:
            return found, f"{truth.id}: several requests came under this id: give each its own"
        if isinstance(found, Fate) or not found.answers:
            return self._store.wait(truth, now_s), ""
        return self._join(found, truth, now_s)

    def _join(self, asked: Asked, truth: Truth, now_s: float) -> tuple[Fate, str]:
        """Put a truth beside its prediction: every row of it that is new counts."""
        try:
            values = values_of(asked, truth)
            new = {place: one for place, one in values.items() if place not in asked.told}
            scored = scoring.read(self._labelled, asked, new) if new else {}
        except (ValueError, MisfitError) as error:
            return Fate.WRONG_TYPE, f"{truth.id}: {error}"
        told = [is_same(asked.told[at], one) for at, one in values.items() if at in asked.told]
        if scored:
            self._take(asked, new, scored)
            self._last_label_s = now_s
            self._store.joined(truth.at_s - asked.at_s)
            if len(self._delays_s) < MAX_DELAYS:
                self._delays_s.append(max(0.0, truth.at_s - asked.at_s))
        if not all(told):
            return Fate.CONTRADICTORY, f"{truth.id}: another label came before, which stands"
        if scored:
            return Fate.JOINED, ""
        # Neither new nor told before: it is about a row that was left out of a long batch.
        return (Fate.DUPLICATE if told else Fate.UNKNOWN), ""

    def _take(self, asked: Asked, values: Mapping[int, Scalar], scored: ByPlace) -> None:
        """Let rows that were told now count, as evidence and in the figures."""
        for row in scored.values():
            self._losses.put(row, tuple(row))
        scoring.add(self._labelled, asked, values, scored)
        self._store.tell(asked, {place: values[place] for place in scored})

    def _score_late(self, asked: Asked, model: Model) -> None:
        """Score an answer that came after its truth, beside the other one where it is certified."""
        models = tuple(asked.answers) if self._losses.knows_both else (model,)
        scored, _ = scoring.score(self._labelled, asked, asked.told, models)
        for row in scored.values():
            self._losses.put(row, (model,))
        own = {place: {model: row[model]} for place, row in scored.items() if model in row}
        scoring.add(self._labelled, asked, asked.told, own)

    def _count(self, fate: Fate) -> None:
        """Count a final fate; one that waits is counted when it is known."""
        if fate is not Fate.WAITING:
            self._news[fate] += 1

    def news(self) -> LabelNews:
        """Give what became of labels since this was last asked, and the figures as they stand."""
        news = LabelNews(
            fates=dict(self._news),
            delays_s=tuple(self._delays_s),
            figures=tuple(
                (model.value, name, source, measure.value)
                for model, labelled in self._labelled.items()
                for source, figures in labelled.by_source().items()
                for name, measure in figures.items()
            ),
            coverage=self._covered(),
        )
        self._news.clear()
        self._delays_s.clear()
        return news

    # What is concluded.

    def judge(self, now_s: float) -> Finding:
        """Fold some of the labelled rows and conclude about the candidate."""
        if not self._settings.enabled:
            return unknown(self.name, now_s, "switched off")
        self._now_s = now_s
        self._news[Fate.UNKNOWN] += self._store.expire(now_s)
        for labelled in self._labelled.values():
            labelled.tick()
        self._losses.fold()
        if self._losses.silent_ticks == 0:
            # With several replicas the label may have come to another one.
            self._last_label_s = now_s
        watch = self._losses.watches.get(Model.CANDIDATE)
        if watch is None:
            return unknown(self.name, now_s, self._why_uncertified())
        finding = conclude(watch, self._wording, now_s, self._losses.shared(self._wording.min_rows))
        if finding.verdict is Verdict.BREACH and self._losses.onset_s is not None:
            finding = msgspec.structs.replace(finding, since_s=self._losses.onset_s)
        reason = self._why_silent(now_s, finding)
        if not reason:
            return finding
        return msgspec.structs.replace(finding, verdict=Verdict.UNKNOWN, reason=reason)

    def _why_silent(self, now_s: float, finding: Finding) -> str:
        """Say why nothing is concluded for want of fresh labels; empty when it is."""
        if finding.verdict is Verdict.BREACH:
            # Without labels nothing can confirm a breach, and nothing can end it.
            is_silent = self._losses.silent_ticks > SILENT_TICKS
            return f"{finding.reason}; no label has come since" if is_silent else ""
        # Labels of answers without a prediction come, and join nothing.
        trouble = self._labelled[Model.CANDIDATE].picker.trouble
        if self._last_label_s is None:
            return trouble or "no label has come yet: send them with POST /api/v1/labels"
        age_s = now_s - self._last_label_s
        if age_s <= self._settings.stale_s:
            return ""
        silence = f"no label for {age_s / HOUR_S:.0f} hours"
        return f"{silence}; {trouble}" if trouble else silence

    def _why_uncertified(self) -> str:
        if self._misfit:
            return f"{self._misfit}: certify again"
        labelled = self._labelled[Model.CANDIDATE]
        if labelled.picker.trouble:
            return labelled.picker.trouble
        n = len(labelled)
        seen = f"{n} labelled predictions are shown, but nothing" if n else "nothing"
        return f"no certified quality, so {seen} says what is normal: certify with --labels"

    def pooled(self) -> dict[str, Watch]:
        """Give the watches of the losses, for counts of the tick to be added up over replicas.

        What waits, figures, coverage and delays stay those of this replica.
        """
        self._is_pooled = self._settings.enabled
        return self._losses.pooled() if self._settings.enabled else {}

    # What people see, and what survives a restart.

    def detail(self) -> dict[str, object]:
        """Give figures by model and source, delays, coverage, losses, and the streams."""
        watches = self._losses.watches
        found: dict[str, object] = {
            "models": {str(model): one.shown() for model, one in self._labelled.items()},
            "store": self._store.shown() | {"to_be_folded": len(self._losses)},
            "coverage": self._covered(),
            "of": OF_FLEET if self._is_pooled else OF_ONE,
        }
        if Model.CANDIDATE not in watches:
            found["reason"] = self._why_uncertified()
        return found | {
            str(model): detail_of(watch, self._wording) for model, watch in watches.items()
        }

    def _covered(self) -> float | None:
        """Give the coverage, counted anew every ten seconds."""
        counted_s, share = self._coverage
        if share is None or self._now_s - counted_s >= COVERAGE_EVERY_S:
            share = self._store.coverage(self._now_s)
            self._coverage = (self._now_s, share)
        return share

    def snapshot(self) -> bytes:
        """Give the evidence and some of the waiting predictions as bytes."""
        offset_s = self._engine.utc_offset_s
        last_s = None if self._last_label_s is None else self._last_label_s + offset_s
        most = SAVED_REQUESTS if last_s is not None else IDLE_SAVED
        saved = _Saved(self._losses.save(), self._store.save(offset_s, most), last_s)
        return msgspec.msgpack.encode(saved)

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot; what waits is kept even if the evidence does not fit."""
        try:
            saved = msgspec.msgpack.decode(raw, type=_Saved)
        except (msgspec.DecodeError, ValueError):
            return False
        offset_s = self._engine.utc_offset_s
        self._store.load(saved.store, offset_s)
        self._last_label_s = None if saved.last_utc_s is None else saved.last_utc_s - offset_s
        if saved.last_utc_s is not None:
            self._store.use(1.0)
        for asked in self._store:
            # Rows that were labelled in an earlier life count in the figures, not as evidence.
            scored, _ = scoring.score(self._labelled, asked, asked.told, asked.answers)
            scoring.add(self._labelled, asked, asked.told, scored)
        return self._losses.load(saved.losses)

    def reset(self) -> None:
        """Forget the evidence about both models, not what waits for its label."""
        self._losses.reset()


class _Saved(Struct, frozen=True):
    losses: bytes
    store: bytes
    last_utc_s: float | None


def wish_of(settings: LabelSettings) -> Wish:
    """Give what the settings say about predictions."""
    return Wish(
        prediction=settings.prediction,
        confidence=settings.confidence,
        kind=None if settings.kind == "auto" else TargetKind(settings.kind),
        classes=settings.classes,
        positive=settings.positive,
        threshold=settings.threshold,
    )
