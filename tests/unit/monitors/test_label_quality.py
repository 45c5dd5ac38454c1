"""Quality by labels: from predictions and truths to a finding."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

import made
from proxy.benchmark import Benchmark, dump, load
from proxy.monitors import Engine
from proxy.monitors.label_quality import LabelQuality
from proxy.monitors.settings import LabelSettings
from proxy.records import (
    AlarmName,
    Fate,
    Finding,
    Model,
    Rows,
    Scalar,
    Side,
    Truth,
    TruthValue,
    Verdict,
)
from proxy.stats.quality.certified_quality import build_quality
from proxy.stats.quality.measures import score_row
from proxy.stats.quality.target import Answer, Target, TargetKind
from proxy.stats.reference.profile import Profile

ENGINE = Engine(tick_s=1.0)
CANDIDATE, STABLE = Model.CANDIDATE, Model.STABLE
TARGET = Target(kind=TargetKind.CLASS, column="class", known=("0", "1"))


def certified(accuracy: float = 0.9) -> Benchmark:
    """Give a benchmark of two models of this accuracy, by 5,000 labels."""
    rng = np.random.default_rng(1)
    rows = []
    for right in rng.random(5000) < accuracy:
        truth = int(rng.random() < 0.5)
        said = str(truth if right else 1 - truth)
        rows.append(score_row(TARGET, Answer(said), truth, 0.0, 1.0))
    quality = build_quality(TARGET, rows, ordered=True)
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new", "stable": "old"},
        input=Profile(n=0, ordered=False, columns=()),
        quality={model.value: quality for model in Model},
    )


BENCHMARK = certified()


def output(
    key: int,
    values: list[Scalar],
    *ids: str,
    model: Model = CANDIDATE,
    pair_id: int | None = None,
    at_s: float = 0.0,
) -> Rows:
    """Give answers of a model."""
    return made.rows(
        {"class": values},
        exchange_id=key,
        at_s=at_s,
        model=model,
        side=Side.OUTPUT,
        correlation=ids,
        pair_id=pair_id,
    )


def told(name: str, value: TruthValue, row: int | None = None, at_s: float = 0.0) -> Truth:
    """Give a truth."""
    return Truth(id=name, value=value, row=row, at_s=at_s)


def fate(monitor: LabelQuality, truth: Truth, now_s: float = 0.0) -> Fate:
    """Tell one truth; give what became of it."""
    (found,) = monitor.tell([truth], now_s).fates
    return found


class World:
    """A deployment with labels: 20 requests a tick, their truth a tick later."""

    def __init__(self, benchmark: Benchmark | None = BENCHMARK, mirrored: float = 0.5) -> None:
        self.monitor = LabelQuality(LabelSettings(), benchmark, ENGINE)
        self.now_s = 0.0
        self._mirrored = mirrored
        self._rng = np.random.default_rng(3)
        self._key = 0
        self._untold: list[Truth] = []

    def run(self, ticks: int, candidate: float = 0.9, stable: float = 0.9) -> list[Finding]:
        """Let ticks pass with models of these accuracies."""
        findings = []
        for _ in range(ticks):
            truths, self._untold = self._untold, []
            self.monitor.tell(truths, self.now_s)
            for _ in range(20):
                self._request(candidate, stable)
            self.now_s += 1.0
            findings.append(self.monitor.judge(self.now_s))
        return findings

    def _request(self, candidate: float, stable: float) -> None:
        self._key += 2
        name, truth = f"id-{self._key}", int(self._rng.random() < 0.5)
        said = truth if self._rng.random() < candidate else 1 - truth
        self.monitor.observe(output(self._key, [str(said)], name, at_s=self.now_s))
        if self._rng.random() < self._mirrored:
            said = truth if self._rng.random() < stable else 1 - truth
            copy = output(
                self._key + 1, [str(said)], model=STABLE, pair_id=self._key, at_s=self.now_s
            )
            self.monitor.observe(copy)
        self._untold.append(told(name, truth, at_s=self.now_s))


def test_healthy_labels_never_alarm_and_a_fall_of_accuracy_does() -> None:
    """20,000 healthy labels, then 90 % become 80 %: found, and the candidate is alone with it."""
    world = World()
    assert {one.verdict for one in world.run(1000)} <= {Verdict.OK, Verdict.UNKNOWN}
    findings = world.run(150, candidate=0.8)
    breach = next(i for i, one in enumerate(findings) if one.verdict is Verdict.BREACH)
    assert breach < 100
    last = findings[-1]
    assert (last.verdict, last.shared) == (Verdict.BREACH, Verdict.OK)
    assert last.confirmation > np.log(100)
    assert "wrong answers" in last.reason
    healed = world.run(200)
    assert healed[-1].verdict is Verdict.OK


def test_when_both_models_lose_the_cause_is_shared() -> None:
    """What is to be learnt has changed: the stable's answers to the same requests are as bad."""
    world = World()
    world.run(100)
    last = world.run(150, candidate=0.75, stable=0.75)[-1]
    assert (last.verdict, last.shared) == (Verdict.BREACH, Verdict.BREACH)


