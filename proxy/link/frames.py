"""The wire format of the link: length-prefixed msgpack.

A frame is four bytes of big-endian length and that many bytes of one msgpack value: from relay to
watcher an array of reports, from watcher to relay one `Routing`. Reports are encoded one by one as
they come (about 1 µs each), so that flushing a batch costs the relay no pause; the frame's array
header is put before them when the batch leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from proxy.records import Capture, Exchange, Pulse, Report, Routing

MAX_FRAME_BYTES: Final = 32 * 1024 * 1024
"""A longer frame cannot come from a healthy relay: its largest batch is bounded far below."""

_LENGTH_BYTES: Final = 4
_ARRAY_32: Final = b"\xdd"
_encoder: Final = msgspec.msgpack.Encoder()
_reports: Final = msgspec.msgpack.Decoder(list[Exchange | Capture | Pulse])
_routing: Final = msgspec.msgpack.Decoder(Routing)
_pulse: Final = msgspec.msgpack.Decoder(Pulse)


class LinkError(Exception):
    """The peer's bytes are not frames of this format; the connection must be closed."""


def append_report(batch: bytearray, report: Report) -> None:
    """Append one encoded report to `batch`."""
    _encoder.encode_into(report, batch, -1)


def batch_frame(batch: bytearray, n_reports: int) -> bytes:
    """Wrap `n_reports` encoded reports as one frame."""
    head = _ARRAY_32 + n_reports.to_bytes(_LENGTH_BYTES, "big")
    return (len(head) + len(batch)).to_bytes(_LENGTH_BYTES, "big") + head + batch


def routing_frame(routing: Routing) -> bytes:
    """Wrap a routing as one frame."""
    return _framed(_encoder.encode(routing))


def pulse_frame(pulse: Pulse) -> bytes:
    """Wrap a single pulse as one frame, for the pipe to the supervisor."""
    return _framed(_encoder.encode(pulse))


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def read_reports(body: bytes) -> list[Exchange | Capture | Pulse]:
    """Decode the reports of one frame.

    Raises:
        LinkError: the body is not an array of reports.
    """
    try:
        return _reports.decode(body)
    except msgspec.MsgspecError as error:
        raise LinkError(f"a frame of {len(body)} bytes holds no reports: {error}") from error


def read_routing(body: bytes) -> Routing:
    """Decode a routing.

    Raises:
        LinkError: the body is not a routing.
    """
    try:
        return _routing.decode(body)
    except msgspec.MsgspecError as error:
        raise LinkError(f"a frame of {len(body)} bytes holds no routing: {error}") from error


def read_pulse(body: bytes) -> Pulse:
    """Decode a pulse.

    Raises:
        LinkError: the body is not a pulse.
    """
    try:
        return _pulse.decode(body)
    except msgspec.MsgspecError as error:
        raise LinkError(f"a frame of {len(body)} bytes holds no pulse: {error}") from error


class FrameSplitter:
    """Cuts a byte stream into frame bodies, whatever the segmentation."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        """Refuse frames longer than `max_frame_bytes`."""
        self._max_frame_bytes = max_frame_bytes
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give each frame body that is complete after `data`.

        Raises:
            LinkError: a frame announces more than the maximum.
        """
        pending = self._pending
        pending += data
        start = 0
        try:
            while len(pending) - start >= _LENGTH_BYTES:
                body_at = start + _LENGTH_BYTES
                end = body_at + int.from_bytes(pending[start:body_at], "big")
                if end - start > self._max_frame_bytes:
                    raise LinkError(
                        f"a frame announces {end - body_at} bytes, "
                        f"more than {self._max_frame_bytes}"
                    )
                if len(pending) < end:
                    break
                body = bytes(pending[body_at:end])
                start = end
                yield body
        finally:
            del pending[:start]
