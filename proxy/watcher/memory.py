"""What the watcher remembers over its own death: evidence, alarms, posture, calls, routing.

The routing is on disk with every switch, the rest with every decision and every few seconds; after
a crash in between, the routing is believed. Times move with the host's monotonic clock, which
begins anew with every boot.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from proxy import clock
from proxy.actuators.pager import Pager
from proxy.actuators.route import RouteCell
from proxy.pipeline import Pipeline
from proxy.telemetry.snapshot import StateFile

log = logging.getLogger(__name__)

STATE_FILE: Final = "watcher.state"
STATE_VERSION: Final = 1
NONCE_FILE: Final = "instance"


class _Saved(msgspec.Struct, frozen=True):
    """What is on disk for the next life."""

    boot: str
    saved_s: float
    saved_utc_s: float
    pipeline: bytes
    pager: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mind:
    """What is remembered."""

    pipeline: Pipeline
    pager: Pager
    cell: RouteCell


class Memory:
    """Keeps a watcher's mind in one folder."""

    def __init__(self, folder: Path, mind: Mind) -> None:
        """Keep `mind` in `folder`; nothing is read or written yet."""
        self._file = StateFile(folder / STATE_FILE, kind="watcher", version=STATE_VERSION)
        self._mind = mind

    def take_up(self) -> list[str]:
        """Go on where the last life ended; give what people should know about it."""
        raw = self._file.read()
        notes = [self._file.trouble] if self._file.trouble else []
        if raw is not None:
            notes += self._read(raw)
        mind = self._mind
        found = mind.cell.load()
        if found is not None and mind.pipeline.adopt(found, clock.now_s()):
            log.warning("the routing on disk is newer than the saved state and stays in force")
        mind.cell.set(mind.pipeline.routing)
        return notes

    def _read(self, raw: bytes) -> list[str]:
        try:
            saved = msgspec.msgpack.decode(raw, type=_Saved)
        except msgspec.MsgspecError as error:
            return [f"The saved state cannot be read ({error})."]
        delta_s = 0.0
        if saved.boot != clock.boot_id():
            away_s = max(0.0, clock.utc().timestamp() - saved.saved_utc_s)
            delta_s = clock.now_s() - saved.saved_s - away_s
        notes = self._mind.pipeline.restore(saved.pipeline, delta_s)
        if not self._mind.pager.restore(saved.pager, delta_s):
            notes.append(
                "The calls that nobody has answered yet cannot be read, and are not repeated:"
                " see to the alarms that fire."
            )
        return notes

    @property
    def trouble(self) -> str:
        """Why the last writing failed, and what that means; empty when it did not."""
        if not self._file.trouble:
            return ""
        return f"{self._file.trouble}: a restart would go on from an older state"

    def save(self) -> None:
        """Write down what the next life needs; a bad disk is told in `trouble`."""
        saved = _Saved(
            boot=clock.boot_id(),
            saved_s=clock.now_s(),
            saved_utc_s=clock.utc().timestamp(),
            pipeline=self._mind.pipeline.snapshot(),
            pager=self._mind.pager.snapshot(),
        )
        self._file.write(msgspec.msgpack.encode(saved))


def nonce(folder: Path) -> str:
    """Give a random word that is kept as long as the state is.

    With the state, the counts that ids are made of begin anew: without this word the ids of new
    alerts would be those of old ones, and receivers would ignore them.
    """
    path = folder / NONCE_FILE
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if word := path.read_text(encoding="utf-8").strip():
            return word
    word = secrets.token_hex(4)
    try:
        path.write_text(word, encoding="utf-8")
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error.strerror)
    return word
