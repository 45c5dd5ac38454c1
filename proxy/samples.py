"""Take the sampled rows of a running sidecar home as JSON lines: `stablehand samples`.

They come from the admin door, redacted as configured, each with its probability of having been
sampled, so that weighted figures can be made of them. What they mean is docs/protocols.md's.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

from proxy.console import AdminError, ask

MAX_ROWS: Final = 1000
"""Rows that the door gives at once."""
STANDARD_OUTPUT: Final = Path("-")


async def fetch(admin: str, token: str, n: int) -> list[object]:
    """Give at most `n` rows, newest first.

    Raises:
        AdminError: nobody answers, the door refuses, or its answer is something else.
    """
    raw = await ask(admin, token, f"samples?n={n}")
    try:
        match json.loads(raw):
            case {"samples": [*rows]}:
                return rows
    except (ValueError, RecursionError):
        pass  # told below, as any other answer that is not ours
    raise AdminError(f"{admin} is not a stablehand of this version: it gives no samples")


def write(rows: list[object], path: Path) -> None:
    """Write one row a line, for the owner's eyes only; `-` is standard output.

    Raises:
        AdminError: the file cannot be written.
    """
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    if path == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise AdminError(f"{path} cannot be written: {error.strerror}") from error
