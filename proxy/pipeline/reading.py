"""From sampled bodies to what monitors observe: rows, pairs of answers, answers with questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from proxy.pipeline.values import Keeper, Meter, Reader
from proxy.records import Capture, Case, Compared, Exchange, Pair, Rows, Side, Undecodable
from proxy.windows.cases import CaseJoiner
from proxy.windows.pairs import PairJoiner
from proxy.windows.repeats import Repeats

MAX_PAIRS: Final = 4096
"""Answers that wait for the other model's: seconds of mirrored traffic at full speed."""
MAX_PAIR_AGE_S: Final = 60.0
"""Longer than any copy may live (`mirror.timeout_s`)."""
MAX_WAITING_CELLS: Final = 262_144
"""Cells of questions, and as many of answers, that wait for what the other model answers: some ten
megabytes each."""

Compare: TypeAlias = Callable[[Pair], Compared]
"""Says how far the answers of a pair lie apart: once, for all who ask."""


class Reading:
    """Reads captures, and brings together what belongs to one request."""

    def __init__(self, reader: Reader, *, compare: Compare, meter: Meter, keeper: Keeper) -> None:
        """Read by `reader`; count by `meter`; offer what people may want to see to `keeper`.

        `compare` says how far the answers of a pair lie apart, by the certified rule.
        """
        self._reader = reader
        self._compare = compare
        self._meter = meter
        self._keeper = keeper
        self._joiner = PairJoiner(MAX_PAIRS, MAX_WAITING_CELLS, MAX_PAIR_AGE_S)
        self._repeats = Repeats(MAX_PAIRS)
        self._cases = CaseJoiner(MAX_PAIRS, MAX_WAITING_CELLS, MAX_PAIR_AGE_S)

    def take(
        self, capture: Capture, *, has_shadow: bool
    ) -> Iterator[Rows | Undecodable | Compared | Case]:
        """Give what monitors are to observe of a capture, in order.

        Nothing, when it was taken before. `has_shadow`: another model may answer the same question,
        which is kept for it.
        """
        if self._repeats.is_repeated(capture.exchange.id):
            return
        asked: Rows | None = None
        for read in self._reader.decode(capture):
            self._count(read, capture.exchange)
            yield read
            if not isinstance(read, Rows):
                continue
            if read.side is Side.INPUT:
                asked = read
                if has_shadow:
                    self._cases.ask(read)
                continue
            # Without a shadow an answer waits for nobody; a late copy may still find its half.
            is_copy = capture.exchange.pair_id is not None
            compared = self._pair(read, capture.exchange) if has_shadow or is_copy else None
            if compared is not None:
                yield compared
            case = self._cases.answer(read, capture.exchange, asked)
            if case is not None:
                self._keeper.keep_case(case)
                yield case

    def expire(self, now_s: float) -> None:
        """Forget answers whose other half does not come."""
        self._joiner.expire(now_s)

    def _count(self, read: Rows | Undecodable, exchange: Exchange) -> None:
        if isinstance(read, Undecodable):
            self._meter.capture_result(read.side, read.reason)
        else:
            self._meter.capture_result(read.side, "decoded")
            self._keeper.keep(read)
        if read.side is Side.OUTPUT:
            self._meter.arrival(exchange, read.timings)

    def _pair(self, rows: Rows, exchange: Exchange) -> Compared | None:
        """Bring the answers of both models together, whichever comes first, and compare them."""
        pair_id = exchange.id if exchange.pair_id is None else exchange.pair_id
        pair = self._joiner.offer(rows, pair_id)
        if pair is None:
            return None
        compared = self._compare(pair)
        self._meter.pair("differ" if compared.apart > 0 else "agree")
        if compared.apart > 0:
            self._keeper.keep_pair(pair, compared.apart)
        return compared
