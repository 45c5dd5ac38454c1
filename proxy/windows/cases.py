"""What was asked, kept until it is answered: input and output rows of one exchange become a case.

The serving model's question and answer come in one capture. The shadow's answer comes alone, some
time later: its question is that of the serving exchange which it copies, so that is remembered
while traffic is mirrored. What waits too long, or does not fit the bounds, is forgotten: the case
is then not counted, which costs rows and nothing else.
"""

from __future__ import annotations

from collections import OrderedDict

from proxy.records import Case, Exchange, Rows


class CaseJoiner:
    """Joins the rows of both sides of an exchange."""

    def __init__(self, max_cases: int, max_cells: int, max_age_s: float) -> None:
        """Hold at most `max_cases` questions of together `max_cells` cells, each `max_age_s`."""
        self._max_cases = max_cases
        self._max_cells = max_cells
        self._max_age_s = max_age_s
        self._asked: OrderedDict[int, Rows] = OrderedDict()
        self.n_cells = 0
        """Cells that are held."""

    def __len__(self) -> int:
        """Give the number of questions that are held."""
        return len(self._asked)

    def ask(self, rows: Rows) -> None:
        """Remember a question that is also asked of the shadow."""
        self._expire(rows.at_s)
        self._forget(rows.exchange_id)
        self._asked[rows.exchange_id] = rows
        self.n_cells += _cells(rows)
        while len(self._asked) > self._max_cases or self.n_cells > self._max_cells:
            self._forget(next(iter(self._asked)))

    def answer(self, output: Rows, exchange: Exchange, asked: Rows | None) -> Case | None:
        """Give the case that an answer completes; `None` when its question is not known.

        Args:
            output: rows of the answer.
            exchange: the exchange that they answer.
            asked: rows of the question where the same capture had them.
        """
        if asked is None and exchange.pair_id is not None:
            asked = self._asked.get(exchange.pair_id)
            # One question has one shadow answer: a second one is a copy of the report.
            self._forget(exchange.pair_id)
        # As many rows of another number of rows are others of them: batches are thinned evenly.
        if asked is None or (asked.n, asked.share) != (output.n, output.share):
            return None
        return Case(input=asked, output=output)

    def _expire(self, now_s: float) -> None:
        while self._asked:
            number, oldest = next(iter(self._asked.items()))
            if now_s - oldest.at_s <= self._max_age_s:
                return
            self._forget(number)

    def _forget(self, number: int) -> None:
        rows = self._asked.pop(number, None)
        if rows is not None:
            self.n_cells -= _cells(rows)


def _cells(rows: Rows) -> int:
    return rows.n * len(rows.columns)
