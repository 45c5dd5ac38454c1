"""The next rows of the traffic, kept for who wants to make a reference of them.

While somebody collects, sampled bodies are decoded a second time, as certification would: strings
that no benchmark knows yet stay in clear once personal data is masked, since they are to become
known. What is kept is bounded by rows and bytes, lives in memory only, and goes when it is not
fetched for an hour. Who ordered it, and what came of it, stands in the journal.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from proxy.monitors.errors import failure_class
from proxy.payload.decode import Decoder
from proxy.pipeline import Reader
from proxy.records import AlarmName, Capture, Exchange, Position, Rows, Side, Undecodable
from proxy.telemetry.desk import DeskError, JsonObject

log = logging.getLogger(__name__)

MAX_ROWS: Final = 50_000
MAX_BYTES: Final = 128 * 1024 * 1024
BODY_BYTES: Final = 400
"""What one body costs beside its columns, as measured."""
COLUMN_BYTES: Final = 64
"""What one column of a body costs beside its cells: a list and its place."""
CELL_BYTES: Final = 64
"""What one cell costs: an object and its place."""
MAX_TIMINGS: Final = 20_000
PART: Final = 200
"""Bodies given at once: some hundred KiB."""
FORGET_S: Final = 3600.0
"""A collection that nobody asks about for so long is dropped."""
BUSY_S: Final = 30.0
"""Who asked within this time still waits for the rows: `learn` asks every second."""
JOURNAL_KIND: Final = "reference"

Write: TypeAlias = Callable[[str, object], None]
"""Puts a kind and a body into the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person wants collected."""

    rows: int
    """Input rows; 0: forget what was collected."""
    force: bool = False
    """Also while an alarm fires."""
    by: str = "unknown"
    why: str = ""
    """When it ends a collection: what came of it."""


NO_ORDER: Final = Order(rows=0)


class Collector:
    """A reader of bodies that keeps the next rows when it is told to."""

    def __init__(self, reader: Reader, decoder: Decoder, write: Write) -> None:
        """Read as `reader` does; `decoder` reads for the collection, `write` keeps the journal."""
        self._reader = reader
        self._decoder = decoder
        self._write = write
        self._order = NO_ORDER
        self._forget()

    def _forget(self) -> None:
        self._bodies: list[Rows] = []
        self._timings: dict[str, list[tuple[float, int, int]]] = {}
        self._answers: Counter[str] = Counter()
        self._failed: dict[str, Counter[str]] = {}
        self._disturbed: list[str] = []
        self._stride = 1
        self._n_rows = self._n_bytes = self._n_unreadable = 0
        self._asked_s = 0.0

    def decode(self, capture: Capture) -> tuple[Rows | Undecodable, ...]:
        """Give the rows of each side, as the reader does; never raises."""
        if self._is_collecting():
            self._keep(capture)
            self._tell_when_complete()
        return self._reader.decode(capture)

    def observe(self, exchange: Exchange) -> None:
        """Time an answer that a client waited for; forget rows that nobody asks about."""
        self._forget_the_stale(exchange.finished_s)
        if not self._is_collecting() or exchange.position is not Position.SERVING:
            return
        model = exchange.model.value
        failed = failure_class(exchange)
        if failed is None:
            return
        self._answers[model] += 1
        if failed:
            self._failed.setdefault(model, Counter())[failed] += 1
            return
        timings = self._timings.setdefault(model, [])
        if self._answers[model] % self._stride == 0:
            took_s = exchange.finished_s - exchange.started_s
            timings.append((took_s, exchange.in_flight, exchange.request_bytes))
        if len(timings) >= MAX_TIMINGS:
            # Every other one stays, and from now on half as many come: evenly over the time.
            del timings[::2]
            self._stride *= 2

    def begin(self, order: Order, now_s: float, firing: Sequence[AlarmName] = ()) -> JsonObject:
        """Collect the next rows, or forget what was collected.

        Raises:
            DeskError: so many are not kept, somebody else waits for theirs, or an alarm fires.
        """
        if not 0 <= order.rows <= MAX_ROWS:
            message = f"{order.rows} rows are asked for; 1 to {MAX_ROWS} can be kept."
            raise DeskError(400, "bad_rows", message, '{"rows": 5000}')
        if order.rows and self._order.rows and now_s - self._asked_s < BUSY_S:
            message = f"{self._order.by} collects {self._order.rows:,} rows already."
            raise DeskError(409, "busy", message, 'Wait, or end it with {"rows": 0}.')
        if order.rows and firing and not order.force:
            named = ", ".join(firing)
            message = f"{named} fires: a reference of this traffic would certify the fault."
            raise DeskError(409, "alarm_fires", message, 'Wait, or send "force": true.')
        self._end(order.by, order.why or "no longer wanted")
        self._order = order
        self._asked_s = now_s
        if order.rows:
            despite = f" although {', '.join(firing)} fires" if firing else ""
            why = f": {order.why}" if order.why else ""
            text = f"{order.by} takes the next {order.rows:,} rows as a reference{despite}{why}."
            self._note("ordered", text, by=order.by, why=order.why, despite=list(firing))
        return {"wanted": order.rows}

    def _end(self, by: str, why: str) -> None:
        """Forget what was collected, and write down what came of it."""
        if self._order.rows:
            n = min(self._n_rows, self._order.rows)
            text = f"The reference of {n:,} rows that {self._order.by} took: {why}."
            self._note("ended", text, by=by, why=why, rows=n)
        self._order = NO_ORDER
        self._forget()

    def _forget_the_stale(self, now_s: float) -> None:
        if self._order.rows and now_s - self._asked_s > FORGET_S:
            self._end(self._order.by, "forgotten, since nobody asked about it for an hour")

    def _note(self, event: str, text: str, **told: object) -> None:
        log.info("%s", text)
        self._write(
            JOURNAL_KIND, {"event": event, "wanted": self._order.rows, **told, "text": text}
        )

    def state(self, firing: Sequence[AlarmName], now_s: float) -> JsonObject:
        """Give how far the collection is, and note which alarms fire meanwhile."""
        self._forget_the_stale(now_s)
        self._asked_s = now_s
        if self._is_collecting():
            self._disturbed = sorted({*self._disturbed, *(name.value for name in firing)})
        done = "complete" if self._order.rows else "none"
        return {
            "state": "collecting" if self._is_collecting() else done,
            "wanted": self._order.rows,
            "rows": min(self._n_rows, self._order.rows),
            "unreadable": self._n_unreadable,
            "parts": -(-len(self._bodies) // PART),
            "answers": dict(self._answers),
            "failed": {model: dict(counts) for model, counts in self._failed.items()},
            "disturbed": self._disturbed,
        }

    def part(self, number: int) -> JsonObject:
        """Give one part of what was collected; the first brings the timings.

        Raises:
            DeskError: there is no such part.
        """
        first = number * PART
        if not 0 <= first < len(self._bodies):
            raise DeskError(404, "no_part", f"There is no part {number}.", "?part=0")
        timings = self._timings if number == 0 else {}
        return {"bodies": self._bodies[first : first + PART], "timings": timings}

    def _is_collecting(self) -> bool:
        return self._n_rows < self._order.rows and self._n_bytes < MAX_BYTES

    def _keep(self, capture: Capture) -> None:
        for read in self._decoder.decode(capture):
            if isinstance(read, Undecodable):
                self._n_unreadable += 1
                continue
            self._bodies.append(read)
            self._n_rows += read.n if read.side is Side.INPUT else 0
            texts = (cell for column in read.values for cell in column if isinstance(cell, str))
            width = COLUMN_BYTES + CELL_BYTES * read.n
            self._n_bytes += BODY_BYTES + width * len(read.columns) + sum(map(len, texts))

    def _tell_when_complete(self) -> None:
        if self._is_collecting():
            return
        n, by = min(self._n_rows, self._order.rows), self._order.by
        text = f"{n:,} of {self._order.rows:,} rows for the reference that {by} takes are collected"
        told = {"by": by, "rows": n, "unreadable": self._n_unreadable}
        self._note("collected", f"{text}.", disturbed=self._disturbed, **told)
