"""What a client is told beside the model's answer: whether the connection goes on, and timing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.relay.answer_head import CHUNKED, UNTIL_CLOSE, AnswerHead

if TYPE_CHECKING:
    from proxy.relay.plane import Plane
    from proxy.relay.running import Running


def extra_fields(running: Running, answer: AnswerHead, plane: Plane) -> bytes:
    """Decide whether the client's connection ends with `answer`; give the fields that say so."""
    head, body_bytes = running.head, answer.body_bytes
    if (
        head.keep_alive
        and head.is_http11
        and running.request_done
        and body_bytes != UNTIL_CLOSE
        and not (plane.is_draining or plane.server_timing)
    ):
        # What nearly every exchange is.
        return b""
    running.closes = (
        not head.keep_alive
        or not running.request_done
        or plane.is_draining
        or (body_bytes == UNTIL_CLOSE and not running.is_head)
        or (body_bytes == CHUNKED and not running.takes_frames)
    )
    fields = b""
    if running.closes:
        fields = b"Connection: close\r\n"
    elif not head.is_http11:
        fields = b"Connection: keep-alive\r\n"
    if plane.server_timing and running.first_byte_s is not None:
        waited_ms = 1000 * (running.first_byte_s - running.started_s)
        fields += b"Server-Timing: %b;dur=%.3f\r\n" % (running.model.encode(), waited_ms)
    return fields
