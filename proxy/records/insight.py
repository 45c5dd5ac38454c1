"""The evidence behind a drift alarm, for people: made beside the alarms, never read by them.

An `Insight` says which columns moved and how far in units a person knows, what a classifier needs
to tell the current rows from the reference, which part of the traffic carries the difference, and
which requests show it best. The alarm rests on its `Finding` alone; an insight only explains it, so
nothing here has a verdict. Shares lie between 0 and 1; all figures are finite.
"""

from __future__ import annotations

from msgspec import Struct

from proxy.records.judgement import AlarmName
from proxy.records.traffic import Scalar


class HistogramBin(Struct, frozen=True, kw_only=True):
    """One bar of a column's histogram, coarse enough for a person."""

    label: str
    """Range of values, category, or words such as `missing` and `below the reference`."""
    reference: float
    """Share of the reference rows, 0 to 1."""
    current: float
    """Share of the current rows, 0 to 1."""


class ColumnInsight(Struct, frozen=True, kw_only=True):
    """One column, reference against current, counted in the bins of its certified reference."""

    name: str
    kind: str
    """`numeric`, `categorical` or `constant`, as the benchmark has it."""
    n_reference: int
    n_current: int
    """Rows counted since the change; each once, whatever its weight."""
    shift_sd: float | None
    """The shift of a normal distribution, in its standard deviations, that gives this `auc`: robust
    against outliers, and the size of the shift where only the location moved. `None`: not
    numeric."""
    auc: float | None
    """P(a current value > a reference value), ties half: 0.5 is no difference. `None`: not
    numeric."""
    psi: float
    """Population stability index, nats."""
    psi_null: float
    """Mean of `psi` without any change, with these bins and as many independent rows: what to
    compare it with."""
    wasserstein_sd: float | None
    """First Wasserstein distance in standard deviations of the reference, values beyond the
    reference at its edge: a lower bound when there are any. `None`: not numeric."""
    wasserstein_null: float | None
    """Mean of `wasserstein_sd` without any change, with as many independent rows. `None`: not
    numeric."""
    new_share: float
    """Share of the current rows whose value the reference does not know (an unseen or rare
    category, a number outside its range, a value of another type), beyond the reference's own."""
    missing: tuple[float, float]
    """Shares of missing values: (reference, current)."""
    effect: float
    """Effect of the functional that carries the evidence, in `unit`."""
    interval: tuple[float, float] | None
    """Interval of `effect`, true however often one looks. `None`: too few rows."""
    unit: str
    """`sd`, `ratio` of spreads, or `share` of the rows (a difference)."""
    summary: str
    """One sentence for people, in units they know."""
    histogram: tuple[HistogramBin, ...]
    """At most 20 bars, in the order of the values; empty when there is nothing to draw."""


class SubPopulation(Struct, frozen=True, kw_only=True):
    """A part of the traffic that differs more than the rest."""

    condition: str
    """What its rows have in common, such as `carrier = UA` or `distance ≥ 1,400`."""
    share: float
    """Share of the difference that its rows carry, 0 to 1."""
    n: int
    """Sampled current rows in it."""
    effect: float
    """Effect on the blamed column within it, in `unit`."""
    unit: str
    """`sd` of the blamed column's reference, or `share` of the rows."""
    summary: str
    """One sentence for people."""


class Example(Struct, frozen=True, kw_only=True):
    """One sampled row that shows the difference well. Its values went through the redaction."""

    exchange: str
    """Id of the exchange, 16 hexadecimal digits, as in logs and journal."""
    at_s: float
    """When it was sampled, on the monotonic clock of the host."""
    why: str
    """What is telling about it, in words."""
    values: dict[str, Scalar]
    """Cells by column: the telling ones first, bounded in number and length."""


class Separation(Struct, frozen=True, kw_only=True):
    """How well a classifier tells current rows from reference rows, judged on rows it never saw."""

    auc: float
    """Out-of-fold area under the curve: 0.5 is indistinguishable, 1 is told apart always."""
    interval: tuple[float, float]
    """Interval that holds `auc` with at least 95 %, for one look."""
    carriers: tuple[tuple[str, float], ...]
    """(column or pair, its part of the AUC), the largest first: the mean of what it reaches alone,
    above 0.5, and of what is lost without it. Empty when the samples cannot be told apart."""
    n_reference: int
    n_current: int
    summary: str
    """One sentence for people."""


class Discrepancy(Struct, frozen=True, kw_only=True):
    """Distance of the two joint distributions: maximum mean discrepancy with a Gaussian kernel."""

    mmd2: float
    """Unbiased estimate of the squared discrepancy; about 0, also below, without a change."""
    p_value: float
    """Share of the relabelled samples at least as far apart, one look: 1/(permutations+1) to 1."""
    permutations: int
    n_reference: int
    n_current: int
    summary: str
    """One sentence for people."""


class Insight(Struct, frozen=True, kw_only=True):
    """What stands behind a drift alarm at one moment. It explains; it never pages."""

    alarm: AlarmName
    at_s: float
    """When it was made, on the monotonic clock of the host."""
    since_s: float | None
    """Estimated onset of the change; current rows are those since then. `None`: there is no
    breach, current rows are those of the last hour."""
    columns: tuple[ColumnInsight, ...]
    """The columns to blame first, at most 12."""
    sub_populations: tuple[SubPopulation, ...]
    examples: tuple[Example, ...]
    separation: Separation | None
    """`None`: `reason` says why."""
    discrepancy: Discrepancy | None
    """`None`: `reason` says why."""
    reason: str
    """What is missing and why, in sentences; empty when nothing is."""
