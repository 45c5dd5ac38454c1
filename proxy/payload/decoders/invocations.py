"""MLflow and SageMaker `/invocations`: JSON, CSV, JSON lines, NumPy, RecordIO or Parquet.

Sources: MLflow, "Local inference server specification"; SageMaker, "Common data formats for
inference". Request and answer may be of different types; each is read by its own media type.
"""

from __future__ import annotations

from typing import Final

from proxy.payload import files, recordio
from proxy.payload.body import Body
from proxy.payload.decoders import kserve_v1, plain
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Table
from proxy.records import Side

_CSV: Final = frozenset({"text/csv", "application/csv"})
_NPY: Final = frozenset({"application/x-npy", "application/npy"})
_PARQUET: Final = frozenset({"application/vnd.apache.parquet", "application/x-parquet"})
_OPAQUE: Final = ("image/", "audio/", "video/", "application/x-recordio")


def read_input(body: Body) -> Table:
    """Read the rows of a request by its media type."""
    return _read(body, Side.INPUT)


def read_output(body: Body) -> Table:
    """Read the rows of an answer by its media type."""
    return _read(body, Side.OUTPUT)


def _read(body: Body, side: Side) -> Table:
    """Read one side by its media type; JSON when that names no other form."""
    table = Table(side, body.kit)
    if body.media in _CSV:
        files.add_csv(table, body)
    elif body.media in _NPY:
        files.add_npy(table, body.data)
    elif body.media in _PARQUET:
        files.add_parquet(table, body)
    elif body.media == recordio.MEDIA:
        recordio.add_recordio(table, body)
    elif body.media.startswith(_OPAQUE):
        raise Unreadable(Reason.UNSUPPORTED_MEDIA, "The body is of a kind that is not decoded.")
    else:
        return _read_json(body, side, table)
    return table


def _read_json(body: Body, side: Side, table: Table) -> Table:
    """Read JSON or JSON lines, in MLflow's forms or as plain JSON."""
    if body.media.endswith(("jsonlines", "jsonl", "ndjson")):
        return plain.read_input(body) if side is Side.INPUT else plain.read_output(body)
    found = body.json()
    if isinstance(found, dict):
        split = found.get("dataframe_split")
        if isinstance(split, dict):
            _add_split(table, split)
            return table
        for key in ("dataframe_records", "instances", "inputs", "predictions"):
            if key in found:
                return kserve_v1.add_any(table, found[key])
        if "error_code" in found:
            raise Unreadable(Reason.ERROR_BODY, "The answer is an error in a body of status 200.")
    settings = body.kit.settings
    return plain.add_json(
        table, found, settings.request if side is Side.INPUT else settings.response
    )


def _add_split(table: Table, split: dict[str, Json]) -> None:
    """Add a data frame in pandas' split orientation: column names, then rows as lists."""
    names, rows = split.get("columns"), split.get("data")
    if not isinstance(rows, list):
        raise Unreadable(Reason.MISSING_FIELD, "`dataframe_split` has no `data`.")
    if not isinstance(names, list):
        table.add_rows(rows)
        return
    vectors = [row for row in rows if isinstance(row, list)]
    if len(vectors) != len(rows) or any(len(row) != len(names) for row in vectors):
        raise Unreadable(Reason.WRONG_SHAPE, "The rows and `columns` have different lengths.")
    for i, name in enumerate(names):
        table.add(str(name), [row[i] for row in vectors])
