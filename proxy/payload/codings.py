"""Content codings undone within a bound: what comes out is never longer than asked for.

Only sampled copies come here; what the relay forwards is never decoded. `br` and `zstd` need the
extra `codings`.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from proxy.payload.reasons import Reason, Unreadable

Arrivals = tuple[tuple[float, int], ...]
"""(`at_s`, offset of the chunk in the body) for each chunk of a stream."""

_ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32
_RAW_DEFLATE: Final = -zlib.MAX_WBITS
_MAX_STACKED: Final = 3
"""Codings on one body. Two are legal and rare; a hundred are an attack on this loop."""


def undo(
    data: bytes, coding: str, limit: int, arrivals: Arrivals = ()
) -> tuple[bytes, Arrivals, bool]:
    """Give the body as it was before `coding` (a Content-Encoding field), at most `limit` bytes.

    Also gives `arrivals` with their offsets moved into the decoded body (empty when the coding does
    not allow it), and whether the end of the coding was reached.

    Raises:
        Unreadable: unknown, damaged or more than `limit` bytes.
    """
    names = [name.strip().lower() for name in coding.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if len(names) > _MAX_STACKED:
        raise Unreadable(Reason.BAD_CODING, f"The body has {len(names)} content codings.")
    whole = True
    for name in reversed(names):
        decode = _DECODERS.get(name)
        if decode is None:
            raise Unreadable(Reason.CODING_UNAVAILABLE, "The content coding is not known.")
        data, arrivals, ended = decode(data, limit, arrivals)
        whole = whole and ended
    return data, arrivals, whole


def _too_large(limit: int) -> Unreadable:
    return Unreadable(Reason.TOO_LARGE, f"The body is longer than {limit} bytes when decompressed.")


def _inflate(data: bytes, limit: int, arrivals: Arrivals) -> tuple[bytes, Arrivals, bool]:
    """Undo gzip, zlib and raw deflate, chunk by chunk so that arrival offsets can be moved."""
    cuts = [0, *(at for _, at in arrivals if 0 < at < len(data)), len(data)]
    wbits = _ZLIB_OR_GZIP if _has_header(data) else _RAW_DEFLATE
    stream = zlib.decompressobj(wbits)
    out = bytearray()
    moved = {0: 0}
    for begin, end in pairwise(cuts):
        moved[begin] = len(out)
        try:
            out += stream.decompress(data[begin:end], limit + 1 - len(out))
        except zlib.error:
            raise Unreadable(Reason.BAD_CODING, "The compressed body is damaged.") from None
        if len(out) > limit or stream.unconsumed_tail:
            raise _too_large(limit)
    return bytes(out), tuple((at_s, moved.get(at, len(out))) for at_s, at in arrivals), stream.eof


def _has_header(data: bytes) -> bool:
    """Tell gzip and zlib from raw deflate, which some servers send as `deflate`."""
    if data[:2] == b"\x1f\x8b":
        return True
    return len(data) > 1 and data[0] & 0x0F == zlib.DEFLATED and (data[0] << 8 | data[1]) % 31 == 0


def _unbrotli(data: bytes, limit: int, _arrivals: Arrivals) -> tuple[bytes, Arrivals, bool]:
    """Undo brotli with its output bounded; without arrivals, since it gives no progress."""
    try:
        import brotli  # noqa: PLC0415 - an extra: absent is a counted reason
    except ImportError:
        raise Unreadable(Reason.CODING_UNAVAILABLE, "brotli is not installed.") from None
    stream = brotli.Decompressor()
    out = bytearray()
    piece = data
    try:
        while len(out) <= limit and not stream.is_finished():
            got = stream.process(piece, output_buffer_limit=limit + 1 - len(out))
            piece = b""
            if not got and stream.can_accept_more_data():
                break
            out += got
    except TypeError:
        detail = "The installed brotli cannot bound its output; 1.2 can."
        raise Unreadable(Reason.CODING_UNAVAILABLE, detail) from None
    except brotli.error:
        raise Unreadable(Reason.BAD_CODING, "The brotli body is damaged.") from None
    if len(out) > limit:
        raise _too_large(limit)
    return bytes(out), (), bool(stream.is_finished())


def _unzstd(data: bytes, limit: int, _arrivals: Arrivals) -> tuple[bytes, Arrivals, bool]:
    """Undo zstd with its output and its window bounded; without arrivals."""
    try:
        import zstandard  # noqa: PLC0415 - an extra: absent is a counted reason
    except ImportError:
        raise Unreadable(Reason.CODING_UNAVAILABLE, "zstandard is not installed.") from None
    # A frame may ask for a window of gigabytes: cap what the decoder allocates for it.
    maker = zstandard.ZstdDecompressor(max_window_size=1 << 23)
    try:
        with maker.stream_reader(io.BytesIO(data), read_across_frames=True) as stream:
            out = stream.read(limit + 1)
    except (zstandard.ZstdError, MemoryError):
        raise Unreadable(Reason.BAD_CODING, "The zstd body is damaged.") from None
    if len(out) > limit:
        raise _too_large(limit)
    return out, (), True


_Undo = Callable[[bytes, int, Arrivals], tuple[bytes, Arrivals, bool]]
_DECODERS: Final[dict[str, _Undo]] = {
    "gzip": _inflate,
    "x-gzip": _inflate,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
