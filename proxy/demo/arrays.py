"""Arrays on the disk: the cache of the demonstration. No pickle, so a file can run nothing."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

Arrays: TypeAlias = dict[str, NDArray[np.generic]]


class ArraysError(Exception):
    """The file holds no readable arrays; the message says why."""


def read_arrays(path: Path) -> Arrays:
    """Read all arrays of a file.

    Raises:
        ArraysError: it is missing or damaged.
    """
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ArraysError("no archive of arrays")
            return {name: stored[name] for name in stored.files}
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error) as error:
        raise ArraysError(str(error) or type(error).__name__) from error


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write arrays whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{path.name}")
    np.savez(partial, allow_pickle=False, **arrays)
    partial.replace(path)
