"""A watch on columns within predicted classes: see `conditional` for what they show."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from proxy.records import Case, Scalar, Side
from proxy.stats.basis.binning import NumericBinner, to_numbers
from proxy.stats.basis.demands import Certainty, DriftRule
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.conditional import ClassStream
from proxy.stats.reference.profile import Profile
from proxy.stats.watches.columns import FLUSH_ROWS
from proxy.stats.watches.drift import ProfileWatch

PART: Final = 0.2
"""Part of a monitor's budget of false alarms that is spent on columns within classes."""


def split(certainty: Certainty) -> tuple[Certainty, Certainty]:
    """Give the budget of the marginal columns and that of the columns within classes.

    Two watches alarm falsely at the sum of their rates: (1 - w) / A + w / A = 1 / A.
    """
    ticks = certainty.run_length_ticks
    return (
        replace(certainty, run_length_ticks=ticks / (1 - PART)),
        replace(certainty, run_length_ticks=ticks / PART),
    )


class ConditionalWatch(ProfileWatch):
    """A watch on the columns within classes of one model's profile of answers."""

    def __init__(
        self,
        profile: Profile,
        chosen: tuple[ClassStream, ...],
        rule: DriftRule,
        certainty: Certainty,
    ) -> None:
        """Watch `chosen` streams of the profile, which must not be empty."""
        if profile.conditional is None:
            raise AssertionError("a profile without classes has no columns within them")
        within = Profile(
            n=profile.n,
            ordered=profile.ordered,
            columns=tuple(stream.profile for stream in chosen),
        )
        # What to ignore and how many to watch was decided when they were chosen.
        own = replace(rule, ignore=frozenset(), max_columns=len(chosen), recent_past=False)
        super().__init__(within, own, certainty)
        self._classes = profile.conditional.classes
        self._chosen = chosen
        self._max_rows = rule.max_rows
        self._binners = [stream.profile.binner() for stream in chosen]
        self._held: list[list[Scalar]] = [[] for _ in chosen]
        self._n_held = 0

    def count_case(self, case: Case) -> None:
        """Take rows with their answers; a row of no certified class is not counted."""
        sides = {
            Side.INPUT: dict(zip(case.input.columns, case.input.values, strict=False)),
            Side.OUTPUT: dict(zip(case.output.columns, case.output.values, strict=False)),
        }
        labels = sides[Side.OUTPUT].get(self._classes.column)
        if labels is None or case.input.n != case.output.n:
            return
        n = min(case.output.n, self._max_rows)
        kept = [row * case.output.n // n for row in range(n)] if n else []
        classes = self._classes.of([labels[row] for row in kept])
        rows = {
            place: [kept[i] for i in np.flatnonzero(classes == place)] for place in set(classes)
        }
        for stream, held in zip(self._chosen, self._held, strict=True):
            own = rows.get(stream.place, [])
            values = sides[stream.side].get(stream.column)
            held.extend([None] * len(own) if values is None else [values[row] for row in own])
        self._n_held += n
        if self._n_held >= FLUSH_ROWS:
            self._flush()

    def tick(self, utc_s: float | None = None) -> None:
        """Fold the rows since the last tick."""
        self._flush()
        super().tick(utc_s)

    def gather(self) -> Watch:
        """Count what waits, and give the watch."""
        self._flush()
        return super().gather()

    def reset(self) -> None:
        """Forget the evidence, and what is not counted yet."""
        for held in self._held:
            held.clear()
        self._n_held = 0
        super().reset()

    def _flush(self) -> None:
        for place, (held, binner) in enumerate(zip(self._held, self._binners, strict=True)):
            if isinstance(binner, NumericBinner):
                self.watch.add_counts(place, binner.count(to_numbers(held)))
            elif held:
                self.watch.add(place, binner.bins(held))
            held.clear()
        self._n_held = 0


def conditional_watch(
    profile: Profile | None, rule: DriftRule, certainty: Certainty, max_streams: int
) -> ConditionalWatch | None:
    """Give a watch on the columns within classes; `None` when there are none to watch."""
    if profile is None or profile.conditional is None:
        return None
    chosen = tuple(s for s in profile.conditional.streams if s.column not in rule.ignore)
    chosen = chosen[:max_streams]
    return ConditionalWatch(profile, chosen, rule, certainty) if chosen else None