def test_a_breach_is_dated_by_its_predictions() -> None:
    """The labels came three days later, all at once: the trouble began when the answers did."""
    monitor = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    rng = np.random.default_rng(5)
    truths = []
    for key in range(1, 4001):
        accuracy = 0.9 if key < 2000 else 0.5
        said = "1" if rng.random() < accuracy else "0"
        monitor.observe(output(key, [said], f"id-{key}", at_s=float(key)))
        truths.append(told(f"id-{key}", 1, at_s=float(key)))
    now_s = 3 * 86_400.0
    monitor.tell(truths, now_s)
    finding = next(
        one for tick in range(200) if (one := monitor.judge(now_s + tick)).verdict is Verdict.BREACH
    )
    assert finding.since_s is not None
    assert 1800 < finding.since_s < 2300


def test_without_certified_quality_figures_are_shown_and_nothing_is_concluded() -> None:
    """Unknown, with what to do; accuracy with its interval all the same."""
    world = World(benchmark=None)
    last = world.run(30)[-1]
    assert last.verdict is Verdict.UNKNOWN
    assert "certify with --labels" in last.reason
    detail = msgspec.to_builtins(world.monitor.detail())
    accuracy = detail["models"]["candidate"]["labelled"]["accuracy"]
    assert accuracy["value"] == pytest.approx(0.9, abs=0.06)
    assert accuracy["interval"][0] < 0.9 < accuracy["interval"][1]
    assert detail["coverage"] == pytest.approx(1.0, abs=0.1)
    assert "reason" in detail


def test_a_label_that_comes_before_its_prediction_joins_it() -> None:
    """Under an id that only the request carries, and for a row of a batch."""
    monitor = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    assert fate(monitor, told("early", 1, row=1)) is Fate.WAITING
    question = msgspec.structs.replace(
        output(1, [0.0, 0.0], "early"), side=Side.INPUT, columns=("x",)
    )
    monitor.observe(question)
    monitor.observe(output(1, ["0", "1"]))
    assert monitor.news().fates == {Fate.JOINED: 1}
    assert fate(monitor, told("early", 1, row=1)) is Fate.DUPLICATE


def test_a_label_that_never_meets_a_prediction_is_counted_as_unknown() -> None:
    """Told as waiting at first, since its prediction may be on its way."""
    monitor = LabelQuality(LabelSettings(early_s=5.0), BENCHMARK, ENGINE)
    assert fate(monitor, told("nobody", 1)) is Fate.WAITING
    monitor.judge(4.0)
    assert monitor.news().fates.get(Fate.UNKNOWN, 0) == 0
    monitor.judge(5.5)
    assert monitor.news().fates[Fate.UNKNOWN] == 1


