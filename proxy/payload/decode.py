"""The door of the room: one capture in, rows or a reason out. Never raises, bounded in all ways."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.payload import correlation
from proxy.payload.body import Body, open_body
from proxy.payload.decoders import READERS
from proxy.payload.detect import detect
from proxy.payload.features import Features
from proxy.payload.kit import Kit
from proxy.payload.learning import Learned, Pupil
from proxy.payload.protocols import Protocol, by_path
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.redact import Redactor
from proxy.payload.settings import Payload, Redact
from proxy.payload.table import Table
from proxy.records import Capture, Message, Rows, Side, Undecodable

_SUCCESS = range(200, 300)


class Decoder:
    """Turns captures into rows.

    It remembers nothing of payloads but which columns held text and the names of columns.
    """

    def __init__(
        self,
        settings: Payload,
        redact: Redact,
        certified: Mapping[str, frozenset[str]] | None = None,
        *,
        learned: Learned | None = None,
        pupil: Pupil | None = None,
    ) -> None:
        """Make a decoder.

        Args:
            settings: How bodies are read.
            redact: What of them may be kept.
            certified: The category strings that the benchmark knows, by column of either side. With
                `redact.categories` at its default, every other string is hashed or `(other)`.
            learned: The benchmark's vocabularies and main directions.
            pupil: Learns them, at certification, from all that is decoded.
        """
        known = [name for name, strings in (certified or {}).items() if strings]
        features = Features(
            redact.max_category_chars,
            settings.text_columns,
            learned,
            pupil,
            category_columns=known,
        )
        self._kit = Kit(settings, Redactor(redact, certified), features)
        self._paths = tuple(
            (re.compile(path), Protocol(protocol)) for path, protocol in settings.paths.items()
        )

    def decode(self, capture: Capture) -> tuple[Rows | Undecodable, ...]:
        """Give the input rows and the output rows of `capture`, at most one value for each side.

        A side has no value when there is nothing to read: no body was captured, a request without a
        body, or an answer that is an error (its `Exchange` counts it).
        """
        protocol = self._choose(capture)
        found = []
        if capture.request is not None and capture.request.body:
            found.append(self._read(capture, capture.request, Side.INPUT, protocol))
        if capture.response is not None and capture.exchange.status in _SUCCESS:
            found.append(self._read(capture, capture.response, Side.OUTPUT, protocol))
        return tuple(found)

    def _choose(self, capture: Capture) -> Protocol:
        """Give the protocol by configuration or path; `AUTO` when only the bodies can tell."""
        for path, protocol in self._paths:
            if path.search(capture.target):
                return protocol
        configured = Protocol(self._kit.settings.protocol)
        return by_path(capture.target) if configured is Protocol.AUTO else configured

    def _read(
        self, capture: Capture, message: Message, side: Side, protocol: Protocol
    ) -> Rows | Undecodable:
        try:
            body = open_body(message, side, capture.target, capture.exchange, self._kit)
            asked = {} if capture.request is None else capture.request.fields
            return self._rows(body, protocol, (message.fields, asked))
        except Unreadable as error:
            return _undecodable(capture, side, error)
        except Exception as error:  # noqa: BLE001 - the guard: a defect here must not stop the watcher
            detail = f"The decoder failed with {type(error).__name__}; this is a defect."
            return _undecodable(capture, side, Unreadable(Reason.DECODER_FAILED, detail))

    def _rows(self, body: Body, protocol: Protocol, heads: tuple[dict[str, str], ...]) -> Rows:
        if protocol is Protocol.AUTO:
            protocol = detect(body)
        read_input, read_output = READERS[protocol]
        table = read_input(body) if body.side is Side.INPUT else read_output(body)
        return _finish(body, table, correlation.ids(heads, table.id))


def _finish(body: Body, table: Table, ids: tuple[str, ...]) -> Rows:
    """Make the record of a table that is complete."""
    if not table.n:
        raise Unreadable(Reason.NO_ROWS, "The body holds no row.")
    exchange = body.exchange
    return Rows(
        exchange_id=exchange.id,
        at_s=_at_s(body),
        model=exchange.model,
        side=body.side,
        columns=tuple(table.columns),
        values=tuple(table.columns.values()),
        n=table.n,
        weight=1 / ((exchange.capture if exchange.capture > 0 else 1.0) * table.share),
        correlation=ids,
        pair_id=exchange.pair_id,
        share=table.share,
        timings=table.timings,
    )


def _at_s(body: Body) -> float:
    return body.exchange.started_s if body.side is Side.INPUT else body.exchange.finished_s


def _undecodable(capture: Capture, side: Side, error: Unreadable) -> Undecodable:
    exchange = capture.exchange
    at_s = exchange.started_s if side is Side.INPUT else exchange.finished_s
    return Undecodable(
        exchange_id=exchange.id,
        at_s=at_s,
        model=exchange.model,
        side=side,
        reason=error.reason.value,
        detail=error.detail,
        timings=error.timings,
    )
