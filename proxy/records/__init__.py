"""The values that flow through stablehand, in the order of the flow: read this room first.

A request enters a relay and leaves one `Exchange`, and sometimes a `Capture`, behind. The watcher
turns captures into `Rows`, pairs the rows of two models into a `Pair`, and lets monitors conclude a
`Finding`. Findings move an `Alarm`; alarms move the `Posture` and ask for an `Action`; what came of
it is an `Outcome`. An `Insight` explains a drift alarm to people. A `Truth` comes later and says
how good a prediction was. The one value that flows back is `Routing`.

Nothing here computes. Times ending in `_s` are seconds on the monotonic clock of the host
(the same clock in every process of one sidecar); wall time appears only in the journal, as `_utc`.
"""

from __future__ import annotations

from proxy.records.insight import (
    ColumnInsight,
    Discrepancy,
    Example,
    HistogramBin,
    Insight,
    Separation,
    SubPopulation,
)
from proxy.records.judgement import (
    Alarm,
    AlarmName,
    AlarmState,
    Blame,
    Finding,
    Pace,
    Transition,
    Verdict,
)
from proxy.records.remedies import (
    Acknowledgement,
    Action,
    Outcome,
    Posture,
    Step,
    StepKind,
)
from proxy.records.traffic import (
    Capture,
    Case,
    Compared,
    Exchange,
    Failure,
    FleetState,
    Health,
    Message,
    Model,
    Observation,
    Pair,
    Position,
    Pulse,
    Report,
    Routing,
    Rows,
    Scalar,
    Side,
    Stream,
    Undecodable,
)
from proxy.records.truth import Fate, LabelNews, Receipt, Truth, TruthValue

__all__ = [
    "Acknowledgement",
    "Action",
    "Alarm",
    "AlarmName",
    "AlarmState",
    "Blame",
    "Capture",
    "Case",
    "ColumnInsight",
    "Compared",
    "Discrepancy",
    "Example",
    "Exchange",
    "Failure",
    "Fate",
    "Finding",
    "FleetState",
    "Health",
    "HistogramBin",
    "Insight",
    "LabelNews",
    "Message",
    "Model",
    "Observation",
    "Outcome",
    "Pace",
    "Pair",
    "Position",
    "Posture",
    "Pulse",
    "Receipt",
    "Report",
    "Routing",
    "Rows",
    "Scalar",
    "Separation",
    "Side",
    "Step",
    "StepKind",
    "Stream",
    "SubPopulation",
    "Transition",
    "Truth",
    "TruthValue",
    "Undecodable",
    "Verdict",
]
