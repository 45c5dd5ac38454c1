"""How an answer that is made piece by piece arrived: event streams, NDJSON, untyped chunks."""

from __future__ import annotations

from proxy.records import Stream


class StreamClock:
    """Times the chunks of one answer."""

    __slots__ = ("_first_s", "_last_s", "_longest_gap_s", "_max_arrivals", "arrivals", "n_chunks")

    def __init__(self, max_arrivals: int) -> None:
        """Note at most `max_arrivals` single arrivals; 0 notes none."""
        self._max_arrivals = max_arrivals
        self._first_s: float | None = None
        self._last_s = 0.0
        self._longest_gap_s = 0.0
        self.n_chunks = 0
        self.arrivals: list[tuple[float, int]] = []
        """(when, bytes of body before) for each arrival."""

    def tick(self, at_s: float, bytes_before: int, n_chunks: int) -> None:
        """Note that `n_chunks` began to arrive at `at_s`, behind `bytes_before` bytes."""
        if self._first_s is None:
            self._first_s = at_s
        else:
            self._longest_gap_s = max(self._longest_gap_s, at_s - self._last_s)
        self._last_s = at_s
        self.n_chunks += n_chunks
        if len(self.arrivals) < self._max_arrivals:
            self.arrivals.append((at_s, bytes_before))

    def record(self) -> Stream:
        """Give the record. The mean gap counts chunks that came together as gaps of 0."""
        first_s = self._first_s
        gaps = self.n_chunks - 1
        return Stream(
            first_content_s=first_s,
            n_chunks=self.n_chunks,
            mean_gap_s=(self._last_s - first_s) / gaps if first_s is not None and gaps > 0 else 0.0,
            longest_gap_s=self._longest_gap_s,
        )
