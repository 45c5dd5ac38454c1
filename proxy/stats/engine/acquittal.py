"""Is the candidate alone with what it shows, or does the stable model show it as well?

That the stable model is in no breach of its own proves nothing: it is asked a part of the requests
only, so a shift that both share alarms for the candidate first. The candidate is alone when the
rows of the stable model, since the breach began, rule out that it moved half as far.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from proxy.records import Verdict
from proxy.stats.engine.conclude import verdict_of
from proxy.stats.engine.effects import movement
from proxy.stats.engine.watch import Watch

SHARED_PART: Final = 0.5
"""Part of the candidate's movement that the stable model must be shown not to have made."""


LONGEST: Final = 1024
"""Ticks of the candidate that are remembered: as many as a history holds."""


class Abreast:
    """How the ticks of two histories lie side by side.

    A tick without rows is in no history. So the last ten ticks of a model that is asked seldom
    reach back much further than those of the other.
    """

    def __init__(self) -> None:
        """Begin with nothing known of either."""
        self._watches: tuple[Watch, Watch] | None = None
        self._n = (0, 0)
        self._before: deque[int] = deque(maxlen=LONGEST)
        """By tick of the candidate: ticks that the stable model's history had before it."""

    def note(self, stable: Watch, candidate: Watch) -> None:
        """Take note of both after each tick; a watch that took another's place begins anew."""
        n, n_stable = candidate.history.n_ticks, stable.history.n_ticks
        if self._watches is None or self._watches != (stable, candidate):
            self._watches = (stable, candidate)
            self._before.clear()
        elif n > self._n[0]:
            self._before.append(self._n[1])
        self._n = (n, n_stable)

    def since(self, n_ticks: int) -> int:
        """Give the stable model's ticks in the last `n_ticks` of the candidate, as far as known.

        Args:
            n_ticks: at least 1.
        """
        if not self._before:
            return 0
        return self._n[1] - self._before[-min(n_ticks, len(self._before))]


def shared_by(
    stable: Watch, candidate: Watch, min_rows: int, abreast: Abreast, prefix: str = ""
) -> Verdict:
    """Say whether the stable model shares the candidate's breach.

    Compared is the functional that carries the candidate's strongest stream, as far as it moved
    from each model's own certificate. Functionals are means of bounded scores, the same for all
    certificates, so that they can be compared where edges and units differ.

    Args:
        stable: the watch of the stable model.
        candidate: the watch of the candidate.
        min_rows: with fewer rows of the stable model nothing is known.
        abreast: took note of both after every tick.
        prefix: stands before the names of the stable model's streams.

    Returns:
        BREACH: the stable model is in a breach itself. OK: it is shown to have moved less than
        half as far, or the candidate is in no breach. UNKNOWN: it has too few rows to tell.
    """
    verdict = verdict_of(stable, min_rows)
    if candidate.breach is None or verdict is not Verdict.OK:
        return verdict
    ticks = abreast.since(candidate.breach.onset)
    if not ticks:
        return Verdict.UNKNOWN
    blamed = candidate.blamed()[0]
    accused = candidate.seen(blamed)
    functional = accused.functionals[candidate.carrier(blamed)]
    name = functional.name
    for index, stream in enumerate(stable.streams):
        if stream.name != prefix + accused.name:
            continue
        witness = stable.seen(index)
        names = {name, prefix + name}
        place = next((n for n, one in enumerate(witness.functionals) if one.name in names), None)
        if place is None:
            break
        moved = functional.mean(candidate.current(blamed)) - functional.mean(accused.masses)
        counts = stable.counts_since(ticks, index)
        certified, _, (low, high) = movement(witness, place, counts)
        half = certified + SHARED_PART * moved
        is_alone = high < half if moved > 0 else low > half
        return Verdict.OK if is_alone else Verdict.UNKNOWN
    return Verdict.UNKNOWN
