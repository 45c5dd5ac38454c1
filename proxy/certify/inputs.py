"""The input side of certification: the reference and the questions become what is watched.

From the reference come profile, schema, kept sample and self-test. A column that requests have and
the reference has not is taken from the requests: better a small reference than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import structs

from proxy.benchmark import ReferenceSample
from proxy.certify.answers import certifying, decode_inputs, kinds, stack
from proxy.certify.files import CertifyError
from proxy.certify.lesson import Lesson
from proxy.certify.recorded import Recorded, warn_of_paths
from proxy.certify.redaction import raw_columns, treatments
from proxy.certify.reference import Reference, find_files
from proxy.certify.rows import RowMaker
from proxy.certify.sample import keep_sample
from proxy.certify.study import Columns, Studied, Study
from proxy.payload.decode import Decoder
from proxy.payload.learning import Learned
from proxy.payload.schema import Schema, infer
from proxy.payload.settings import Payload, Redact
from proxy.records import Rows, Side
from proxy.stats.promise.resampling import Subject
from proxy.stats.reference.column import Kind, build_column
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.reference.streaming import Digest

MIN_SUPPLEMENT: Final = 100
"""Fewer rows of requests say too little about a column that the reference lacks."""
MAX_SHOWN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Which rows are the reference, and how they are read."""

    paths: tuple[Path, ...]
    """Files, folders or patterns."""
    payload: Payload
    redact: Redact
    ordered: bool
    """Their rows are in order of time."""
    time_column: str
    """Column that tells when each row was taken; empty: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What was found out about the input side."""

    columns: Columns
    """Reference rows as they are watched; blocks of them when there are too many to hold."""
    times_s: list[float] | None
    """UTC seconds of these rows; `None`: not known."""
    profile: Profile
    schema: Schema | None
    text_columns: frozenset[str]
    """Columns in which the reference or requests had free text."""
    sha256: str
    warnings: tuple[str, ...]

    def sample(self, n: int, rng: np.random.Generator) -> ReferenceSample | None:
        """Give rows to keep: see `keep_sample`."""
        return keep_sample(self.columns, self.profile, n, rng)

    def subject(self) -> Subject:
        """Give what the self-test looks at."""
        return Subject(columns=self.columns, profile=self.profile, times_s=self.times_s)


def study_inputs(
    source: Source, requests: Sequence[Recorded], lesson: Lesson, rng: np.random.Generator
) -> Inputs:
    """Read the reference and the questions.

    Raises:
        CertifyError: a file cannot be read, has damaged rows or none, or has no column in common
            with the requests.
    """
    decoder = Decoder(source.payload, certifying(source.redact), learned=lesson.learned)
    asked = decode_inputs(decoder, [requests[place] for place in lesson.measured(len(requests))])
    maker = RowMaker(
        source.payload,
        source.redact,
        lesson.learned,
        treatments(source.payload, source.redact, requests),
        {name for rows in asked for name in rows.columns},
    )
    time_column = source.time_column
    reference = Reference(
        files=find_files(source.paths),
        kinds=kinds(raw_columns(source.payload, source.redact, requests)),
        accepts=lambda name: name == (time_column or None) or maker.accepts(name),
    )
    studied = Study(reference, maker, time_column, rng).run(ordered=source.ordered)
    watched = _without_strangers(studied, asked)
    profile = build_profile(
        watched.columns,
        rng,
        ordered=source.ordered,
        times_s=studied.times_s,
        known=watched.profiles,
    )
    warnings = [
        *warn_of_paths(requests, source.payload),
        *studied.warnings,
        *_warn_of_width(maker.n_left_out, source.payload),
    ]
    profile, told = _supplemented(profile, asked, set(studied.columns), ordered=source.ordered)
    return Inputs(
        columns=watched.columns,
        times_s=studied.times_s,
        profile=profile,
        schema=_schema(studied, asked),
        text_columns=studied.text_columns,
        sha256=reference.sha256(),
        warnings=(*warnings, *told),
    )


