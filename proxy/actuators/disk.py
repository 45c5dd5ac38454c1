"""Write small files whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, raw: bytes) -> None:
    """Replace a file so that a crash leaves the old content or the new, never a part.

    Raises:
        OSError: the disk is full, read-only or gone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
