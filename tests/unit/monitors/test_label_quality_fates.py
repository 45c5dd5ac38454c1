"""Quality by labels: what becomes of each label, and of which rows."""

from __future__ import annotations

import msgspec

from proxy.monitors.label_quality import LabelQuality
from proxy.monitors.settings import LabelSettings
from proxy.records import Fate, Side
from truths import BENCHMARK, ENGINE, STABLE, fate, output, told


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


def test_a_label_by_the_id_of_the_exchange_may_come_first_too() -> None:
    """Its 16 hexadecimal digits are known as soon as it was answered, before it is read."""
    monitor = LabelQuality(LabelSettings(), BENCHMARK, ENGINE)
    assert fate(monitor, told("0000000000000abc", 1)) is Fate.WAITING
    monitor.observe(output(7, ["1"], model=STABLE, pair_id=0xABC))
    assert monitor.news().fates == {Fate.JOINED: 1}


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
    assert fate(monitor, told("a", "0")) is Fate.DUPLICATE
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
    assert [one[4] is not None for one in monitor._losses._queue] == [False, True]


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
    assert {one[4] for one in monitor._losses._queue} == {None}, "no rows are compared"


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
