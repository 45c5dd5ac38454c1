"""From what is known of a drift to what people are told about it: one question, one insight.

`Question` holds everything that is needed as plain values, so that it can be answered by another
process, later, or in a test. The answer is computed within fixed bounds of rows and columns. What
cannot be said is left out, and the reason is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from msgspec import Struct

from proxy.records import AlarmName, Discrepancy, Insight, Scalar, Separation, SubPopulation
from proxy.stats.basis.functionals import Floats
from proxy.stats.explain.column_insight import column_insight
from proxy.stats.explain.design_matrix import design_matrix
from proxy.stats.explain.domain_classifier import separate
from proxy.stats.explain.evidence import ColumnEvidence
from proxy.stats.explain.examples import examples
from proxy.stats.explain.mmd import discrepancy
from proxy.stats.explain.samples import Sample, SampledRows, TwoSamples, equal_sample, sample_of
from proxy.stats.explain.subpopulations import sub_populations
from proxy.stats.reference.column import ColumnProfile

MAX_CUT_COLUMNS: Final = 2
"""Blamed columns of which the sub-populations are looked for."""


class Question(Struct, frozen=True, kw_only=True):
    """Everything that is needed to explain the drift of one side."""

    alarm: AlarmName
    at_s: float
    since_s: float | None
    """Estimated onset. `None`: no breach, the rows of the last hour are looked at."""
    evidence: tuple[ColumnEvidence, ...]
    profiles: tuple[ColumnProfile, ...]
    """Certified columns to look at row by row, the blamed ones first."""
    cut_by: tuple[ColumnProfile, ...]
    """Further columns of the rows, by which the traffic is cut: beside answers, what was asked."""
    reference: dict[str, list[Scalar]] | None
    """Rows that the benchmark keeps, by column. `None`: it keeps none."""
    n_reference: int
    current: SampledRows
    before: SampledRows
    """Rows of before the change, for where the benchmark keeps none."""
    n_examples: int
    show_values: bool
    seed: int
    """Of all the dice: the same question has the same answer."""


@dataclass(slots=True)
class _Notes:
    """What cannot be said, and why."""

    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Note a sentence once."""
        sentence = f"{text[:1].upper()}{text[1:]}."
        if sentence not in self.texts:
            self.texts.append(sentence)


def explain(question: Question) -> Insight:
    """Give what stands behind the drift of one side."""
    rng = np.random.default_rng(question.seed)
    notes = _Notes()
    columns = tuple(column_insight(one, rng) for one in question.evidence)
    samples = _samples(question, notes)
    separation: Separation | None = None
    distance: Discrepancy | None = None
    parts: tuple[SubPopulation, ...] = ()
    if samples is not None:
        separation, distance = _together(samples, rng, notes)
        parts = _parts(question, samples)
    told = examples(
        question.evidence,
        question.profiles + question.cut_by,
        question.current,
        question.n_examples,
        show_values=question.show_values,
    )
    known = {name for form in question.current.forms for name in form}
    blamed = [one.column.name for one in question.evidence if one.blamed]
    if known and blamed and not known & set(blamed):
        notes.add(f"no single column holds {blamed[0]}, so no part and no row can be shown for it")
    return Insight(
        alarm=question.alarm,
        at_s=question.at_s,
        since_s=question.since_s,
        columns=columns,
        sub_populations=parts,
        examples=told,
        separation=separation,
        discrepancy=distance,
        reason=" ".join(notes.texts),
    )


def _samples(question: Question, notes: _Notes) -> TwoSamples | None:
    """Give both samples; `None` when there is nothing to lay side by side."""
    names = [profile.name for profile in question.profiles + question.cut_by]
    if not question.current.rows:
        notes.add("no row was kept since the change, so only counts are shown")
        return None
    reference = _reference(question, names, notes)
    if reference is None:
        return None
    current = sample_of(question.current, names)
    both = tuple(profile for profile in question.profiles if profile.name in reference.columns)
    return TwoSamples(profiles=both, reference=reference, current=current)


def _reference(question: Question, names: list[str], notes: _Notes) -> Sample | None:
    if question.reference is not None and question.n_reference:
        known = {name: question.reference[name] for name in names if name in question.reference}
        if known:
            return equal_sample(known, question.n_reference)
    keeps_none = "the benchmark keeps no rows of this side's reference"
    if question.before.rows:
        notes.add(f"{keeps_none}; rows are compared with {len(question.before.rows)} from before "
                  "the change")  # fmt: skip
        return sample_of(question.before, names)
    notes.add(f"{keeps_none}, so only counts are shown")
    return None


def _together(
    samples: TwoSamples, rng: np.random.Generator, notes: _Notes
) -> tuple[Separation | None, Discrepancy | None]:
    """Compare the samples as a whole."""
    matrix = design_matrix(samples.profiles, samples.reference.columns, samples.current.columns)
    if matrix.n_left_out:
        notes.add(f"{matrix.n_left_out} columns beyond the first were not looked at together")
    weights: Floats = samples.weights
    groups = samples.groups
    separation = separate(matrix, weights, groups, rng)
    distance = discrepancy(matrix, weights, groups, rng)
    if isinstance(separation, str):
        notes.add(separation)
    if isinstance(distance, str):
        notes.add(distance)
    return (
        separation if isinstance(separation, Separation) else None,
        distance if isinstance(distance, Discrepancy) else None,
    )


def _parts(question: Question, samples: TwoSamples) -> tuple[SubPopulation, ...]:
    """Look for the parts of the traffic that carry the drift of the first blamed columns."""
    blamed = [one for one in question.evidence if one.blamed and not one.members]
    further = tuple(one for one in question.cut_by if one.name in samples.reference.columns)
    samples = replace(samples, profiles=samples.profiles + further)
    found = [part for one in blamed[:MAX_CUT_COLUMNS] for part in sub_populations(one, samples)]
    return tuple(found)
