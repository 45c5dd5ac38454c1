"""The incident report as a value: everything that is told, nothing of how it looks.

It is the answer of `GET /api/v1/report?format=json`, what the HTML file is written from, and what
`stablehand explain ALARM` puts into lines. Fields are added without a new version, never renamed.
Times are RFC 3339 text in UTC; an empty one was not seen.
"""

from __future__ import annotations

from msgspec import Struct

from proxy.records import AlarmName, Discrepancy, HistogramBin, Separation, SubPopulation
from proxy.telemetry.desk import AgreementView, EntryView


class Column(Struct, frozen=True, kw_only=True):
    """One stream of a monitor: a column of the rows, a class of failures, a share."""

    name: str
    summary: str
    """One sentence for people, in units they know."""
    effect: float | None = None
    """How far it is from the reference, in `unit`. `None`: only the interval is known."""
    interval: tuple[float, float] | None = None
    """Valid at any time. `None`: too few rows."""
    unit: str = ""
    strength: float | None = None
    """Evidence over what an alarm needs. `None`: not told."""
    is_blamed: bool = False
    """The alarm rests on it; the others are shown beside it."""
    n_reference: int = 0
    n_current: int = 0
    shift_sd: float | None = None
    auc: float | None = None
    psi: float | None = None
    psi_null: float | None = None
    """Mean of `psi` without any change."""
    wasserstein_sd: float | None = None
    wasserstein_null: float | None = None
    """Mean of `wasserstein_sd` without any change."""
    new_share: float | None = None
    missing: tuple[float, float] | None = None
    """Shares of missing values, (reference, current)."""
    bars: tuple[HistogramBin, ...] = ()


class ExampleView(Struct, frozen=True, kw_only=True):
    """One sampled row that shows the difference, redacted where it was sampled."""

    exchange: str
    at_utc: str
    why: str
    cells: tuple[tuple[str, str], ...]
    """(column, value as text), the telling ones first."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What stands behind one alarm of the incident, as far as it was measured."""

    alarm: AlarmName
    at_utc: str
    """When it was measured."""
    columns: tuple[Column, ...] = ()
    sub_populations: tuple[SubPopulation, ...] = ()
    examples: tuple[ExampleView, ...] = ()
    separation: Separation | None = None
    discrepancy: Discrepancy | None = None
    reason: str = ""
    """What is missing and why; empty when nothing is."""


class LoadCell(Struct, frozen=True):
    """Latency of the candidate at one load, certified and now."""

    load: str = ""
    size: str = ""
    answers: int = 0
    certified_median_s: float | None = None
    current_median_s: float | None = None
    certified_p99_s: float | None = None
    current_p99_s: float | None = None


class Blamed(Struct, frozen=True, kw_only=True):
    """One stream that carries a finding."""

    name: str
    summary: str
    effect: float
    interval: tuple[float, float] | None
    unit: str
    n_current: int


class Measure(Struct, frozen=True, kw_only=True):
    """One alarm of the incident: its life, and the finding that it rests on."""

    alarm: AlarmName
    state: str
    """`firing`, `pending`, `over`, or `quiet`."""
    onset_utc: str
    """Estimated onset of the change."""
    began_utc: str
    """When the breach was found (pending)."""
    fired_utc: str
    ended_utc: str
    reason: str
    subject: str
    effect: float | None
    interval: tuple[float, float] | None
    unit: str
    evidence: float
    """Natural logarithm of the e-value."""
    threshold: float
    confirmation: float
    """Log e-value of the data after the detection."""
    n_reference: int
    n_current: int
    shared: str
    """Whether the stable model shows the same, in a sentence."""
    blamed: tuple[Blamed, ...]


class Milestone(Struct, frozen=True, kw_only=True):
    """One station of the incident."""

    name: str
    at_utc: str
    note: str = ""


class TracePoint(Struct, frozen=True):
    """One recorded tick of one alarm."""

    at_unix_s: float
    strength: float
    """Evidence over what an alarm needs."""
    effect: float | None = None
    low: float | None = None
    high: float | None = None


class Trace(Struct, frozen=True, kw_only=True):
    """Evidence of one alarm over time, as the journal recorded it."""

    alarm: AlarmName
    subject: str
    """Stream whose effect stands in the points."""
    unit: str
    points: tuple[TracePoint, ...]


class Mark(Struct, frozen=True, kw_only=True):
    """Something that happened on the way: a state of an alarm, a switch of the traffic."""

    at_unix_s: float
    kind: str
    """`alarm` or `switch`."""
    text: str


class IncidentReport(Struct, frozen=True, kw_only=True):
    """One incident, told from its first sign to its end, or to now."""

    version: int = 1
    made_utc: str
    watched: str
    """Name of the candidate."""
    alarm: AlarmName
    """The alarm that was asked for, or the worst of the incident."""
    incident: str
    """Id of the incident; empty: the alarm belongs to none."""
    state: str
    """`firing`, `pending`, `over`, or `quiet`."""
    cause: str
    title: str
    lead: str
    """Why this cause is blamed."""
    done: str
    next: str
    undo: str
    """Command that takes back what was done; empty: nothing to take back."""
    milestones: tuple[Milestone, ...]
    measures: tuple[Measure, ...]
    evidence: tuple[Evidence, ...]
    agreement: AgreementView | None
    cells: tuple[LoadCell, ...]
    traces: tuple[Trace, ...]
    marks: tuple[Mark, ...]
    timeline: tuple[EntryView, ...]
    """Oldest first."""
    false_alarms: str
    """How often such a detection happens by chance, in words."""
    confirmation: str
    """What a false detection must still pass before anybody is told, in words."""
    provenance: tuple[tuple[str, str], ...]
    """(what, value): versions, hashes, models, where it was read."""
    notes: tuple[str, ...] = ()
    """What is missing from this report, and why."""
