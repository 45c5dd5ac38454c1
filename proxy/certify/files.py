"""The files of certification: hashed, read with every damaged line named, written whole.

Requests are read whole, since they are sent several times. A reference is read line by line, since
it may be larger than memory. What is written replaces a file at once or not at all.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Final

MAX_SHOWN: Final = 10
MAX_FILE_BYTES: Final = 4 * 1024**3
MAX_LINE_BYTES: Final = 16 * 1024**2
"""Longest line: more is no row but a file without line ends."""
READ_BYTES: Final = 1024**2
FOR_ALL: Final = 0o666
"""Permissions of a file that others may read, before the umask."""
FOR_THE_OWNER: Final = 0o600


class CertifyError(Exception):
    """Certification cannot go on; the message says what happened and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its name for messages, its hash, its text."""

    path: Path
    sha256: str
    text: str

    def lines(self) -> Iterator[tuple[int, str]]:
        """Give the lines that are not blank, each with its number."""
        for number, line in enumerate(io.StringIO(self.text), start=1):
            if line.strip():
                yield number, line


def read_source(path: Path, what: str) -> Source:
    """Read a text file; one whose name ends in `.gz` is unpacked.

    Args:
        path: the file.
        what: what it is, for messages, such as `reference sample`.

    Raises:
        CertifyError: it is missing, unreadable, too large, not UTF-8, or empty.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CertifyError(f"{path}: the {what} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(raw).hexdigest()
    try:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
                raw = packed.read(MAX_FILE_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise CertifyError(f"{path}: the {what} is not a sound gzip file: {error}") from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CertifyError(f"{path}:{line}: the {what} is not UTF-8 text") from error
    if len(raw) > MAX_FILE_BYTES:
        raise CertifyError(f"{path}: the {what} is larger than {MAX_FILE_BYTES} bytes; thin it")
    if not text.strip():
        raise CertifyError(f"{path}: the {what} is empty")
    return Source(path, digest, text)


def hash_file(path: Path, what: str) -> str:
    """Give the SHA-256 of a file, read a piece at a time.

    Raises:
        CertifyError: it is missing or unreadable.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(READ_BYTES):
                digest.update(piece)
    except OSError as error:
        raise CertifyError(f"{path}: the {what} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def text_lines(path: Path, what: str) -> Iterator[str]:
    """Give the lines of a text file with their ends; one whose name ends in `.gz` is unpacked.

    Raises:
        CertifyError: it is missing, unreadable, not UTF-8, or has a line of more than 16 MiB.
    """
    number = 0
    try:
        with _opened(path) as file:
            while raw := file.readline(MAX_LINE_BYTES):
                number += 1
                if len(raw) == MAX_LINE_BYTES:
                    raise CertifyError(f"{path}:{number}: a line of {MAX_LINE_BYTES} bytes or more")
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise CertifyError(f"{path}:{number}: the {what} is not UTF-8 text") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CertifyError(f"{path}: the {what} is not a sound gzip file: {error}") from error
    except OSError as error:
        raise CertifyError(f"{path}: the {what} cannot be read: {error.strerror}") from error


def write_whole(path: Path, content: bytes, mode: int = FOR_ALL) -> None:
    """Write a file whole or not at all: beside its place, to the disk, then renamed over the old.

    A link keeps pointing. What is no file (`/dev/null`, a pipe) takes the content as it comes.

    Raises:
        OSError: it cannot be written; an old file stands as it was.
    """
    place = path.resolve()
    if place.exists() and not place.is_file():
        with place.open("wb") as file:
            file.write(content)
        return
    beside = place.with_name(f"{place.name}.{os.getpid()}.partial")
    try:
        # Nobody else may have put a file or a link there: what is written may be private.
        opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


@dataclass(slots=True)
class Damage:
    """The damaged lines of one file: the first are kept in words, all are counted."""

    path: Path
    shown: list[str] = field(default_factory=list)
    n: int = 0

    def add(self, line: int, what: str) -> None:
        """Note a damaged line."""
        self.n += 1
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(f"{self.path}:{line}: {what}")

    def check(self) -> None:
        """Refuse the file if any line was damaged.

        Raises:
            CertifyError: with the first damaged lines and the number of the others.
        """
        if not self.n:
            return
        more = f"\n... and {self.n - len(self.shown)} more" if self.n > len(self.shown) else ""
        raise CertifyError("\n".join(self.shown) + more)