def test_every_fate_of_a_label() -> None:
    """Joined, duplicate, contradictory, ambiguous, wrong in type, class and number of rows."""
    monitor = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    for key, name in ((1, "a"), (2, "b"), (3, "twice"), (4, "twice")):
        monitor.observe(output(key, ["0"], name))
    monitor.observe(output(5, ["0", "1", "1"], "batch"))
    assert fate(monitor, told("a", 0)) is Fate.JOINED
    assert fate(monitor, told("a", 0)) is Fate.DUPLICATE
    assert fate(monitor, told("0000000000000001", 1)) is Fate.CONTRADICTORY
    assert fate(monitor, told("twice", 1)) is Fate.AMBIGUOUS
    assert fate(monitor, told("b", 0.5)) is Fate.WRONG_TYPE
    assert fate(monitor, told("b", "cat")) is Fate.WRONG_TYPE
    assert fate(monitor, told("b", [0, 1])) is Fate.WRONG_TYPE
    assert fate(monitor, told("batch", 1)) is Fate.WRONG_TYPE
    assert fate(monitor, told("batch", 0, row=0)) is Fate.JOINED
    assert fate(monitor, told("batch", [0, 1, 1])) is Fate.JOINED
    assert fate(monitor, told("batch", [0, 1, 0])) is Fate.CONTRADICTORY
    receipt = monitor.tell([told("b", "cat"), told("twice", 1)], 0.0)
    assert "certified classes" in receipt.problems[0]
    assert "several requests" in receipt.problems[1]
    news = monitor.news().fates
    assert (news[Fate.JOINED], news[Fate.WRONG_TYPE]) == (3, 5)
    assert monitor.news().fates == {}


def test_a_list_with_an_unreadable_value_counts_as_nothing_whatever_its_place() -> None:
    """No row of it is evidence, in the figures or told; a right list is taken later."""
    monitor = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    monitor.observe(output(1, ["0", "1", "1"], "batch"))
    receipt = monitor.tell([told("batch", [0, 1, "cat"]), told("batch", ["cat", 1, 1])], 0.0)
    assert receipt.fates == {Fate.WRONG_TYPE: 2}
    assert "batch: row 2 of the list:" in receipt.problems[0]
    assert "none of it is counted" in receipt.problems[0]
    assert (len(monitor._losses), receipt.delays_s) == (0, ())
    assert msgspec.to_builtins(monitor.detail())["models"]["candidate"]["n_labelled"] == 0
    assert fate(monitor, told("batch", [0, None, 0])) is Fate.JOINED
    assert fate(monitor, told("batch", [1, 0, 0])) is Fate.CONTRADICTORY
    assert len(monitor._losses) == 3


def test_a_refused_list_does_not_tell_what_is_predicted() -> None:
    """Without a certificate the first labels tell the kind: those of a refused list do not."""
    monitor = LabelQuality(LabelSettings(), None, ENGINE)
    for rows in (output(1, [1, 2], "whole"), output(2, [1.5, 2.5], "fractions")):
        monitor.observe(msgspec.structs.replace(rows, columns=("prediction",)))
    assert fate(monitor, told("whole", [1, 2])) is Fate.JOINED
    assert fate(monitor, told("fractions", [1.5, "cat"])) is Fate.WRONG_TYPE
    target = msgspec.to_builtins(monitor.detail())["models"]["candidate"]["target"]
    assert target["kind"] == "class"
    assert fate(monitor, told("fractions", [1.5, 2])) is Fate.JOINED
    models = msgspec.to_builtins(monitor.detail())["models"]
    assert models["candidate"]["target"]["kind"] == "number"
    assert models["candidate"]["labelled"]["mae"]["n"] == 4


