"""What no marginal shows: which inputs, and how confident answers, belong to each predicted class.

A model whose class changes for a part of the inputs may leave every column, every class share and
every confidence as it was: a label swap between two groups of equal size does. The inputs *given*
the predicted class then change, and so may the confidence given the class. Here lives what is
stored about that: the classes, and a bounded number of columns within one class each. Who counts
and watches them is `conditional_watch`.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from proxy.records import Scalar, Side
from proxy.stats.basis.binning import category_text, to_numbers
from proxy.stats.basis.functionals import N_SPECIAL_BINS, Bins, Floats
from proxy.stats.reference.column import ColumnProfile, Kind, build_column
from proxy.stats.reference.compare import DERIVED, PROBABILITY

MAX_STREAMS: Final = 16
"""Streams that are chosen: each has bets of its own, and dilutes those of the others."""
MAX_CLASSES: Final = 10
MIN_SHARE: Final = 0.02
"""Rarer classes bring too few rows to see anything within them."""
MIN_ROWS: Final = 200
"""Reference rows that a class needs: with fewer only gross changes could be seen."""
GROUPS: Final = 12
"""Groups of bins in which the dependence on the class is measured: enough to rank columns."""
BEYOND_CHANCE: Final = 2.0
"""A column must tell this many times as much about the class as chance makes it seem to."""
FILLED: Final = 0.5
"""Columns that are missing more often are not looked at."""
THIRDS: Final = ("low third", "middle third", "high third")
"""Classes of a model that predicts numbers."""
NO_CLASS: Final = -1


class Classes(Struct, frozen=True, kw_only=True):
    """How a row of answers gets its class."""

    column: str
    """Column of the answers."""
    labels: tuple[str, ...]
    """Names of the classes."""
    edges: tuple[float, ...] = ()
    """Numbers: inner borders between the classes, one fewer than labels. Empty: labels are
    categories."""

    def of(self, values: Sequence[Scalar]) -> Bins:
        """Give the class of each row, -1 where it has none of these."""
        if self.edges:
            numbers = to_numbers(values)
            found: Bins = np.searchsorted(np.array(self.edges), numbers, side="right")
            found[~np.isfinite(numbers)] = NO_CLASS
            return found
        index = {label: place for place, label in enumerate(self.labels)}
        texts = (None if value is None else category_text(value) for value in values)
        classes = (NO_CLASS if text is None else index.get(text, NO_CLASS) for text in texts)
        return np.fromiter(classes, np.intp, len(values))


class ClassStream(Struct, frozen=True, kw_only=True):
    """One column within one predicted class."""

    side: Side
    column: str
    place: int
    """Place of the class among the labels."""
    profile: ColumnProfile
    """The reference: rows of other classes are not in it, not even as missing."""


class Conditional(Struct, frozen=True, kw_only=True):
    """The certified columns within classes, of one model."""

    classes: Classes
    streams: tuple[ClassStream, ...]
    """The most telling first."""

    def trouble(self) -> str:
        """Say what contradicts itself; empty when nothing does."""
        labels, edges = self.classes.labels, self.classes.edges
        if len(labels) > MAX_CLASSES or len(set(labels)) != len(labels):
            return f"the classes of {self.classes.column!r} are too many, or repeated"
        if edges and (len(edges) != len(labels) - 1 or list(edges) != sorted(set(edges))):
            return f"the borders of the classes of {self.classes.column!r} do not fit them"
        if len(self.streams) > MAX_STREAMS:
            return f"{len(self.streams)} columns within classes, at most {MAX_STREAMS} are read"
        for stream in self.streams:
            if not 0 <= stream.place < len(labels):
                return f"{stream.profile.name!r} belongs to no class"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Reference rows of both sides, row by row."""

    inputs: Mapping[str, Sequence[Scalar]]
    outputs: Mapping[str, Sequence[Scalar]]
    input_columns: Sequence[ColumnProfile]
    """Certified columns of the input: only these, and only their categories, are looked at."""
    output_columns: Sequence[ColumnProfile]
    ignored: Collection[str] = ()
    """Columns of either side that are not looked at within classes."""


