"""Records of exchanges that are over: what the watcher learns of them.

Values are given by position, in the order in which `records` declares them: a microsecond per
request is saved by not naming eighteen of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from proxy.clock import now_s
from proxy.records import Capture, Exchange, Failure, Position

if TYPE_CHECKING:
    from proxy.relay.capture import FieldPicker
    from proxy.relay.mirror import Copy
    from proxy.relay.running import Running

# A member looked up in its enumeration costs more than a value by position.
_SERVING: Final = Position.SERVING
_SHADOW: Final = Position.SHADOW


def exchange_of(running: Running, failure: Failure | None) -> Exchange:
    """Give the record of an exchange with a client, which ends now."""
    stream = running.stream
    return Exchange(
        running.id,
        None,
        running.model,
        _SERVING,
        running.head.route,
        running.started_s,
        running.connected_s,
        running.first_byte_s,
        now_s(),
        running.status,
        failure,
        running.failed_over,
        running.replayed,
        running.request_bytes,
        running.response_bytes,
        running.in_flight,
        None if stream is None else stream.record(),
        running.capture,
    )


def exchange_of_copy(copy: Copy, failure: Failure | None) -> Exchange:
    """Give the record of a copy, which ends now."""
    serving, head, stream = copy.serving, copy.head, copy.stream
    return Exchange(
        copy.id,
        serving.id,
        copy.model,
        _SHADOW,
        serving.head.route,
        copy.started_s,
        copy.connected_s,
        copy.first_byte_s,
        now_s(),
        0 if head is None else head.status,
        failure,
        False,  # noqa: FBT003  # a copy goes to one model only
        copy.replayed,
        serving.request_bytes,
        copy.response_bytes,
        copy.in_flight,
        None if stream is None else stream.record(),
        copy.capture,
    )


def capture_of(running: Running, exchange: Exchange, picker: FieldPicker, limit: int) -> Capture:
    """Give the sample of an exchange with a client, bodies cut to `limit` bytes."""
    request = response = None
    if running.kept_request is not None:
        is_cut = not running.request_done
        request = picker.message(
            running.head.raw, running.kept_request, limit=limit, truncated=is_cut
        )
    if running.kept_answer is not None and running.answer is not None:
        is_cut = exchange.failure is not None
        response = picker.message(
            running.answer.raw, running.kept_answer, limit=limit, truncated=is_cut
        )
        if running.stream is not None:
            response = structs.replace(response, arrivals=tuple(running.stream.arrivals))
    return Capture(exchange, running.head.path, request, response)


def capture_of_copy(copy: Copy, exchange: Exchange, picker: FieldPicker, limit: int) -> Capture:
    """Give the sample of a copy; its request stands in the sample of what it copies."""
    response = None
    if copy.head is not None:
        is_cut = exchange.failure is not None
        response = picker.message(copy.head.raw, copy.kept, limit=limit, truncated=is_cut)
        if copy.stream is not None:
            response = structs.replace(response, arrivals=tuple(copy.stream.arrivals))
    return Capture(exchange, copy.serving.head.path, None, response)
