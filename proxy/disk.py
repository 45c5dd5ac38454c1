"""Files that are written whole or not at all, for whoever keeps state in a folder of its own.

`certify` writes for people, into their folders and with their links: see `certify/files.py`.
"""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, raw: bytes) -> None:
    """Replace a file so that a crash leaves the old content or the new, never a part.

    Only its owner may read it: state may hold values seen in traffic. Blocks on fsync.

    Raises:
        OSError: the disk is full, read-only or gone. The old content stands.
    """
    beside = path.with_name(f".{path.name}.new")
    opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    # The rename itself is only safe once the folder is on the disk.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
