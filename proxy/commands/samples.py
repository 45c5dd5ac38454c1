"""Take the sampled rows of a running sidecar home as JSON lines or Parquet: `stablehand samples`.

They come from the admin door, redacted as configured, each with its probability of having been
sampled, so that weighted figures can be made of them. What they mean is docs/protocols.md's.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Final

from proxy.commands.console import AdminError, ask, save

MAX_ROWS: Final = 1000
"""Rows that the door gives at once."""
PARQUET: Final = ".parquet"
TOLD: Final = ("exchange", "at_s", "at_utc", "model", "side", "inclusion_probability", "ids")
"""What is told of every row beside its cells."""


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
    """Write the rows for the owner's eyes only; `-` is standard output.

    One JSON object a line; Parquet when the file ends in `.parquet`.

    Raises:
        AdminError: the file cannot be written, or Parquet lacks its extra.
    """
    content = parquet(rows) if path.suffix == PARQUET else lines(rows)
    save(content, path)


def lines(rows: list[object]) -> bytes:
    """Write one row a line, as the door gave it."""
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def parquet(rows: list[object]) -> bytes:
    """Write rows as a table: what is told of each, and its cells as `SIDE.COLUMN`.

    A column whose cells are all numbers is one of floats, all booleans one of booleans; any other
    is text, its cells that are none as JSON. A cell that a row has not is null.

    Raises:
        AdminError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra, large, and rarely wanted
        import pyarrow.parquet as pq  # noqa: PLC0415  # same
    except ImportError:
        message = "Parquet needs pyarrow: install stablehand[parquet], or give a name in .jsonl"
        raise AdminError(message) from None
    flat = [_flat(row) for row in rows if isinstance(row, dict)]
    names = dict.fromkeys((*TOLD, *(name for row in flat for name in row)))
    columns = {name: [row.get(name) for row in flat] for name in names}
    kinds = {"ids": pa.list_(pa.string())}
    arrays = {
        name: pa.array(cells, kinds[name]) if name in kinds else pa.array(_alike(cells))
        for name, cells in columns.items()
    }
    file = io.BytesIO()
    pq.write_table(pa.table(arrays), file)
    return file.getvalue()


def _flat(row: dict[str, object]) -> dict[str, object]:
    cells = row.get("row")
    side = row.get("side")
    told = {name: row.get(name) for name in TOLD}
    if isinstance(cells, dict):
        told |= {f"{side}.{name}": cell for name, cell in cells.items()}
    return told


def _alike(cells: list[object]) -> list[object]:
    """Give cells of one kind."""
    kinds = {type(cell) for cell in cells} - {type(None)}
    if kinds <= {int, float}:
        return [None if cell is None else float(str(cell)) for cell in cells]
    if kinds in ({bool}, {str}):
        return cells
    return [cell if cell is None or isinstance(cell, str) else json.dumps(cell) for cell in cells]
