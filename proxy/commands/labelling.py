"""What `stablehand labels FILE` does: send a file of true outcomes to a sidecar, call by call."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from proxy.commands.console import AdminError, ask
from proxy.labelfile import LabelFileError, LabelLine, read

MAX_LABELS: Final = 10_000
MAX_BYTES: Final = 900_000
"""Below the longest body that the admin door takes."""
MAX_PROBLEMS: Final = 10
BETWEEN_S: Final = 0.25
"""Below the calls per second that the admin door takes by default."""
COUNTED: Final = (
    "received", "joined", "waiting", "unknown", "duplicate", "contradictory", "ambiguous",
    "wrong_type",
)  # fmt: skip


@dataclass(slots=True)
class Sent:
    """What came of all calls together."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: dict[str, None] = field(default_factory=dict)

    def add(self, raw: bytes) -> None:
        """Add the answer to one call.

        Raises:
            AdminError: it is not that of a stablehand.
        """
        try:
            answer = msgspec.json.decode(raw, type=_Answer)
        except msgspec.MsgspecError as error:
            raise AdminError(f"the answer is not that of a stablehand ({error})") from error
        given = msgspec.structs.asdict(answer)
        self.counts.update({name: given[name] for name in COUNTED})
        for problem in answer.problems:
            if len(self.problems) < MAX_PROBLEMS:
                self.problems[problem] = None

    def words(self) -> list[str]:
        """Give what people should know, a line each."""
        told = ", ".join(
            f"{self.counts[name]:,} {name.replace('_', ' ')}"
            for name in COUNTED
            if self.counts[name] or name in COUNTED[:2]
        )
        return [told, *self.problems]


class _Answer(msgspec.Struct):
    received: int
    joined: int
    waiting: int
    unknown: int
    duplicate: int
    contradictory: int
    ambiguous: int
    wrong_type: int
    problems: list[str]


async def send(path: Path, admin: str, token: str) -> Sent:
    """Send a file; what was sent before a failure stays sent, and sending it again does no harm.

    Raises:
        AdminError: the door does not answer, or refuses.
        LabelFileError: the file cannot be read, or a line names its request by a row.
    """
    sent = Sent()
    for number, batch in enumerate(batches(path)):
        if number:
            await asyncio.sleep(BETWEEN_S)
        sent.add(await ask(admin, token, "labels", batch))
    return sent


def batches(path: Path) -> Iterator[bytes]:
    """Give the bodies of the calls: one JSON object a line, within what one call may hold.

    Raises:
        LabelFileError: see `send`.
    """
    lines: list[bytes] = []
    size = 0
    for label in read(path):
        line = _line(path, label)
        if lines and (len(lines) >= MAX_LABELS or size + len(line) > MAX_BYTES):
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield b"\n".join(lines)


def _line(path: Path, label: LabelLine) -> bytes:
    if not label.id:
        raise LabelFileError(
            f"{path}:{label.line}: a running sidecar knows requests by `id`, not by `row`"
        )
    fields: dict[str, object] = {"id": label.id, "label": label.value}
    if label.at_utc is not None:
        fields["at_utc"] = label.at_utc
    return msgspec.json.encode(fields)