def test_a_shadow_that_answers_after_the_label_still_counts() -> None:
    """Its loss stands beside that of the candidate, and once only."""
    monitor = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    monitor.observe(output(2, ["0"], "a"))
    assert fate(monitor, told("a", 1)) is Fate.JOINED
    copy = output(3, ["1"], model=STABLE, pair_id=2)
    monitor.observe(copy)
    monitor.observe(copy)
    models = msgspec.to_builtins(monitor.detail())["models"]
    assert models["candidate"]["labelled"]["accuracy"]["value"] == 0.0
    assert models["stable"]["labelled"]["accuracy"] == {
        "value": 1.0,
        "interval": models["stable"]["labelled"]["accuracy"]["interval"],
        "n": 1,
    }
    assert [len(one[4]) for one in monitor._losses._queue] == [0, 2]


def test_an_answer_of_other_rows_than_the_first_is_left_out_and_counted() -> None:
    """Row 1 of two is not row 1 of three: only the answer that came first meets the truths."""
    monitor = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    monitor.observe(output(2, ["0", "1", "1"], "a"))
    monitor.observe(output(3, ["0", "1"], model=STABLE, pair_id=2))
    assert fate(monitor, told("a", [0, 1, 1])) is Fate.JOINED
    monitor.observe(output(5, ["0", "1", "1"], model=STABLE, pair_id=4))
    monitor.observe(output(4, ["0"], "b"))
    assert fate(monitor, told("b", [0, 1, 1])) is Fate.JOINED
    detail = msgspec.to_builtins(monitor.detail())
    counted = [detail["models"][model]["n_labelled"] for model in ("candidate", "stable")]
    assert (counted, detail["store"]["lost"]["unlike"]) == ([3, 3], 2)
    assert not any(one[4] for one in monitor._losses._queue), "no rows are compared"


def test_a_batch_that_was_thinned_otherwise_is_no_second_answer() -> None:
    """As many rows are kept of both, but they are others."""
    monitor = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    monitor.observe(output(2, ["0", "1"], "a"))
    thinned = output(3, ["0", "1"], model=STABLE, pair_id=2)
    monitor.observe(msgspec.structs.replace(thinned, share=0.5))
    assert fate(monitor, told("a", [0, 1])) is Fate.JOINED
    assert msgspec.to_builtins(monitor.detail())["models"]["stable"]["n_labelled"] == 0


def test_a_long_batch_is_thinned_and_its_rows_keep_their_numbers() -> None:
    """Ten of a thousand rows wait; a row that was left out has no prediction."""
    monitor = LabelQuality(LabelSettings(max_rows_per_exchange=10), BENCHMARK, ENGINE)
    monitor.observe(output(1, ["1"] * 1000, "batch"))
    assert fate(monitor, told("batch", 1, row=100)) is Fate.JOINED
    assert fate(monitor, told("batch", 1, row=101)) is Fate.UNKNOWN
    assert fate(monitor, told("batch", 1, row=1000)) is Fate.WRONG_TYPE
    assert fate(monitor, told("batch", [1] * 1000)) is Fate.JOINED


def test_silence_is_told_and_ends_nothing() -> None:
    """A breach without labels is not measured; without a breach a day may pass between files."""
    world = World()
    world.run(50)
    for hour in range(1, 24):
        finding = world.monitor.judge(world.now_s + 3600.0 * hour)
        assert finding.verdict is Verdict.OK, hour
    finding = world.monitor.judge(world.now_s + 90_000.0)
    assert (finding.verdict, finding.reason) == (Verdict.UNKNOWN, "no label for 25 hours")
    world.run(200, candidate=0.7)
    for _ in range(30):
        finding = world.monitor.judge(world.now_s)
    assert finding.verdict is Verdict.UNKNOWN
    assert "no label has come since" in finding.reason
    fresh = LabelQuality(LabelSettings(), BENCHMARK, ENGINE).judge(0.0)
    assert "POST /api/v1/labels" in fresh.reason


