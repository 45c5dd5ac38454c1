"""What waits on disk survives, once, within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

import made
from proxy.actuators.outbox import MAX_KNOWN, Outbox


def test_a_notice_waits_for_each_receiver_until_it_has_it(tmp_path: Path) -> None:
    """One receiver's delivery leaves the other's; the last one removes the file."""
    outbox = Outbox(tmp_path, 10)
    outbox.put(made.notice(), ("one", "two"), 5.0)
    (entry,) = outbox.waiting("one")
    outbox.done(entry, "one")
    assert outbox.waiting("one") == ()
    assert [it.notice for it in Outbox(tmp_path, 10).waiting("two")] == [made.notice()]
    outbox.done(entry, "two")
    assert len(outbox) == 0
    assert list(tmp_path.glob("*.notice")) == []


def test_an_id_is_taken_in_once_also_after_its_delivery_and_a_restart(tmp_path: Path) -> None:
    """A decision repeated after a crash is told once."""
    outbox = Outbox(tmp_path, 10)
    outbox.put(made.notice(), ("one",), 0.0)
    outbox.put(made.notice(), ("one",), 0.0)
    assert len(outbox.waiting("one")) == 1
    outbox.done(outbox.waiting("one")[0], "one")
    later = Outbox(tmp_path, 10)
    later.put(made.notice(), ("one",), 0.0)
    assert len(later) == 0


def test_order_survives_a_restart(tmp_path: Path) -> None:
    """The end is never told before the beginning."""
    outbox = Outbox(tmp_path, 20)
    for number in range(12):
        outbox.put(made.notice(id=f"n{number}"), ("one",), 0.0)
    outbox.done(outbox.waiting("one")[0], "one")
    later = Outbox(tmp_path, 20)
    later.put(made.notice(id="last"), ("one",), 0.0)
    ids = [it.notice.id for it in later.waiting("one")]
    assert ids == [*(f"n{number}" for number in range(1, 12)), "last"]


def test_the_oldest_goes_when_it_is_full(tmp_path: Path) -> None:
    """Memory and disk are bounded, and what had to go is given for the count."""
    outbox = Outbox(tmp_path, 2)
    for number in range(2):
        assert outbox.put(made.notice(id=f"n{number}"), ("one",), 0.0) == ()
    gone = outbox.put(made.notice(id="n2"), ("one",), 0.0)
    assert [it.notice.id for it in gone] == ["n0"]
    assert len(list(tmp_path.glob("*.notice"))) == 2


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    """Ids, open incidents and their listeners do not grow for ever."""
    outbox = Outbox(tmp_path, 3)
    for number in range(6):
        outbox.put(made.notice(id=f"n{number}", incident=f"i{number}"), ("one",), 0.0)
    assert [it.incident for it in outbox.open_notices("one")] == ["i3", "i4", "i5"]
    assert MAX_KNOWN >= 1000


def test_an_open_incident_keeps_its_last_words_until_it_is_over(tmp_path: Path) -> None:
    """Receivers that forget are re-told from here; who heard of it is remembered."""
    outbox = Outbox(tmp_path, 10)
    outbox.put(made.notice(id="1", title="first"), ("one",), 0.0)
    outbox.put(made.notice(id="2", title="joined"), ("two",), 0.0)
    outbox.put(made.notice(id="3", kind="escalation"), ("two",), 0.0)
    outbox.put(made.notice(id="4", kind="action"), ("three",), 0.0)
    later = Outbox(tmp_path, 10)
    assert [it.id for it in later.open_notices("one")] == ["2"]
    assert [it.id for it in later.open_notices("two")] == ["2", "3"]
    assert later.told("a1/disagreement#1") == ("one", "two")
    later.put(made.notice(id="5", kind="resolved"), (), 0.0)
    assert later.open_notices("two") == ()
    assert later.told("a1/disagreement#1") == ()


def test_a_damaged_file_is_put_away(tmp_path: Path) -> None:
    """The others are delivered, and the damaged one is kept for people."""
    Outbox(tmp_path, 10).put(made.notice(), ("one",), 0.0)
    (tmp_path / "000000000000-damaged.notice").write_bytes(b"{")
    (tmp_path / "memory.json").write_bytes(b"{")
    assert len(Outbox(tmp_path, 10)) == 1
    assert (tmp_path / "000000000000-damaged.damaged").exists()


def test_a_disk_that_refuses_leaves_it_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Undelivered notices live on, the refusals are counted, and it is said once."""
    place = tmp_path / "outbox"
    place.write_text("in the way")
    outbox = Outbox(place, 10)
    outbox.put(made.notice(), ("one",), 0.0)
    outbox.put(made.notice(id="other"), ("one",), 0.0)
    assert len(outbox.waiting("one")) == 2
    assert outbox.n_unsaved >= 2
    assert outbox.trouble == "undelivered alerts cannot be kept on disk: File exists"
    assert len([it for it in caplog.messages if "in memory only" in it]) == 1


def test_receivers_that_are_gone_are_let_go(tmp_path: Path) -> None:
    """What waits for nobody else goes with them, from the disk too."""
    outbox = Outbox(tmp_path, 10)
    outbox.put(made.notice(), ("gone", "one"), 0.0)
    outbox.put(made.notice(id="other"), ("gone",), 0.0)
    outbox.keep_only({"one"})
    assert [len(outbox.waiting(name)) for name in ("gone", "one")] == [0, 1]
    assert len(list(tmp_path.glob("*.notice"))) == 1


def test_an_open_notice_is_said_again_only_to_who_was_told(tmp_path: Path) -> None:
    """A call by name, and what is below a receiver's severity, are not its to be told."""
    outbox = Outbox(tmp_path, 10)
    outbox.put(made.notice(id="1", kind="firing"), ("chat", "alertmanager"), 0.0)
    outbox.put(made.notice(id="2", kind="escalation"), ("pager",), 0.0)
    outbox.put(made.notice(id="3", incident="a1/slow_drift#1"), ("chat",), 0.0)
    for life in (outbox, Outbox(tmp_path, 10)):
        said = {
            name: [it.id for it in life.open_notices(name)] for name in ("alertmanager", "pager")
        }
        assert said == {"alertmanager": ["1"], "pager": ["2"]}
