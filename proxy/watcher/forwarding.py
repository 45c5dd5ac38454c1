"""What is sampled, redacted, as CloudEvents 1.0 with the types of KServe's payload logger.

An event carries the decoded rows, in KServe's V1 form whatever the protocol was: rows have passed
the redaction, and raw bytes never could in all of their places. A body that could not be decoded is
counted instead. The delivery is `proxy.actuators.sink`'s.

Sources: CloudEvents 1.0.2, "HTTP Protocol Binding", sections 3.1 (binary mode) and 3.1.3.2 (header
values); KServe, `pkg/logger/worker.go`, for types and extensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec

from proxy import clock
from proxy.actuators.settings import SinkSettings
from proxy.actuators.sink import Event, Sink
from proxy.payload import correlation
from proxy.payload.decode import Decoder
from proxy.records import Capture, Position, Rows, Scalar, Side, Undecodable

KINDS: Final = {Side.INPUT: "request", Side.OUTPUT: "response"}
_MEMBERS: Final = {Side.INPUT: "instances", Side.OUTPUT: "predictions"}
_TYPE: Final = "org.kubeflow.serving.inference."
_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class Forwarding:
    """A decoder that shows what it read to a sink, before anyone else sees it."""

    def __init__(
        self,
        decoder: Decoder,
        sink: Sink,
        settings: SinkSettings,
        *,
        name: str,
        count: Callable[[str, str], None],
    ) -> None:
        """Speak for the model `name`; `count` is told of what never reaches the sink."""
        self._decoder = decoder
        self._sink = sink
        self._count = count
        service = settings.service or name
        self._fields = {
            "Content-Type": "application/json",
            "ce-specversion": "1.0",
            "ce-source": _header(f"/stablehand/{settings.namespace}/{service}"),
            "ce-inferenceservicename": _header(service),
            "ce-namespace": _header(settings.namespace),
            "ce-component": _header(settings.component),
        }
        if settings.annotations:
            self._fields["ce-annotations"] = _header(_json(dict(settings.annotations)).decode())

    def decode(self, capture: Capture) -> tuple[Rows | Undecodable, ...]:
        """Decode, and offer the sink what clients asked and were answered; never raises."""
        reads = self._decoder.decode(capture)
        # A shadow's answer was given to nobody: it would be a second answer to the same id.
        if capture.exchange.position is Position.SERVING:
            for read in reads:
                self._forward(capture, read)
        return reads

    def _forward(self, capture: Capture, read: Rows | Undecodable) -> None:
        kind = KINDS[read.side]
        if isinstance(read, Undecodable):
            self._count(kind, "undecodable")
        elif self._sink.is_full:
            self._count(kind, "dropped")  # before the work of writing it
        else:
            try:
                event = self._event(capture, read, kind)
            except (ValueError, OverflowError):  # what JSON cannot hold
                self._count(kind, "unwritable")
            else:
                self._sink.offer(event)

    def _event(self, capture: Capture, rows: Rows, kind: str) -> Event:
        exchange = capture.exchange
        found = event_id(capture)
        about = {
            "exchange": f"{exchange.id:016x}",
            "route": exchange.route,
            "status": exchange.status,
            "inclusion_probability": min(1.0, 1 / rows.weight),
            "ids": rows.correlation,
        }
        fields = self._fields | {
            "ce-id": found,
            "ce-type": _TYPE + kind,
            "ce-time": clock.utc_text_of(rows.at_s),
            "ce-endpoint": str(exchange.model),
            "ce-metadata": _header(_json(about).decode()),
        }
        body = _json({_MEMBERS[rows.side]: records(rows)})
        return Event(kind=kind, id=found, fields=fields, body=body)


def event_id(capture: Capture) -> str:
    """Give the id of both events of an exchange: the request's own `Ce-Id`, else the exchange's."""
    given = capture.request.fields.get("ce-id") if capture.request is not None else None
    # Only what looks like an id may leave in clear.
    (found, *_) = (*correlation.ids(({"ce-id": given or ""},)), f"{capture.exchange.id:016x}")
    return found


def records(rows: Rows) -> list[dict[str, Scalar]]:
    """Give rows as objects, one for each."""
    return [dict(zip(rows.columns, cells, strict=True)) for cells in zip(*rows.values, strict=True)]


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _header(text: str) -> str:
    """Write an attribute as the binding asks: all but printable ASCII percent-encoded."""
    return quote(text, safe=_PRINTABLE, errors="replace")
