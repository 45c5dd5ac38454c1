"""The journal: sealed, chained, and indifferent to bad disks."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.records import AlarmName, Model, Routing
from proxy.telemetry.journal import (
    BEGINNING,
    MAX_ENTRY_BYTES,
    MAX_MEMORY_BYTES,
    MAX_WAITING,
    Journal,
    read,
    verify,
)
from proxy.telemetry.settings import JournalSettings

UTC = "2026-01-02T03:04:05.678Z"


def filled(path: Path, n: int = 5) -> Journal:
    """Write `n` entries."""
    journal = Journal(path)
    for number in range(n):
        journal.append("note", {"number": number, "alarm": AlarmName.ERRORS}, UTC)
    return journal


class FlakyJournal(Journal):
    """A journal on a disk that is full when it is told so; it writes half a line first."""

    full = False

    def _write(self, line: bytes) -> None:
        if self.full and self._file is not None:
            os.write(self._file, line[: len(line) // 2])
            os.ftruncate(self._file, self._n_bytes)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super()._write(line)


def test_entries_form_a_chain(tmp_path: Path) -> None:
    """Each entry carries the hash of the one before, the first carries zeros."""
    filled(tmp_path / "j").close()
    lines = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
    assert [line["n"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[0]["prev"] == BEGINNING
    assert [line["prev"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
    report = verify(tmp_path / "j")
    assert (report.ok, report.n_entries, report.trouble) == (True, 5, "")


def test_records_are_written_as_plain_json(tmp_path: Path) -> None:
    """A record of the house is a JSON object in the journal, enums are words."""
    journal = Journal(tmp_path / "j")
    journal.append("routing", Routing(serving=Model.STABLE), UTC)
    assert journal.tail(1)[0]["body"] == {
        "type": "Routing", "serving": "stable", "shadow": None, "mirror_fraction": 0.0, "epoch": 0,
    }  # fmt: skip


def test_any_changed_byte_breaks_the_chain(tmp_path: Path) -> None:
    """Every byte of every line matters to `verify`."""
    path = tmp_path / "j"
    filled(path, 3).close()
    good = path.read_bytes()
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1
        path.write_bytes(bytes(bad))
        assert not verify(path).ok, good[max(0, at - 10) : at + 10]


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_removed_entry_is_missed(tmp_path: Path, gone: int) -> None:
    """An entry cut out of the middle is reported with its place."""
    path = tmp_path / "j"
    filled(path).close()
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[gone]
    path.write_bytes(b"".join(lines))
    report = verify(path)
    assert not report.ok
    assert f"j line {gone + 1}" in report.trouble


def test_a_restart_goes_on_where_it_ended(tmp_path: Path) -> None:
    """A new process continues the numbers and the chain, and remembers the last entries."""
    filled(tmp_path / "j", 3).close()
    again = Journal(tmp_path / "j")
    assert [entry["n"] for entry in again.tail(2)] == [2, 3]
    assert again.append("note", {}, UTC).n == 4
    assert verify(tmp_path / "j").n_entries == 4


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    """What a crash left unfinished is removed, and the chain goes on."""
    path = tmp_path / "j"
    filled(path, 3).close()
    raw = path.read_bytes()
    path.write_bytes(raw[:-40])
    journal = Journal(path)
    assert journal.append("note", {}, UTC).n == 3
    assert verify(path).ok


def test_rotation_keeps_the_chain_and_the_bound(tmp_path: Path) -> None:
    """Files are put aside by size, the oldest is deleted, and the rest verifies as one chain."""
    path = tmp_path / "j"
    bounds = JournalSettings(max_bytes=4096, keep=2)
    journal = Journal(path, bounds)
    for _ in range(100):
        journal.append("note", {"text": "x" * 100}, UTC)
    journal.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["j", "j.1", "j.2"]
    assert all(file.stat().st_size < 4096 + 400 for file in tmp_path.iterdir())
    report = verify(path)
    assert report.ok
    numbers = [entry.n for entry in read(path)]
    assert numbers == list(range(numbers[0], 101))
    assert numbers[0] > 1


def test_a_restart_just_after_a_rotation_goes_on(tmp_path: Path) -> None:
    """With an empty current file, the chain continues from the rotated one."""
    path = tmp_path / "j"
    filled(path, 3).close()
    path.rename(tmp_path / "j.1")
    assert Journal(path).append("note", {}, UTC).n == 4
    assert verify(path).ok


def test_a_full_disk_makes_entries_wait_and_loses_none(tmp_path: Path) -> None:
    """While the disk is full, entries wait and are counted; afterwards the chain is whole."""
    journal = FlakyJournal(tmp_path / "j")
    journal.append("note", {"before": 1}, UTC)
    journal.full = True
    for _ in range(3):
        journal.append("note", {"while": "full"}, UTC)
    assert journal.n_failed == 3
    assert "No space left" in journal.trouble
    assert [entry["n"] for entry in journal.tail(9)] == [1, 2, 3, 4]
    assert verify(tmp_path / "j").n_entries == 1
    journal.full = False
    journal.append("note", {"after": 1}, UTC)
    assert journal.trouble == ""
    assert verify(tmp_path / "j").n_entries == 5
    assert verify(tmp_path / "j").ok


def test_a_missing_directory_is_survived(tmp_path: Path) -> None:
    """A journal that cannot be opened works in memory and writes all when it can."""
    path = tmp_path / "later" / "j"
    journal = filled(path, 2)
    assert journal.n_failed == 2
    path.parent.mkdir()
    journal.append("note", {}, UTC)
    assert verify(path).n_entries == 3


def test_waiting_entries_are_bounded_and_the_gap_shows(tmp_path: Path) -> None:
    """A disk that stays bad costs bounded memory; what was given up is counted and found."""
    path = tmp_path / "later" / "j"
    journal = filled(path, MAX_WAITING + 7)
    assert journal.n_lost == 7
    path.parent.mkdir()
    journal.close()
    assert verify(path).ok
    first = next(iter(read(path)))
    assert first.n == 8


def test_what_is_remembered_is_bounded_in_bytes_and_the_newest_stay(tmp_path: Path) -> None:
    """Long entries, on a disk that stays bad: memory holds some megabytes of the last ones."""
    path = tmp_path / "later" / "j"
    journal = Journal(path, JournalSettings(sync=False))
    longest = "x" * (MAX_ENTRY_BYTES - 2)
    n = 2 * MAX_MEMORY_BYTES // MAX_ENTRY_BYTES
    for _ in range(n):
        journal.append("note", longest, UTC)
    assert MAX_MEMORY_BYTES // 2 < sum(map(len, journal._recent)) <= MAX_MEMORY_BYTES
    assert sum(map(len, journal._waiting)) <= MAX_MEMORY_BYTES
    assert [entry["n"] for entry in journal.tail(2)] == [n - 1, n]
    path.parent.mkdir()
    journal.close()
    kept = [entry.n for entry in read(path)]
    assert kept == list(range(journal.n_lost + 1, n + 1))


def test_a_damaged_line_is_not_remembered(tmp_path: Path) -> None:
    """After a restart the tail gives the sound entries around it, and goes on from the last."""
    path = tmp_path / "j"
    filled(path, 4).close()
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = b"\0" * 40 + b"\n"
    path.write_bytes(b"".join(lines))
    again = Journal(path)
    assert [entry["n"] for entry in again.tail(9)] == [1, 3, 4]
    assert again.append("note", {}, UTC).n == 5


def test_a_rotated_file_is_remembered_from_its_first_whole_line(tmp_path: Path) -> None:
    """Only its end is read after a restart, which may begin in the middle of an entry."""
    path = tmp_path / "j"
    journal = Journal(path, JournalSettings(sync=False))
    for _ in range(9):
        journal.append("note", "x" * (MAX_ENTRY_BYTES - 2), UTC)
    journal.close()
    path.rename(tmp_path / "j.1")
    assert [entry["n"] for entry in Journal(path).tail(9)] == [7, 8, 9]


@pytest.mark.parametrize("is_archived", [True, False])
def test_a_file_that_was_taken_away_is_begun_anew(tmp_path: Path, *, is_archived: bool) -> None:
    """Archived or removed: what comes next stands under the path, and the chain goes on."""
    path = tmp_path / "j"
    journal = filled(path, 3)
    if is_archived:
        path.rename(tmp_path / "archived")
    else:
        path.unlink()
    for _ in range(2):
        journal.append("note", {}, UTC)
    assert [entry.n for entry in read(path)] == [4, 5]
    assert verify(path).ok
    if is_archived:
        assert verify(tmp_path / "archived").n_entries == 3


def test_two_processes_do_not_mix_their_lines(tmp_path: Path) -> None:
    """A second writer of the same file keeps its entries in memory and says why."""
    first = filled(tmp_path / "j", 1)
    second = Journal(tmp_path / "j")
    second.append("note", {}, UTC)
    assert second.trouble
    assert verify(tmp_path / "j").n_entries == 1
    first.close()


def test_an_enormous_entry_is_replaced_by_its_length(tmp_path: Path) -> None:
    """One entry cannot fill the journal."""
    journal = Journal(tmp_path / "j")
    journal.append("note", "x" * MAX_ENTRY_BYTES, UTC)
    assert journal.tail(1)[0]["body"] == {"left_out_bytes": MAX_ENTRY_BYTES + 2}


def test_what_json_cannot_hold_costs_its_body_and_no_tick(tmp_path: Path) -> None:
    """Half a surrogate pair, as a broken name may have: the entry says so, the chain goes on."""
    journal = Journal(tmp_path / "j")
    journal.append("note", {"column": "\ud800"}, UTC)
    journal.append("note", {}, UTC)
    assert journal.tail(2)[0]["body"] == {"unwritable": "UnicodeEncodeError"}
    assert verify(tmp_path / "j").n_entries == 2


def test_kinds_that_are_not_wanted_are_passed_over(tmp_path: Path) -> None:
    """However many of them came last, the tail is as long as asked for, and in order."""
    journal = Journal(tmp_path / "j")
    for number in range(4):
        journal.append("routing", {"kind": "tick", "number": number}, UTC)
    for _ in range(200):
        journal.append("tick", {}, UTC)
    found = journal.tail(3, {"tick", "insight"})
    assert [entry["n"] for entry in found] == [2, 3, 4]
    assert journal.tail(0, {"tick"}) == []
    assert len(journal.tail(500)) == 204


def test_the_tail_of_nothing_is_nothing(tmp_path: Path) -> None:
    """Asking for no entries gives none, not all."""
    assert filled(tmp_path / "j").tail(0) == []


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bodies=st.lists(values, max_size=6))
def test_whatever_is_journalled_verifies(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[object]
) -> None:
    """Odd texts, NaN and the seal's own mark in a body do not confuse the seal."""
    path = tmp_path_factory.mktemp("j") / "j"
    journal = Journal(path, JournalSettings(sync=False))
    for body in [*bodies, ',"hash":"' + "0" * 64 + '"}']:
        journal.append("note", body, UTC)
    journal.close()
    assert verify(path).n_entries == len(bodies) + 1
    assert verify(path).ok
