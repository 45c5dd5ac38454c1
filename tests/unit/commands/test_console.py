"""What a person at a terminal is shown and told, against a real door on the loopback interface."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from rich.console import Console

from proxy.commands import console
from proxy.records import AlarmName, AlarmState, Model, Position, Side, Verdict
from proxy.telemetry.desk import (
    AgreementView,
    AlarmView,
    EntryView,
    RoutingView,
    Status,
    StreamView,
    TrafficView,
)

STATUS = Status(
    title="flights",
    version="1.0",
    at_utc="2026-01-02T03:04:05.000Z",
    started_utc="2026-01-02T03:00:00.000Z",
    go=False,
    headline="Disagreement fires; the stable model serves.",
    routing=RoutingView(
        serving=Model.STABLE,
        shadow=Model.CANDIDATE,
        mirror_fraction=0.5,
        because="disagreement",
        since_utc="2026-01-02T03:04:00.000Z",
    ),
    models=(),
    traffic=(
        TrafficView(
            model=Model.STABLE,
            position=Position.SERVING,
            per_s=1234.0,
            error_share=None,
            p50_s=0.0012,
            p95_s=None,
            p99_s=None,
            in_flight=3,
            bucket_s=5.0,
        ),
    ),
    alarms=(
        AlarmView(
            name=AlarmName.DISAGREEMENT,
            state=AlarmState.FIRING,
            since_utc="2026-01-02T03:04:00.000Z",
            episode=1,
            verdict=Verdict.BREACH,
            words="The models differ on 12 % of the requests.",
            evidence_words="Chance explains it once in a million years.",
            blamed=("The share [of] differing answers grew.",),
            acknowledged="ada: looking",
            next_step="Restore when mended.",
        ),
        AlarmView(
            name=AlarmName.LATENCY,
            state=AlarmState.INACTIVE,
            since_utc="2026-01-02T03:00:00.000Z",
            episode=0,
            verdict=None,
            words="As fast as certified.",
            evidence_words="",
        ),
    ),
    streams=(
        StreamView(
            side=Side.INPUT,
            subject="temp",
            effect=1.5,
            unit="sd",
            interval=(1.4, 1.6),
            strength=2.0,
            n_current=100,
            summary="",
        ),
    ),
    agreement=AgreementView(estimate=None, interval=None, floor=None, n_pairs=0, words=""),
    timeline=(
        EntryView(at_utc="2026-01-02T03:04:01.000Z", kind="switch", text="disagreement: to stable"),
        EntryView(at_utc="2026-01-02T03:00:00.000Z", kind="start", text="started"),
    ),
    notes=("no benchmark",),
)


class FakeDoor:
    """An admin door with one answer, which remembers what it was asked."""

    def __init__(self, status: int = 200, body: bytes = b"{}") -> None:
        """Answer everything with this."""
        self.status = status
        self.body = body
        self.asked: list[tuple[str, str, str | None, str]] = []

    async def _answer(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization")
        self.asked.append((request.method, request.path, token, await request.text()))
        return web.Response(status=self.status, body=self.body)

    def serve(self, talk: Callable[[str], Awaitable[object]]) -> object:
        """Serve while a conversation with the door's address lasts; give what came of it."""

        async def scenario() -> object:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", self._answer)
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            try:
                return await talk(f"http://127.0.0.1:{runner.addresses[0][1]}/")
            finally:
                await runner.cleanup()

        return asyncio.run(scenario())


def told(talk: Callable[[str, Console], Awaitable[None]]) -> str:
    """Give what a conversation prints when the door knows `STATUS`."""
    page = io.StringIO()
    paper = Console(file=page, width=140)
    FakeDoor(body=msgspec.json.encode(STATUS)).serve(lambda admin: talk(admin, paper))
    return page.getvalue()


def test_the_status_says_what_matters() -> None:
    """Headline, routing, traffic, alarms, streams, notes and the story, with their units."""
    text = told(lambda admin, paper: console.show_once(admin, "", paper))
    for words in (
        "Disagreement fires; the stable model serves.",
        "Serving: stable, shadow: candidate (50% mirrored). disagreement",
        "no benchmark",
        "1,234",
        "1.2 ms",
        "The models differ on 12 % of the requests.",
        "temp",
        "200% of an alarm",
        "2026-01-02T03:04:01.000Z  disagreement: to stable",
    ):
        assert words in text


def test_streams_that_counted_nothing_yet_are_not_shown() -> None:
    """An interval from minus to plus anything is no news; the alarm says that rows are missing."""
    (stream,) = STATUS.streams
    idle = msgspec.structs.replace(stream, subject="idle", n_current=0)
    page = io.StringIO()
    one = msgspec.structs.replace(STATUS, streams=(idle, stream))
    Console(file=page, width=140).print(console.draw(one))
    assert "temp" in page.getvalue()
    assert "idle" not in page.getvalue()


