"""What a watcher remembers: over its death, over a boot, and in spite of a bad disk."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from proxy import clock
from proxy.records import AlarmName, Model, Routing
from proxy.telemetry.snapshot import StateFile
from proxy.watcher.memory import _Saved, nonce
from proxy.watcher.process import Watcher

MakeWatcher = Callable[..., Watcher]
Pass = Callable[[Watcher, range], None]
START_S = int(clock.now_s())


def resaved(watcher: Watcher, **changes: object) -> None:
    """Change what is on disk, as another boot or version would have written it."""
    file = StateFile(watcher._loaded.state_dir / "watcher.state", kind="watcher", version=1)
    raw = file.read()
    assert raw is not None
    saved = msgspec.msgpack.decode(raw, type=_Saved)
    file.write(msgspec.msgpack.encode(msgspec.structs.replace(saved, **changes)))


def test_within_one_boot_times_stay_as_they_are(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """The monotonic clock is the same: an alarm began when it began."""
    first = make_watcher()
    pass_unready(first, range(START_S, START_S + 3))
    second = make_watcher()
    before = first._pipeline.alarms[AlarmName.STABLE_UNREADY]
    after = second._pipeline.alarms[AlarmName.STABLE_UNREADY]
    assert (after.state, after.began_s) == (before.state, before.began_s)


def test_after_a_boot_times_move_with_the_clock(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """The clock began anew and the host was away for a minute: all lies that much further back."""
    first = make_watcher()
    pass_unready(first, range(START_S, START_S + 3))
    now_s, utc_s = clock.now_s(), clock.utc().timestamp()
    resaved(first, boot="another", saved_s=now_s + 1000, saved_utc_s=utc_s - 60)
    second = make_watcher()
    before = first._pipeline.alarms[AlarmName.STABLE_UNREADY].since_s
    after = second._pipeline.alarms[AlarmName.STABLE_UNREADY].since_s
    assert after - before == pytest.approx(-1060, abs=5)


def test_a_wall_clock_set_back_moves_nothing_into_the_future(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """The time away is then taken as none."""
    first = make_watcher()
    pass_unready(first, range(START_S, START_S + 3))
    resaved(
        first, boot="another", saved_s=clock.now_s(), saved_utc_s=clock.utc().timestamp() + 9999
    )
    after = make_watcher()._pipeline.alarms[AlarmName.STABLE_UNREADY].since_s
    before = first._pipeline.alarms[AlarmName.STABLE_UNREADY].since_s
    assert after - before == pytest.approx(0, abs=5)


def test_calls_that_cannot_be_read_are_a_note(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """Nobody is called again about what fires: people must learn it elsewhere."""
    first = make_watcher()
    pass_unready(first, range(START_S, START_S + 3))
    assert not [note for note in make_watcher()._notes if "calls" in note]
    resaved(first, pager=b"of another version")
    second = make_watcher()
    assert [note for note in second._notes if "calls that nobody has answered yet" in note]
    assert second._pipeline.alarms[AlarmName.STABLE_UNREADY].state.is_open


@pytest.mark.parametrize("raw", [b"", b"rubbish", b"\x00" * 999])
def test_a_damaged_state_is_a_note_and_a_fresh_start(make_watcher: MakeWatcher, raw: bytes) -> None:
    """People are told; traffic is watched all the same, and routed as the cell on disk says."""
    first = make_watcher()
    first._memory.save()
    first._memory._mind.cell.set(Routing(serving=Model.STABLE, shadow=Model.CANDIDATE, epoch=9))
    (first._loaded.state_dir / "watcher.state").write_bytes(raw)
    second = make_watcher()
    assert any("watcher.state" in note for note in second._notes)
    assert second._pipeline.routing.serving is Model.STABLE
    assert second._pipeline.routing.epoch >= 9


def test_a_state_of_another_shape_is_a_note(make_watcher: MakeWatcher) -> None:
    """Whole, but not what this version writes."""
    first = make_watcher()
    file = StateFile(first._loaded.state_dir / "watcher.state", kind="watcher", version=1)
    file.write(msgspec.msgpack.encode({"pipeline": 3}))
    assert any("saved state cannot be read" in note for note in make_watcher()._notes)


def test_a_name_is_kept_as_long_as_the_state(tmp_path: Path) -> None:
    """The ids of alerts are made of it: one folder gives one word, another folder another."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    word = nonce(tmp_path / "a")
    assert word == nonce(tmp_path / "a")
    assert word != nonce(tmp_path / "b")
    assert len(word) == 8


def test_a_folder_that_cannot_be_written_costs_only_the_name(tmp_path: Path) -> None:
    """A word is given in any case."""
    gone = tmp_path / "gone"
    assert nonce(gone) != nonce(gone)
    assert stat.S_ISDIR(tmp_path.stat().st_mode)
