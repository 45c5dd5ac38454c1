"""Fetch the report of an incident from a running sidecar, or make it from a journal file.

Both give the same value; a journal needs no sidecar, so an incident of last week can still be told
when the pod is long gone. What a report is and how it looks is `telemetry.report`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from proxy import clock
from proxy.commands.console import AdminError, ask
from proxy.records import AlarmName
from proxy.telemetry.journal import Entry, read, verify
from proxy.telemetry.report import IncidentReport, Live, NothingToReportError, build

_Shape = TypeVar("_Shape")
MAX_ENTRIES: Final = 1000
"""Entries that the door gives at once."""


async def fetch(admin: str, token: str, alarm: AlarmName | None) -> IncidentReport:
    """Give the report of a running sidecar; `None`: of what is worst now, or came last.

    Raises:
        AdminError: nobody answers there, or there is nothing to report on.
    """
    query = {"format": "json"} | ({} if alarm is None else {"alarm": alarm.value})
    raw = await ask(admin, token, f"report?{urlencode(query)}")
    return _read(admin, raw, IncidentReport)


async def fetch_page(admin: str, token: str, alarm: AlarmName | None) -> bytes:
    """Give the report of a running sidecar as its page.

    Raises:
        AdminError: see `fetch`.
    """
    query = "" if alarm is None else f"?{urlencode({'alarm': alarm.value})}"
    return await ask(admin, token, f"report{query}")


async def fetch_journal(admin: str, token: str) -> list[Entry]:
    """Give the last entries of a running sidecar's journal, oldest first.

    Raises:
        AdminError: nobody answers there, or it is no stablehand of this version.
    """
    raw = await ask(admin, token, f"journal?n={MAX_ENTRIES}")
    return _read(admin, raw, _Journal).entries


def read_journal(path: Path) -> list[Entry]:
    """Give the entries of a journal file and of those it was rotated to, oldest first.

    Raises:
        AdminError: there is no such file, it cannot be read, or is something else.
    """
    return list(open_journal(path))


def open_journal(path: Path) -> Iterator[Entry]:
    """Read a journal one entry after the other, the first of them now.

    Raises:
        AdminError: see `read_journal`.
    """
    if not path.is_file():
        raise AdminError(f"{path}: there is no such journal; it is journal.jsonl in state.dir")
    try:
        entries = read(path)
        first = next(entries, None)
        if first is None:
            what = (
                "no line of it is an entry of a journal" if path.stat().st_size else "it is empty"
            )
            raise AdminError(f"{path}: {what}; the journal is journal.jsonl in state.dir")
        return chain((first,), entries)
    except OSError as error:
        raise AdminError(f"{path} cannot be read: {error.strerror}") from error


def chain_trouble(path: Path) -> str:
    """Say where a journal was changed, or lost entries; empty when its chain is whole.

    Raises:
        AdminError: it cannot be read.
    """
    try:
        return verify(path).trouble
    except OSError as error:
        raise AdminError(f"{path} cannot be read: {error.strerror}") from error


def from_journal(path: Path, alarm: AlarmName | None) -> IncidentReport:
    """Make the report from a journal file alone; it says whether the file's chain is whole.

    Raises:
        AdminError: the file cannot be read, or nothing in it can be reported on.
    """
    entries = read_journal(path)
    trouble = chain_trouble(path)
    state = f"broken: {trouble}" if trouble else "whole"
    live = Live(
        made_utc=clock.utc_text(), provenance=(("journal file", path.name), ("hash chain", state))
    )
    try:
        return build(entries, alarm, live)
    except NothingToReportError as error:
        raise AdminError(f"{path}: {error}") from error


class _Journal(msgspec.Struct, frozen=True):
    entries: list[Entry]


def _read(admin: str, raw: bytes, kind: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AdminError(f"{admin} is not a stablehand of this version ({error})") from error
