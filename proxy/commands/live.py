"""Take the next rows of a running sidecar as the reference: `stablehand learn`.

The sidecar collects, this process asks how far it is, fetches what was kept and makes the benchmark
of it. Nothing is written before it is whole; whoever interrupts leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from proxy import clock
from proxy.certify.command import Bars, check_place, show, tell_next, write
from proxy.certify.files import CertifyError
from proxy.certify.live import Lately, certify_lately
from proxy.commands.console import AdminError, ask
from proxy.monitors.settings import Monitors
from proxy.payload.learning import Learned
from proxy.records import Rows

POLL_S: Final = 1.0
PATH: Final = "reference"
NONE_OF: Final = 200
"""Answers after which a collection that has no row will have none."""
MAX_WHY: Final = 500
"""Characters of a reason that the door takes."""
_Answer = TypeVar("_Answer")
_MONITORS: Final = TypeAdapter(Monitors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted from which sidecar."""

    admin: str
    token: str
    rows: int
    keep_sample: int
    force: bool
    """Also while an alarm fires."""
    by: str = "unknown"
    """Who orders it, for the journal of the sidecar."""
    why: str = ""


class _State(msgspec.Struct, frozen=True):
    state: str
    wanted: int
    rows: int
    unreadable: int
    parts: int
    answers: dict[str, int]
    failed: dict[str, dict[str, int]]
    disturbed: list[str]
    names: dict[str, str] = {}
    unread: dict[str, int] = {}
    taught: int = 0


class _Part(msgspec.Struct, frozen=True):
    bodies: list[Rows]
    timings: dict[str, list[tuple[float, int, int]]]
    learned: Learned | None = None


class _Alarms(msgspec.Struct, frozen=True):
    expected_run_length_s: float


class _Config(msgspec.Struct, frozen=True):
    """What will be watched, as the sidecar is configured."""

    monitors: dict[str, object]
    alarms: _Alarms


async def learn(wish: Wish, output: Path, console: Console) -> None:
    """Collect, certify, write, and tell what was learned.

    Raises:
        AdminError: nobody answers, the sidecar refuses, forgot, or an alarm fired meanwhile.
        CertifyError: nothing could be read, or the benchmark cannot be written.
    """
    check_place(output)
    columns = (TextColumn("{task.description:<36}"), BarColumn(), MofNCompleteColumn())
    # Outside of what is cleared away below: a refusal must not end somebody else's collection.
    await _order(wish, wish.rows, wish.why)
    came_of_it = "interrupted, nothing was written"
    try:
        with Progress(*columns, console=console, transient=True) as bars:
            lately = await _collect(wish, bars)
            rng = np.random.default_rng()
            benchmark = certify_lately(lately, Bars(bars), rng, wish.keep_sample)
        came_of_it = f"{output.name} written, SHA-256 {write(benchmark, output)}"
    except (AdminError, CertifyError) as error:
        came_of_it = f"nothing was written: {error}"
        raise
    finally:
        # What is not wanted any more does not stay in the sidecar's memory.
        with suppress(AdminError):
            await _order(wish, 0, came_of_it)
    show(benchmark, console)
    tell_next(output, console)


async def _collect(wish: Wish, bars: Progress) -> Lately:
    """Wait until the sidecar has collected, and fetch what it kept.

    Raises:
        AdminError: see `learn`.
    """
    task = bars.add_task("rows of the traffic", total=wish.rows)
    while True:
        state = await _fetch(wish, PATH, _State)
        if state.wanted != wish.rows:
            raise AdminError("the sidecar forgot the collection: it was started again; begin anew")
        taught = f", {state.taught} taught" if state.taught else ""
        lost = f", {state.unreadable} unreadable" if state.unreadable else ""
        said = f"rows of the traffic{taught}{lost}"
        bars.update(task, completed=state.rows, description=said)
        if state.disturbed and not wish.force:
            raise AdminError(
                f"{', '.join(state.disturbed)} fires: a reference of this traffic would certify "
                "the fault; wait until it is resolved, or use --force"
            )
        if not state.rows and not state.unreadable and sum(state.answers.values()) > NONE_OF:
            raise AdminError(
                f"{sum(state.answers.values())} requests were answered and none of them was "
                "sampled: theirs is no path of a known protocol; name it under payload.paths"
            )
        if state.state == "complete":
            break
        await asyncio.sleep(POLL_S)
    return await _fetched(wish, state)


async def _fetched(wish: Wish, state: _State) -> Lately:
    """Fetch what was kept, and by which settings it will be watched."""
    bodies: list[Rows] = []
    timings: dict[str, list[tuple[float, int, int]]] = {}
    learned = None
    for number in range(state.parts):
        part = await _fetch(wish, f"{PATH}?part={number}", _Part)
        bodies += part.bodies
        timings |= part.timings
        learned = learned or part.learned
    config = await _fetch(wish, "config", _Config)
    try:
        monitors = _MONITORS.validate_python(config.monitors)
    except ValidationError as error:
        raise AdminError(
            f"{wish.admin} is not a stablehand of this version: its settings are others ({error})"
        ) from error
    return Lately(
        bodies=bodies,
        timings=timings,
        answers=state.answers,
        failed=state.failed,
        names=state.names,
        unread=state.unread,
        learned=learned,
        n_taught=state.taught,
        utc_offset_s=clock.utc_offset_s(),
        monitors=monitors,
        expected_run_length_s=config.alarms.expected_run_length_s,
    )


async def _order(wish: Wish, rows: int, why: str) -> None:
    told = {"rows": rows, "force": wish.force, "by": wish.by, "why": why[:MAX_WHY]}
    body = json.dumps(told).encode()
    await ask(wish.admin, wish.token, PATH, body)


async def _fetch(wish: Wish, path: str, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(await ask(wish.admin, wish.token, path), type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AdminError(f"{wish.admin} is not a stablehand of this version ({error})") from error
