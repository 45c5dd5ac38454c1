"""Quality by labels: from predictions and truths to a finding."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from proxy.benchmark import dump, load
from proxy.monitors import Engine
from proxy.monitors.label_quality import LabelQuality
from proxy.monitors.settings import LabelSettings
from proxy.records import AlarmName, Fate, Verdict
from truths import BENCHMARK, ENGINE, World, fate, output, told


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


def test_a_silence_for_want_of_predictions_says_so() -> None:
    """The column of the prediction is gone: labels come, and join nothing."""
    world = World()
    world.run(20)
    other = msgspec.structs.replace(output(1, ["1"], "a"), columns=("score",))
    world.monitor.observe(other)
    assert world.monitor.judge(world.now_s).verdict is Verdict.OK
    late = world.monitor.judge(world.now_s + 90_000.0)
    assert late.verdict is Verdict.UNKNOWN
    assert late.reason.startswith("no label for 25 hours; which output column")
    fresh = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    fresh.observe(other)
    assert "monitors.labels.prediction" in fresh.judge(0.0).reason


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
