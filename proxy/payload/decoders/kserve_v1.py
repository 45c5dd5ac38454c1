"""KServe V1 and TensorFlow Serving `predict`: `instances` and `predictions`, by row or by column.

Sources: KServe data plane V1; TensorFlow Serving RESTful API (row format `instances`/`predictions`,
column format `inputs`/`outputs`, `{"b64": ...}` for bytes).
"""

from __future__ import annotations

from typing import Final

from proxy.payload.body import Body
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Table
from proxy.records import Side

_INPUT: Final = ("instances", "inputs")
_OUTPUT: Final = ("predictions", "outputs", "explanations")


def read_input(body: Body) -> Table:
    """Read the instances of a request."""
    return _read(body, Side.INPUT, _INPUT)


def read_output(body: Body) -> Table:
    """Read the predictions of an answer."""
    return _read(body, Side.OUTPUT, _OUTPUT)


def _read(body: Body, side: Side, names: tuple[str, ...]) -> Table:
    found = body.object()
    if body.media == "application/cloudevents+json" and isinstance(found.get("data"), dict):
        found = _as_object(found["data"])
    for name in names:
        if name in found:
            return add_any(Table(side, body.kit), found[name])
    if "error" in found:
        raise Unreadable(Reason.ERROR_BODY, "The answer is an error in a body of status 200.")
    raise Unreadable(Reason.MISSING_FIELD, f"The body has no `{names[0]}`.")


def add_any(table: Table, rows: Json) -> Table:
    """Add rows (a list) or columns (an object of lists) or one row (a scalar) to `table`."""
    if isinstance(rows, list):
        table.add_rows(rows)
    elif isinstance(rows, dict):
        table.add_columns(rows)
    else:
        table.add_rows([rows])
    return table


def _as_object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