@dataclass(frozen=True, slots=True)
class _Option:
    """A column within a class that could be watched."""

    side: Side
    column: ColumnProfile
    place: int
    tells: float
    """Nats that the column tells about the class, beyond chance."""


def build_conditional(rows: Answered, *, ordered: bool) -> Conditional | None:
    """Give the columns within classes that are worth watching; `None` when there are none.

    Up to half of the places go to the answers' other columns (confidence above all), the classes
    with most rows first. The rest goes to the pairs of input column and class with the largest part
    p(k) KL(x | k || x) of the mutual information between column and class, which is the sum of
    these parts (Cover and Thomas, 2006, "Elements of Information Theory", section 2.4).
    """
    classes = find_classes(rows.output_columns, rows.outputs)
    if classes is None:
        return None
    given = classes.of(rows.outputs[classes.column])
    within = _of_answers(rows, classes, given)
    across = _of_inputs(rows, given, len(classes.labels))
    half = MAX_STREAMS - min(len(across), MAX_STREAMS // 2)
    chosen = within[:half]
    chosen += across[: MAX_STREAMS - len(chosen)]
    if not chosen:
        return None
    return Conditional(
        classes=classes,
        streams=tuple(_stream(option, rows, classes, given, ordered) for option in chosen),
    )


def find_classes(
    columns: Sequence[ColumnProfile], values: Mapping[str, Sequence[Scalar]]
) -> Classes | None:
    """Give the classes of a model's answers: its labels, else the thirds of its first number."""
    named = sorted(columns, key=lambda column: column.name != "class")
    for column in named:
        labels = _frequent(column)
        if len(labels) >= 2 and not _is_derived(column.name):  # noqa: PLR2004 - one class splits nothing
            return Classes(column=column.name, labels=labels)
    for column in named:
        if column.kind is Kind.NUMERIC and not _is_derived(column.name):
            return _thirds(column, values[column.name])
    return None


def _frequent(column: ColumnProfile) -> tuple[str, ...]:
    """Give the frequent values of a column of few values; none when it is no column of classes."""
    if column.kind is Kind.CATEGORICAL:
        texts, first = column.categories, 0
    else:
        whole = all(edge.is_integer() for edge in column.edges)
        texts = tuple(category_text(edge) for edge in column.edges) if whole else ()
        first = 1
    least = max(MIN_SHARE, MIN_ROWS / max(column.n, 1))
    frequent = [
        (mass, text)
        for text, mass in zip(texts, column.masses[first:], strict=False)
        if mass >= least
    ]
    if len(frequent) > MAX_CLASSES:
        return ()
    return tuple(text for _, text in sorted(frequent, key=lambda pair: -pair[0]))


def _thirds(column: ColumnProfile, values: Sequence[Scalar]) -> Classes | None:
    numbers = to_numbers(values)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < MIN_ROWS * len(THIRDS):
        return None
    edges = tuple(float(edge) for edge in np.quantile(numbers, [1 / 3, 2 / 3]))
    if edges[0] >= edges[1]:
        return None
    return Classes(column=column.name, labels=THIRDS, edges=edges)


def _is_derived(name: str) -> bool:
    return name in DERIVED or PROBABILITY.fullmatch(name) is not None


def _of_answers(rows: Answered, classes: Classes, given: Bins) -> list[_Option]:
    """Give the other columns of the answers within each class, frequent classes first."""
    names = {column.name for column in rows.output_columns}
    left_out = {classes.column, *rows.ignored}
    left_out |= {"entropy"} if "confidence" in names else set()
    columns = [
        column
        for column in rows.output_columns
        if column.name not in left_out
        and PROBABILITY.fullmatch(column.name) is None
        and _is_filled(column)
    ]
    counts = [int((given == place).sum()) for place in range(len(classes.labels))]
    order = sorted(range(len(counts)), key=lambda place: -counts[place])
    return [
        _Option(Side.OUTPUT, column, place, 0.0)
        for place, column in itertools.product(order, columns)
        if counts[place] >= MIN_ROWS
    ]


def _of_inputs(rows: Answered, given: Bins, n_classes: int) -> list[_Option]:
    """Give the input columns within classes that tell about the class, the most telling first."""
    options = []
    for column in rows.input_columns:
        values = rows.inputs.get(column.name)
        if values is None or column.name in rows.ignored or not _is_filled(column):
            continue
        parts = information(column, column.binner().bins(values), given, n_classes)
        options += [
            _Option(Side.INPUT, column, place, float(part))
            for place, part in enumerate(parts)
            if part > 0 and int((given == place).sum()) >= MIN_ROWS
        ]
    return sorted(options, key=lambda option: -option.tells)


def _is_filled(column: ColumnProfile) -> bool:
    has_values = len(column.edges) > 1 or len(column.categories) > 1
    return has_values and sum(column.masses[-N_SPECIAL_BINS:]) < FILLED


def information(
    column: ColumnProfile, bins: Bins, given: Bins, n_classes: int
) -> NDArray[np.float64]:
    """Give what a column tells about each class, in nats; 0 where it is within chance.

    Args:
        column: the certified column.
        bins: int array [rows], its bin of each row.
        given: int array [rows], the class of each row, -1 for none.
        n_classes: number of classes.

    Returns:
        float array [classes]: p(k) KL(x | k || x). Of independent columns its mean is about
        (groups - 1) (1 - p(k)) / 2n, which is taken off; less than twice that counts as nothing.
    """
    groups = _groups(column)[bins]
    kept = (given >= 0) & (groups >= 0)
    n = max(int(kept.sum()), 1)
    table = np.zeros((n_classes, GROUPS))
    np.add.at(table, (given[kept], groups[kept]), 1.0)
    share = table.sum(axis=0) / n
    n_groups = int((share > 0).sum())
    parts = np.zeros(n_classes)
    for place, counts in enumerate(table):
        own = counts.sum()
        if own == 0:
            continue
        p = counts / own
        seen = p > 0
        told = own / n * float((p[seen] * np.log(p[seen] / share[seen])).sum())
        chance = (n_groups - 1) * (1 - own / n) / (2 * n)
        parts[place] = told - chance if told > BEYOND_CHANCE * chance else 0.0
    return parts


def _groups(column: ColumnProfile) -> Bins:
    """Give the group of each bin: bins of like mass for numbers; -1 for missing and odd values."""
    masses: Floats = np.asarray(column.masses)[:-N_SPECIAL_BINS]
    if column.kind is Kind.NUMERIC:
        middle = (np.cumsum(masses) - masses / 2) / max(float(masses.sum()), 1e-12)
        groups = np.minimum((middle * GROUPS).astype(np.intp), GROUPS - 1)
    else:
        groups = np.minimum(np.arange(len(masses)), GROUPS - 1)
    return np.append(groups, [NO_CLASS] * N_SPECIAL_BINS)


def _stream(
    option: _Option, rows: Answered, classes: Classes, given: Bins, ordered: bool
) -> ClassStream:
    column = option.column
    values = (rows.inputs if option.side is Side.INPUT else rows.outputs)[column.name]
    within = [values[int(row)] for row in np.flatnonzero(given == option.place)]
    if column.kind is Kind.CATEGORICAL:
        within = _known_only(within, frozenset(column.categories))
    name = f"{column.name} | {classes.column} = {classes.labels[option.place]}"
    profile = build_column(name, within, ordered=ordered)
    return ClassStream(
        side=option.side,
        column=column.name,
        place=option.place,
        profile=structs.replace(profile, name=name),
    )


def _known_only(values: Sequence[Scalar], known: frozenset[str]) -> list[Scalar]:
    """Make each unknown category a text of its own: in service it is redacted, so it is `other`."""
    return [
        value if value is None or category_text(value) in known else f"\0{place}"
        for place, value in enumerate(values)
    ]