def test_nothing_in_the_status_steers_the_terminal() -> None:
    """A column may be called anything: no escape, no markup, no line of its own."""
    name = "a\x1b[2J[red]b[/c]\nServing: nobody :fire:"
    (stream,) = STATUS.streams
    hostile = msgspec.structs.replace(
        STATUS,
        headline=name,
        streams=(msgspec.structs.replace(stream, subject=name),),
        timeline=(EntryView(at_utc="", kind="note", text=name),),
    )
    page = io.StringIO()
    Console(file=page, width=200).print(console.draw(hostile))
    lines = page.getvalue().splitlines()
    shown = "a\u241b[2J[red]b[/c]\u240aServing: nobody :fire:"
    assert sum(shown in line for line in lines) == 3
    assert not any(line.startswith("Serving: nobody") for line in lines)
    assert "\x1b" not in page.getvalue()


def test_what_is_taken_home_is_for_the_owners_eyes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that only the owner reads, written whole over an old one; `-` is standard output."""
    path = tmp_path / "page.html"
    console.save(b"a longer text", path)
    console.save(b"<p>\xc3\xa9</p>", path)
    assert path.read_bytes() == b"<p>\xc3\xa9</p>"
    assert path.stat().st_mode & 0o077 == 0
    console.save(b"out", Path("-"))
    assert capsys.readouterr().out == "out"
    with pytest.raises(console.AdminError, match=r"none/page cannot be written: No such file"):
        console.save(b"", tmp_path / "none" / "page")


def test_an_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """Who has the old page open keeps it; a page is never half of each."""
    path = tmp_path / "page.html"
    path.write_bytes(b"the old page")
    path.chmod(0o644)
    with path.open("rb") as reader:
        console.save(b"new", path)
        assert reader.read() == b"the old page"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_an_order_carries_body_and_token() -> None:
    """What is asked for reaches the door as JSON with the bearer token; its answer comes back."""
    door = FakeDoor(body=b'{"serving": "stable"}')
    body = {"serving": "stable", "by": "ada"}
    answer = door.serve(lambda admin: console.order(admin, "t0ken", "routing", body))
    assert answer == {"serving": "stable"}
    ((method, path, token, text),) = door.asked
    assert (method, path, token) == ("POST", "/api/v1/routing", "Bearer t0ken")
    assert json.loads(text) == body


@pytest.mark.parametrize(
    ("status", "raw", "words"),
    [
        (
            401,
            b'{"error": {"code": "token", "message": "no token", "hint": "give one"}}',
            r"refused \(401\): no token give one",
        ),
        (502, b"<html>", r"refused \(502\): http.* answers, but not as the admin door"),
        (500, b'{"error": "odd"}', r"refused \(500\): .*--admin names another"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_door(status: int, raw: bytes, words: str) -> None:
    """Message and hint if there are any, else the status alone; never a stack trace."""
    door = FakeDoor(status, raw)
    with pytest.raises(console.AdminError, match=words):
        door.serve(lambda admin: console.order(admin, "", "ack", {}))


def test_something_else_at_the_address_is_told() -> None:
    """A door of another version, or of another program, is not drawn."""
    with pytest.raises(console.AdminError, match="not a stablehand of this version"):
        FakeDoor(body=b'{"up": true}').serve(
            lambda admin: console.show_once(admin, "", Console(file=io.StringIO()))
        )


def test_nobody_there_is_told_with_what_to_do() -> None:
    """One line: which address, and that `--admin` names another."""
    admin = "http://127.0.0.1:1"
    with pytest.raises(console.AdminError, match=f"{admin} does not answer .*--admin"):
        asyncio.run(console.order(admin, "", "drain", {}))


@pytest.mark.parametrize("admin", ["nonsense", "", "http://"])
def test_what_is_no_address_is_told(admin: str) -> None:
    """Nobody looks for a sidecar that runs, when a typing error is all there is."""
    with pytest.raises(console.AdminError, match="give http://HOST:PORT") as error:
        asyncio.run(console.ask(admin, "", "status"))
    assert repr(admin) in str(error.value)


def test_who_types_is_known() -> None:
    """The journal gets a name and a host."""
    assert console.signature() == "unknown" or "@" in console.signature()


def test_names_from_the_traffic_cannot_steer_a_terminal() -> None:
    """A column may be called anything, also what clears a screen or sets a title."""
    evil = "x\x1b[2J\x1b]0;owned\x07"
    alarms = tuple(msgspec.structs.replace(one, words=evil) for one in STATUS.alarms)
    streams = tuple(msgspec.structs.replace(one, subject=evil) for one in STATUS.streams)
    status = msgspec.structs.replace(
        STATUS, headline=evil, notes=(evil,), alarms=alarms, streams=streams
    )
    shown = io.StringIO()
    Console(file=shown, width=200, force_terminal=False).print(console.draw(status))
    assert "owned" in shown.getvalue()
    assert "\x1b" not in shown.getvalue()
