"""TorchServe: any body in, any JSON out. Lists are batches; what is not JSON is told by its size.

Source: TorchServe, `inference_api.md`, and the KServe envelope (`instances`, `predictions`).
"""

from __future__ import annotations

from proxy.payload import forms
from proxy.payload.body import Body
from proxy.payload.decoders import kserve_v1, plain
from proxy.payload.parse import Json
from proxy.payload.table import Table
from proxy.records import Side

_OPAQUE = ("image/", "audio/", "video/", "application/octet-stream")


def read_input(body: Body) -> Table:
    """Read the rows of a request; of an image or another opaque body its size."""
    table = Table(Side.INPUT, body.kit)
    if body.media.startswith(_OPAQUE):
        table.put("bytes", [len(body.data)])
        return table
    found = forms.fields(body) if body.media == forms.MEDIA else body.json()
    rows = _enveloped(found, "instances")
    if rows is not None:
        return kserve_v1.add_any(table, rows)
    return plain.add_json(table, found, body.kit.settings.request)


def read_output(body: Body) -> Table:
    """Read the rows of an answer."""
    if body.media == "text/event-stream":
        return plain.read_output(body)
    found = body.json()
    rows = _enveloped(found, "predictions")
    table = Table(Side.OUTPUT, body.kit)
    if rows is not None:
        return kserve_v1.add_any(table, rows)
    return plain.add_json(table, found, body.kit.settings.response)


def _enveloped(found: Json, key: str) -> Json:
    return found.get(key) if isinstance(found, dict) else None
