"""The next rows of the traffic, kept for who wants to make a reference of them.

While somebody collects, sampled bodies are decoded a second time, as certification would: strings
that no benchmark knows yet stay in clear once personal data is masked, since they are to become
known. What is kept is bounded by rows and bytes, lives in memory only, and goes when it is not
fetched for an hour. The first quarter teaches the words of texts and the main directions of
tensors, as requests do at certification; where it taught something it is not kept, since what was
learned from is never new. Who ordered it, and what came of it, stands in the journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from proxy.monitors.errors import failure_class
from proxy.payload.decode import Decoder
from proxy.payload.learning import EVERY, MAX_TEACHING, Learned, Pupil
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
Make: TypeAlias = Callable[[Learned | None, Pupil | None], Decoder]
"""Gives a decoder that knows what was learned, and over whose shoulder a pupil looks."""


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

    def __init__(self, reader: Reader, make: Make, write: Write) -> None:
        """Read as `reader` does; `make` reads for the collection, `write` keeps the journal."""
        self._reader = reader
        self._make = make
        self._write = write
        self._lesson_is_over = asyncio.Event()
        self._order = NO_ORDER
        self._forget()

    def _forget(self) -> None:
        self._pupil: Pupil | None = None
        self._is_teaching = False
        self._learned: Learned | None = None
        self._decoder = self._make(None, None)
        self._n_taught = 0
        self._forget_rows()
        self._timings: dict[str, list[tuple[float, int, int]]] = {}
        self._answers: Counter[str] = Counter()
        self._failed: dict[str, Counter[str]] = {}
        self._disturbed: list[str] = []
        self._stride = 1
        self._asked_s = 0.0

    def _forget_rows(self) -> None:
        self._bodies: list[Rows] = []
        self._n_rows = self._n_bytes = 0
        self._unread: Counter[str] = Counter()

    def decode(self, capture: Capture) -> tuple[Rows | Undecodable, ...]:
        """Give the rows of each side, as the reader does; never raises."""
        if self._is_open():
            self._keep(capture)
            self._end_lesson()
            self._tell_when_complete()
        return self._reader.decode(capture)

    def observe(self, exchange: Exchange) -> None:
        """Time an answer that a client waited for; forget rows that nobody asks about."""
        self._forget_the_stale(exchange.finished_s)
        if not self._is_open() or exchange.position is not Position.SERVING:
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
            raise DeskError(409, "busy", message, 'Wait until that ends; {"rows": 0} ends it.')
        if order.rows and firing and not order.force:
            named = ", ".join(firing)
            message = f"{named} fires: a reference of this traffic would certify the fault."
            raise DeskError(
                409, "alarm_fires", message, 'Wait, or force it (`learn --force`, "force": true).'
            )
        self._end(order.by, order.why or "no longer wanted")
        self._order = order
        self._asked_s = now_s
        if order.rows:
            despite = f" although {', '.join(firing)} fires" if firing else ""
            why = f": {order.why}" if order.why else ""
            text = f"{order.by} takes the next {order.rows:,} rows as a reference{despite}{why}."
            self._note("ordered", text, by=order.by, why=order.why, despite=list(firing))
            self._pupil = Pupil()
            self._is_teaching = True
            self._decoder = self._make(None, self._pupil)
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
            "unreadable": self._unread.total(),
            "unread": dict(self._unread),
            "taught": self._n_taught,
            "parts": -(-len(self._bodies) // PART),
            "answers": dict(self._answers),
            "failed": {model: dict(counts) for model, counts in self._failed.items()},
            "disturbed": self._disturbed,
        }

    def part(self, number: int) -> JsonObject:
        """Give one part of what was collected; the first brings timings and what was learned.

        Raises:
            DeskError: there is no such part.
        """
        first = number * PART
        if not 0 <= first < len(self._bodies):
            raise DeskError(404, "no_part", f"There is no part {number}.", "?part=0")
        bodies = self._bodies[first : first + PART]
        if number:
            return {"bodies": bodies, "timings": {}}
        return {"bodies": bodies, "timings": self._timings, "learned": self._learned}

    async def study(self) -> None:
        """Wait for the end of a lesson and go on with what was learned.

        Main directions take up to some seconds: they are computed beside the loop.
        """
        await self._lesson_is_over.wait()
        self._lesson_is_over.clear()
        pupil = self._pupil
        if pupil is not None:
            learned = await asyncio.to_thread(pupil.learned)
            if self._pupil is pupil:
                self._take_up(learned)

    async def study_for_ever(self) -> None:
        """Study after every lesson."""
        while True:
            await self.study()

    def _end_lesson(self) -> None:
        """End the lesson when it was long enough; where nothing was taught, all of it stays."""
        is_long = self._n_rows >= self._order.rows // EVERY or self._n_taught >= MAX_TEACHING
        if not self._is_teaching or (self._is_open() and not is_long):
            return
        self._is_teaching = False
        # From here on the thread that studies is alone with the pupil.
        self._decoder = self._make(None, None)
        if self._pupil is not None and not self._pupil.is_idle:
            self._lesson_is_over.set()
            return
        self._pupil = None
        self._n_taught = 0

    def _take_up(self, learned: Learned) -> None:
        self._pupil = None
        self._learned = learned
        self._decoder = self._make(learned, None)
        self._forget_rows()

    def _is_open(self) -> bool:
        """Tell whether another row is kept."""
        return self._n_rows < self._order.rows and self._n_bytes < MAX_BYTES

    def _is_collecting(self) -> bool:
        return self._is_open() or (self._pupil is not None and self._order.rows > 0)

    def _keep(self, capture: Capture) -> None:
        self._n_taught += self._is_teaching
        for read in self._decoder.decode(capture):
            if isinstance(read, Undecodable):
                self._unread[read.side if read.side is Side.INPUT else read.model] += 1
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
        told = {"by": by, "rows": n, "unreadable": self._unread.total()}
        self._note("collected", f"{text}.", disturbed=self._disturbed, **told)