def test_evidence_and_waiting_predictions_outlive_a_restart() -> None:
    """On another clock: the same evidence, the same figures, and a label that comes later."""
    world = World()
    world.run(100, candidate=0.85)
    world.monitor.observe(output(9_999_999, ["1"], "late", at_s=world.now_s))
    raw = world.monitor.snapshot()
    assert len(raw) < 500_000
    engine = Engine(tick_s=1.0, utc_offset_s=-50.0)
    other = LabelQuality(LabelSettings(), BENCHMARK, engine)
    assert other.restore(raw)
    assert fate(other, told("late", 1, at_s=world.now_s + 60), world.now_s + 60) is Fate.JOINED
    assert other.news().delays_s == (10.0,)
    before, after = world.monitor.judge(world.now_s), other.judge(world.now_s + 50)
    assert after.evidence == pytest.approx(before.evidence, abs=1.0)
    shown = [msgspec.to_builtins(one.detail())["models"]["candidate"] for one in (other,)]
    assert shown[0]["n_labelled"] > 900
    assert not other.restore(b"nonsense")
    switched = LabelQuality(LabelSettings(tolerance=0.2), BENCHMARK, ENGINE)
    assert not switched.restore(raw), "evidence of another tolerance does not fit"
    assert len(switched._store) > 0, "what waits is kept all the same"


def test_a_flood_of_predictions_and_labels_stays_within_bounds() -> None:
    """Without a label a tenth of the room; with labels no more than the room."""
    settings = LabelSettings(max_waiting=1000)
    monitor = LabelQuality(settings, BENCHMARK, ENGINE)
    for key in range(1, 5000):
        monitor.observe(output(key, ["1"], f"id-{key}", at_s=float(key)))
    assert monitor._store.n_rows <= 100
    assert len(monitor.snapshot()) < 50_000
    monitor.tell([told("id-1", 1)], 0.0)
    for key in range(5000, 20_000):
        monitor.observe(output(key, ["1"], f"id-{key}", at_s=float(key)))
    assert 250 <= monitor._store.n_rows <= 1000
    monitor.tell([told(f"no-{i}", 1, at_s=20_000.0) for i in range(30_000)], 20_000.0)
    assert monitor._store.n_early <= 10_000
    assert monitor.news().fates[Fate.UNKNOWN] >= 20_000


def test_what_is_switched_off_or_contradicts_the_certificate_says_so() -> None:
    """No alarm can come of either; the reason names the key."""
    off = LabelQuality(LabelSettings(enabled=False), BENCHMARK, ENGINE)
    off.observe(output(1, ["1"], "a"))
    assert fate(off, told("a", 1)) is Fate.UNKNOWN
    assert off.judge(1.0).reason == "switched off"
    other = LabelQuality(LabelSettings(kind="number"), BENCHMARK, ENGINE).judge(1.0)
    assert other.verdict is Verdict.UNKNOWN
    assert "monitors.labels.kind" in other.reason
    unclear = LabelQuality(LabelSettings(), None, ENGINE)
    unclear.observe(msgspec.structs.replace(output(1, ["1"]), columns=("a",)))
    assert fate(unclear, told("0000000000000001", 1)) is Fate.JOINED
    two = msgspec.structs.replace(output(2, ["1"]), columns=("a", "b"), values=(["1"], ["2"]))
    unclear.observe(two)
    assert "monitors.labels.prediction" in unclear.judge(2.0).reason


def test_an_answer_without_rows_is_left_out() -> None:
    """Nothing can be labelled in it, and it must not stop the watching."""
    monitor = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    monitor.observe(output(1, [], "a"))
    assert len(monitor._store) == 0


def test_a_reset_forgets_the_evidence_and_keeps_what_waits() -> None:
    """A restored candidate begins with a clean sheet; labels of earlier requests still come."""
    world = World()
    world.run(200, candidate=0.7)
    world.monitor.reset()
    finding = world.monitor.judge(world.now_s)
    assert finding.verdict is not Verdict.BREACH
    assert len(world.monitor._store) > 0


def test_the_benchmark_keeps_the_quality() -> None:
    """Written and read, it watches the same."""
    again = load(dump(BENCHMARK))
    assert again.quality == BENCHMARK.quality
    assert LabelQuality(LabelSettings(), again, ENGINE).name is AlarmName.LABEL_QUALITY