def _without_strangers(studied: Studied, asked: Sequence[Rows]) -> Studied:
    """Leave out columns that no request has, once there were enough to know.

    A training set holds the truth, weights and ids. They are not missing when live requests have
    none of them, as certified ones had none.
    """
    sent = {name for rows in asked for name in rows.columns}
    if sum(rows.n for rows in asked) < MIN_SUPPLEMENT or not sent & studied.columns.keys():
        return studied
    texts = tuple(f"{name}." for name in studied.text_columns)
    # A column is described as text from the first text on: requests may have had none yet.
    kept = {name for name in studied.columns if name in sent or name.startswith(texts)}
    profiles = studied.profiles
    return replace(
        studied,
        columns={name: values for name, values in studied.columns.items() if name in kept},
        profiles=profiles and tuple(one for one in profiles if one.name in kept),
    )


def _schema(studied: Studied, asked: Sequence[Rows]) -> Schema | None:
    schema = infer(Side.INPUT, studied.columns, asked)
    if schema is None or studied.digest is None:
        return schema
    n_drawn = max((len(values) for values in studied.columns.values()), default=0)
    widened = _widened(schema, studied.digest)
    return structs.replace(widened, n=schema.n - n_drawn + studied.n)


def _widened(schema: Schema, digest: Digest) -> Schema:
    """Give a schema of sampled rows the extremes and the missing cells of all rows."""
    columns = []
    for column in schema.columns:
        seen = digest.columns.get(column.name)
        if seen is None:
            columns.append(column)
            continue
        low, high = column.low, column.high
        if seen.kind is Kind.NUMERIC and low is not None and high is not None:
            low, high = min(low, seen.quantiles.low), max(high, seen.quantiles.high)
        share = max(column.missing_share, seen.missing_share)
        columns.append(structs.replace(column, low=low, high=high, missing_share=share))
    return structs.replace(schema, columns=tuple(columns))


def with_texts(learned: Learned | None, text_columns: frozenset[str]) -> Learned | None:
    """Add columns in which only the reference had free text: later texts are described alike."""
    if not text_columns:
        return learned
    known = learned or Learned()
    return structs.replace(known, text_columns=tuple(sorted({*known.text_columns, *text_columns})))


def _supplemented(
    profile: Profile, asked: Sequence[Rows], known: set[str], *, ordered: bool
) -> tuple[Profile, list[str]]:
    """Take columns that only requests have from the requests.

    Raises:
        CertifyError: reference and requests have no column in common.
    """
    columns = stack(asked)
    if columns and not columns.keys() & known:
        raise CertifyError(
            "reference sample and requests have no column in common: requests have "
            f"{_some(set(columns))}; the reference has {_some(known)}; rename the columns of the "
            "reference"
        )
    if not columns:
        return profile, ["No input row of the requests can be read: drift of it cannot be seen."]
    told = _warn_of_strangers(known - columns.keys(), {one.name for one in profile.columns})
    lacking = columns.keys() - known
    n = len(next(iter(columns.values())))
    if lacking and n >= MIN_SUPPLEMENT:
        added = tuple(
            build_column(name, columns[name], ordered=ordered) for name in sorted(lacking)
        )
        profile = structs.replace(profile, columns=(*profile.columns, *added))
        told.append(
            f"Columns that the reference has not: {_some(lacking)}; they are certified from "
            f"the {n:,} rows of the requests."
        )
    elif lacking:
        told.append(f"Columns that the reference has not: {_some(lacking)}.")
    return profile, told


def _warn_of_strangers(strangers: set[str], watched: set[str]) -> list[str]:
    """Say which columns of the reference no request has."""
    told = []
    if strangers & watched:
        told.append(f"Columns that no request has: {_some(strangers & watched)}.")
    if strangers - watched:
        told.append(
            f"Columns that no request has, and that are not watched: {_some(strangers - watched)}."
        )
    return told


def _warn_of_width(n_left_out: int, payload: Payload) -> list[str]:
    if not n_left_out:
        return []
    told = (
        f"{n_left_out:,} columns of the reference were left out: beside the columns of requests "
        f"{payload.max_columns} are read (payload.max_columns)."
    )
    return [told]


def _some(names: set[str]) -> str:
    shown = sorted(names)[:MAX_SHOWN]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more
