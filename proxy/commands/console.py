"""The admin door as people at a terminal see it: orders, the status, what is taken home."""

from __future__ import annotations

import asyncio
import getpass
import json
import socket
import sys
from pathlib import Path

import aiohttp
import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from proxy.certify.files import FOR_THE_OWNER, write_whole
from proxy.records import AlarmState
from proxy.telemetry.desk import AlarmView, Status
from proxy.telemetry.report import visible
from proxy.telemetry.words import effect

STANDARD_OUTPUT = Path("-")
TIMEOUT = aiohttp.ClientTimeout(total=10)
REFRESH_S = 1.0
MAX_SIGNATURE = 80
SHOWN_ENTRIES = 8
SHOWN_STREAMS = 8
NEW_LINE = "\u240a"
"""The sign that stands for the end of a line within a name."""

COLOURS = {
    AlarmState.FIRING: "bold red",
    AlarmState.PENDING: "yellow",
    AlarmState.RESOLVED: "green",
    AlarmState.INACTIVE: "dim",
}


class AdminError(Exception):
    """The admin door cannot be reached, or refuses; the message says what to do."""


class NobodyThereError(AdminError):
    """Nothing answers at the admin door's address."""


def signature() -> str:
    """Give who types here, for the journal; no longer than the door takes."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"[:MAX_SIGNATURE]
    except (KeyError, OSError):
        return "unknown"


async def ask(
    admin: str, token: str, path: str, body: dict[str, str] | bytes | None = None
) -> bytes:
    """Ask the admin door; give its answer. Bytes are sent as one JSON object a line.

    Raises:
        AdminError: nobody answers there, or the answer is a refusal.
    """
    fields = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{admin.rstrip('/')}/api/v1/{path}"
    raw_body = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
    kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
    fields |= {"Content-Type": kind} if raw_body is not None else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, headers=fields) as session,
            session.request("GET" if body is None else "POST", url, data=raw_body) as answer,
        ):
            raw = await answer.read()
            if answer.ok:
                return raw
    except aiohttp.InvalidURL as error:
        raise AdminError(f"--admin {admin!r} is no address: give http://HOST:PORT") from error
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        why = str(error) or type(error).__name__
        raise NobodyThereError(
            f"{admin} does not answer ({why}); is stablehand running? --admin names another door"
        ) from error
    raise AdminError(_refusal(admin, answer.status, raw))


def _refusal(admin: str, status: int, raw: bytes) -> str:
    try:
        error = json.loads(raw)["error"]
        return f"refused ({status}): {error['message']} {error['hint']}".strip()
    except (ValueError, KeyError, TypeError, RecursionError):
        return (
            f"refused ({status}): {admin} answers, but not as the admin door of a stablehand of "
            "this version; --admin names another"
        )


async def order(admin: str, token: str, what: str, body: dict[str, str]) -> dict[str, object]:
    """Give one order (`routing`, `ack`, `drain`) and return what came of it.

    Raises:
        AdminError: see `ask`, or the answer is not that of a stablehand.
    """
    raw = await ask(admin, token, what, body)
    try:
        return msgspec.json.decode(raw, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AdminError(f"{admin} is not a stablehand of this version ({error})") from error


async def _status(admin: str, token: str) -> Status:
    try:
        return msgspec.json.decode(await ask(admin, token, "status"), type=Status)
    except msgspec.MsgspecError as error:
        raise AdminError(f"{admin} is not a stablehand of this version ({error})") from error


async def show_once(admin: str, token: str, console: Console) -> None:
    """Print the status once.

    Raises:
        AdminError: see `ask`.
    """
    console.print(draw(await _status(admin, token)))


async def follow(admin: str, token: str, console: Console) -> None:
    """Show the status until interrupted; a watcher that is away is waited for.

    Raises:
        AdminError: the door does not answer at the start.
    """
    shown = draw(await _status(admin, token))
    with Live(shown, console=console, auto_refresh=False, screen=console.is_terminal) as live:
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                live.update(draw(await _status(admin, token)), refresh=True)
            except AdminError as error:
                live.update(_text(str(error), style="yellow"), refresh=True)


def save(content: bytes, path: Path) -> None:
    """Write what was fetched, whole, for the owner's eyes only; `-` is standard output.

    Raises:
        AdminError: the file cannot be written.
    """
    if path == STANDARD_OUTPUT:
        sys.stdout.write(content.decode())
        return
    try:
        write_whole(path, content, FOR_THE_OWNER)
    except OSError as error:
        raise AdminError(f"{path} cannot be written: {error.strerror}") from error


def draw(status: Status) -> RenderableType:
    """Give the status as a person reads it, most important first.

    Names come from the traffic: nothing of them may steer a terminal.
    """
    style = "green" if status.go else "bold red"
    routing = status.routing
    serving = f"Serving: {routing.serving}, shadow: {routing.shadow or 'none'}"
    because = "" if routing.because in status.headline else routing.because
    return Group(
        _text(f"{status.title}   stablehand {status.version}   {status.at_utc}", style="bold"),
        _text(status.headline, style=style),
        _text(f"{serving} ({routing.mirror_fraction:.0%} mirrored). {because}"),
        *(_text(note, style="yellow") for note in status.notes),
        _traffic(status),
        _alarms(status.alarms),
        _streams(status),
        *(
            _text(f"{entry.at_utc}  {entry.text}", style="dim")
            for entry in status.timeline[:SHOWN_ENTRIES]
        ),
    )


def on_one_line(text: str) -> str:
    """Give text in which nothing hides and that cannot begin a line of its own."""
    return visible(text).replace("\n", NEW_LINE)


def _text(text: str, style: str = "") -> Text:
    return Text(on_one_line(text), style=style)


def _traffic(status: Status) -> Table:
    table = Table("traffic", "per second", "errors", "p50", "p99", "in flight", box=None)
    for place in status.traffic:
        table.add_row(
            f"{place.model} {place.position}",
            f"{place.per_s:,.0f}",
            "-" if place.error_share is None else f"{place.error_share:.2%}",
            _ms(place.p50_s),
            _ms(place.p99_s),
            str(place.in_flight),
        )
    return table


def _alarms(alarms: tuple[AlarmView, ...]) -> Table:
    table = Table("alarm", "state", "what is known", box=None)
    for alarm in alarms:
        table.add_row(
            alarm.name, _text(alarm.state, style=COLOURS[alarm.state]), _text(alarm.words)
        )
    return table


def _streams(status: Status) -> Table:
    table = Table("side", "stream", "effect", "evidence", box=None)
    counted = [stream for stream in status.streams if stream.n_current]
    for stream in counted[:SHOWN_STREAMS]:
        seen = effect(stream.effect, stream.interval, stream.unit)
        share = f"{stream.strength:.0%} of an alarm"
        table.add_row(stream.side, _text(stream.subject), _text(seen), share)
    return table


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"
