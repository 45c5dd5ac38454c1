"""The same report from a running sidecar's door and from a journal file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from proxy.commands import reports
from proxy.commands.console import AdminError
from proxy.records import AlarmName
from proxy.telemetry.journal import Journal
from proxy.telemetry.report import Live, build

Book = Any
AFTER = Live(made_utc="2026-01-02T04:00:00.000Z")


def asked(body: bytes, talk: Callable[[str], Awaitable[object]]) -> tuple[object, list[str]]:
    """Hold a conversation with a door that has one answer; give its end and what was asked."""
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path_qs)
        return web.Response(body=body)

    async def scenario() -> object:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            return await talk(f"http://127.0.0.1:{runner.addresses[0][1]}")
        finally:
            await runner.cleanup()

    return asyncio.run(scenario()), paths


def a_file(folder: Path, book: Book) -> Path:
    """Write the entries as a watcher does."""
    path = folder / "journal.jsonl"
    journal = Journal(path)
    for entry in book.entries:
        journal.append(entry.kind, entry.body, entry.at_utc)
    journal.close()
    return path


def test_a_running_sidecar_is_asked_by_name(incident: Book) -> None:
    """The value as JSON, the page as it is, the journal as entries."""
    report = build(incident.entries, None, AFTER)
    body = msgspec.json.encode(report)
    name = AlarmName.INPUT_DRIFT
    assert asked(body, lambda admin: reports.fetch(admin, "", name)) == (
        report,
        ["/api/v1/report?format=json&alarm=input_drift"],
    )
    assert asked(b"<p>", lambda admin: reports.fetch_page(admin, "", None)) == (
        b"<p>",
        ["/api/v1/report"],
    )
    entries = msgspec.json.encode({"entries": incident.entries})
    found, paths = asked(entries, lambda admin: reports.fetch_journal(admin, ""))
    assert found == incident.entries
    assert paths == ["/api/v1/journal?n=1000"]


def test_something_else_at_the_address_is_told() -> None:
    """Another program, or another version."""
    with pytest.raises(AdminError, match="not a stablehand of this version"):
        asked(b"<html>", lambda admin: reports.fetch(admin, "", None))


def test_a_journal_file_is_enough(tmp_path: Path, incident: Book) -> None:
    """It says which file it was and that its chain is whole; one that was changed is told so."""
    path = a_file(tmp_path, incident)
    report = reports.from_journal(path, None)
    facts = dict(report.provenance)
    assert (facts["journal file"], facts["hash chain"]) == ("journal.jsonl", "whole")
    assert report.alarm is AlarmName.INPUT_DRIFT
    text = path.read_text("utf-8").replace('"by":"ada"', '"by":"eve"')
    path.write_text(text, "utf-8")
    facts = dict(reports.from_journal(path, None).provenance)
    assert "was changed" in facts["hash chain"]


@pytest.mark.parametrize(
    ("raw", "why"),
    [(b"", "it is empty"), (b"\x00\xff\n", "no line of it"), (b"{}\nabc\n", "no line of it")],
)
def test_what_is_no_journal_is_not_read_as_calm(tmp_path: Path, raw: bytes, why: str) -> None:
    """That nothing is found in another file does not mean that nothing went wrong."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(raw)
    with pytest.raises(AdminError, match=why):
        reports.read_journal(path)


def test_a_journal_that_cannot_be_used_is_told(tmp_path: Path, incident: Book) -> None:
    """No file, no incident, no such alarm in it: which file, and what there is."""
    with pytest.raises(AdminError, match=r"none\.jsonl: there is no such journal"):
        reports.from_journal(tmp_path / "none.jsonl", None)
    path = a_file(tmp_path, incident)
    with pytest.raises(AdminError, match=r"latency never began .* input_drift"):
        reports.from_journal(path, AlarmName.LATENCY)
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        with pytest.raises(AdminError, match="cannot be read"):
            reports.read_journal(path)
