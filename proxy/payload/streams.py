"""How a stream of tokens arrived: first content, gaps, rate, stalls and how it ended.

Pieces of content are joined to the arrival times of the chunks by their offsets. The relay stamps
chunks; nothing here measures time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final

from proxy.payload.body import Body
from proxy.payload.codings import Arrivals
from proxy.records import Failure, Scalar

_CLOCK_ERROR_S: Final = 1e-6
"""What rounding may do to a time that was divided by a count and multiplied again."""

MEASURES: Final = ("ttft_s", "gap_mean_s", "gap_max_s", "tokens_per_s", "stalls")


class End(StrEnum):
    """How a streamed answer ended."""

    COMPLETE = "complete"
    """With the protocol's own mark of the end."""
    UNFINISHED = "unfinished"
    """Without that mark, though the connection closed in order."""
    ERROR = "error"
    """With an event that says so."""
    TRUNCATED = "truncated"
    """The connection to the model broke, or it fell silent."""
    CLIENT_GONE = "client_gone"
    """The client left. Not the model's fault."""
    CUT = "cut"
    """The answer is longer than the capture limit: its end was not seen."""


def times(ends: Sequence[int], arrivals: Arrivals) -> list[float]:
    """Give when each piece, complete at offset `ends[i]`, arrived; empty without arrivals."""
    if not arrivals:
        return []
    offsets = [offset for _, offset in arrivals]
    return [arrivals[max(bisect_right(offsets, end - 1) - 1, 0)][0] for end in ends]


def measure(ends: Sequence[int], body: Body, n_tokens: int | None) -> dict[str, Scalar]:
    """Measure the pieces of content complete at `ends`.

    `n_tokens` is what the server counted, `None` when it did not say; then each piece counts as one
    token. Tokens per second are those after the first over the time after the first. All are
    missing when nothing arrived or the relay stamped nothing.
    """
    at = times(_stamped(ends, body), body.arrivals)
    if not at:
        return dict.fromkeys(MEASURES)
    gaps = [later - sooner for sooner, later in pairwise(at)]
    lasted_s = at[-1] - at[0]
    tokens = n_tokens if n_tokens is not None and len(at) == len(ends) and body.whole else len(at)
    return {
        "ttft_s": max(at[0] - body.exchange.started_s, 0.0),
        "gap_mean_s": lasted_s / len(gaps) if gaps else None,
        "gap_max_s": max(gaps) if gaps else None,
        "tokens_per_s": (tokens - 1) / lasted_s if lasted_s > 0 and tokens > 1 else None,
        "stalls": sum(gap > body.kit.settings.stall_s for gap in gaps),
    }


def _stamped(ends: Sequence[int], body: Body) -> Sequence[int]:
    """Leave out pieces that came after the relay had stopped noting arrivals, at its limit."""
    stream = body.exchange.stream
    if stream is None or stream.first_content_s is None or not body.arrivals:
        return ends
    last_s = stream.first_content_s + stream.mean_gap_s * max(stream.n_chunks - 1, 0)
    noted_s, offset = body.arrivals[-1]
    return ends if noted_s >= last_s - _CLOCK_ERROR_S else [end for end in ends if end <= offset]


def end_of(body: Body, *, finished: bool, failed: bool) -> End:
    """Tell how a stream ended: `finished` by its protocol's mark, `failed` by an error event."""
    if failed:
        return End.ERROR
    if finished:
        return End.COMPLETE
    if body.exchange.failure is Failure.CLIENT_GONE:
        return End.CLIENT_GONE
    if body.exchange.failure is not None:
        return End.TRUNCATED
    return End.UNFINISHED if body.whole else End.CUT


def whole_stream(body: Body) -> tuple[int, ...]:
    """Give the ends of the chunks themselves, for a stream that has no other pieces."""
    if not body.arrivals:
        return ()
    offsets = [offset for _, offset in body.arrivals[1:]]
    return tuple(dict.fromkeys([*(at for at in offsets if at > 0), len(body.data)]))
