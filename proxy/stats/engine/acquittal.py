"""Is the candidate alone with what it shows, or does the stable model show it as well?

That the stable model is in no breach of its own proves nothing: it is asked a part of the requests
only, so a shift that both share alarms for the candidate first. The candidate is alone when the
rows of the stable model, since the breach began, rule out that it moved half as far.
"""

from __future__ import annotations

from typing import Final

from proxy.records import Verdict
from proxy.stats.engine.conclude import verdict_of
from proxy.stats.engine.effects import movement
from proxy.stats.engine.watch import Watch

SHARED_PART: Final = 0.5
"""Part of the candidate's movement that the stable model must be shown not to have made."""


def shared_by(stable: Watch, candidate: Watch, min_rows: int, prefix: str = "") -> Verdict:
    """Say whether the stable model shares the candidate's breach.

    Compared is the functional that carries the candidate's strongest stream, as far as it moved
    from each model's own certificate. Functionals are means of bounded scores, the same for all
    certificates, so that they can be compared where edges and units differ.

    Args:
        stable: the watch of the stable model, ticked together with the candidate's.
        candidate: the watch of the candidate.
        min_rows: with fewer rows of the stable model nothing is known.
        prefix: stands before the names of the stable model's streams.

    Returns:
        BREACH: the stable model is in a breach itself. OK: it is shown to have moved less than
        half as far, or the candidate is in no breach. UNKNOWN: it has too few rows to tell.
    """
    verdict = verdict_of(stable, min_rows)
    if candidate.breach is None or verdict is not Verdict.OK:
        return verdict
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
        ticks = candidate.breach.onset
        counts = stable.history.last(ticks, stable.layout.bins[index])
        certified, _, (low, high) = movement(witness, place, counts)
        half = certified + SHARED_PART * moved
        is_alone = high < half if moved > 0 else low > half
        return Verdict.OK if is_alone else Verdict.UNKNOWN
    return Verdict.UNKNOWN
