"""Settings of the monitors: what counts as a difference worth an alarm.

How *sure* an alarm must be is not set here but under `alarms`: it is one budget for all monitors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from proxy.stats.basis.demands import DriftRule, Tolerance
from proxy.units import STRICT, Count, CountOrZero, Fraction, Positive, Seconds, SecondsOrZero


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSettings:
    """Drift of the columns of one side, input or output, against the certified reference."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    enabled: bool = True
    """Watch this side. Default true. When false the alarm stays unknown."""
    tolerance: Positive = 0.1
    """Smallest shift that matters, in standard deviations (numbers) and as Cohen's h (shares of
    categories, missing values, values out of range). Default 0.1: smaller shifts never alarm,
    however many rows are seen. Half the tolerance finds smaller shifts with four times the rows."""
    weights: dict[str, Positive] = field(default_factory=dict)
    """Importance by column; columns that are not named weigh 1. Default empty. A heavier column is
    found with fewer rows; the budget of false alarms over all columns stays the same."""
    ignore: tuple[str, ...] = ()
    """Columns that are not watched, such as identifiers and timestamps. Default none."""
    reference_z: Positive = 3.0
    """How many standard errors of the reference itself are forgiven. Default 3; 3.5 with more than
    200 columns. Without it a reference of 10,000 rows gives hundreds of false alarms in a month."""
    unmeasured_design_effect: Positive = 4.0
    """How many dependent rows are worth one independent row, where the benchmark has not measured
    it because its reference was not in order of time, until it is learnt from live traffic.
    Default 4. 1 claims independent rows."""
    learn_s: SecondsOrZero = 86_400.0
    """Seconds of live traffic in which the design effect is learnt where the benchmark has not
    measured it. Default a day, so that day and night are in it. Sudden changes meanwhile hardly
    count. 0: never; the assumed design effect stays."""
    recent_past: bool = True
    """Compare with the same hours of the last days, too. Default true. It tells a sudden change
    from a slow one and moves no alarm; 5 MB of memory for 50 columns."""
    max_rows_per_exchange: Count = 100
    """Rows of one request that are counted; a larger batch is thinned evenly. Default 100, so that
    one client's large batch cannot speak for the whole traffic."""
    max_columns: Count = 1000
    """Columns that are watched, the heaviest first. Default 1000: bounds memory and time."""
    max_conditional: CountOrZero = 16
    """Answers only: certified columns within one predicted class (`income | class = 1`) that are
    watched, the most telling first. Default 16, which is all that certification chooses. They find
    a model that changed its mind about a part of the inputs while every column and every class
    share stayed as it was. 0: none; then the whole budget of false alarms goes to the columns."""
    min_rows: Count = 100
    """Rows needed in the current window before "within tolerance" is said. Default 100: with fewer
    the verdict is unknown. A breach may be found with fewer rows."""

    def rule(self, tick_s: float = 10.0) -> DriftRule:
        """Give what the detector needs of these settings, at ticks of `tick_s`."""
        return DriftRule(
            tolerance=Tolerance(
                effect=self.tolerance,
                reference_z=self.reference_z,
                unmeasured_design_effect=self.unmeasured_design_effect,
            ),
            weights=dict(self.weights),
            ignore=frozenset(self.ignore),
            max_rows=self.max_rows_per_exchange,
            max_columns=self.max_columns,
            learn_ticks=round(self.learn_s / tick_s),
            recent_past=self.recent_past,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDriftSettings:
    """Slow drift of inputs and answers below the tolerance: a ticket, never a page."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    enabled: bool = True
    """Follow the daily distance of each column from its certificate. Default true."""
    days: Count = 30
    """Days that are looked back over. Default 30: bounds memory, and what is older has passed."""
    min_days: Count = 10
    """Whole days with rows before a trend is told. Default 10; at least 4 are always needed."""
    least_part: Fraction = 0.3
    """Part of the tolerance that a column must have moved before it is worth a ticket. Default
    0.3."""
    lingering_part: Fraction = 0.7
    """Part of the tolerance from which a moving column is worth a ticket, however slowly it moves.
    Default 0.7."""
    horizon_days: Positive = 60.0
    """A column that would leave its tolerance within so many days is worth a ticket. Default 60:
    time enough to plan a training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSettings:
    """Changes of form: columns missing or new, values of another type, range or category."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    enabled: bool = True
    """Watch the form of requests and of answers. Default true."""
    tolerance: Positive = 0.1
    """Smallest growth of the share of malformed rows that matters, as Cohen's h. Default 0.1: what
    was never malformed may be so in 0.25 % of the rows, beside what the benchmark could miss."""
    max_new_columns: CountOrZero = 100
    """Names of columns that are remembered for each kind of break. Default 100; more are counted
    only."""
    min_rows: Count = 100
    """Rows needed before "unchanged" is said. Default 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementSettings:
    """Disagreement of candidate and stable on the same requests, against the certified level."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    enabled: bool = True
    """Compare mirrored answers. Default true; it needs a stable model and mirrored traffic."""
    tolerance: Positive = 0.05
    """Smallest growth of the share of differing answers that matters, as Cohen's h. Default 0.05: a
    certified 2 % may become about 3.3 % before it counts."""
    distance_tolerance: Positive = 0.1
    """Smallest growth of the distance between answers that matters, in standard deviations of the
    certified distances. Default 0.1."""
    unmeasured_design_effect: Positive = 2.0
    """How many dependent pairs are worth one independent pair where the benchmark has not measured
    it. Default 2: mirrored requests are drawn apart from each other."""
    max_rows_per_pair: Count = 100
    """Rows of one mirrored request that are compared; larger batches are thinned. Default 100."""
    min_pairs: Count = 50
    """Compared rows needed before "agreement as certified" is said. Default 50."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySettings:
    """Latency of the candidate within its load cell, against the certified latency."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    enabled: bool = True
    """Watch latency. Default true."""
    tolerance: Fraction = 0.05
    """Relative slow-down that is forgiven. Default 0.05: 5 % slower everywhere never alarms."""
    tolerance_s: SecondsOrZero = 0.002
    """Slow-down that is forgiven on top, in seconds. Default 0.002: beside very fast models the
    network and the relay vary by as much. Raise it where only tens of milliseconds matter."""
    tail_tolerance: Positive = 0.05
    """Smallest growth of the share of slow answers that matters, as Cohen's h. Default 0.05."""
    unmeasured_design_effect: Positive = 4.0
    """How many dependent answers are worth one independent answer where the benchmark has not
    measured it. Default 4: pauses hit neighbouring requests together."""
    min_answers: Count = 100
    """Answers needed before "as fast as certified" is said. Default 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorsSettings:
    """Failed answers of the candidate by class, against the certified floor."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    enabled: bool = True
    """Watch errors. Default true."""
    tolerance: Positive = 0.05
    """Smallest growth of the error share that matters, as Cohen's h. Default 0.05: a certified
    0 of 10,000 may become about 0.2 % before it counts."""
    uncertified_share: Fraction = 0.001
    """Error share that is taken as normal when no benchmark says better. Default 0.001."""
    design_effect: Positive = 1.0
    """How many dependent failures are worth one independent failure. Default 1; the cap on the
    evidence of one tick keeps a single burst from firing."""
    min_answers: Count = 50
    """Answers needed before "no more errors than certified" is said. Default 50."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputSettings:
    """How much the candidate completes under full load, and silence."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    enabled: bool = True
    """Watch throughput. Default true."""
    tolerance: Fraction = 0.1
    """Relative loss of completed answers per second under full load that is forgiven. Default
    0.1."""
    unmeasured_design_effect: Positive = 4.0
    """How many answers are worth one independent answer. Default 4: pauses hit many at once."""
    silence_requests: Positive = 20.0
    """Silence is said after as long as usually brings this many requests. Default 20: independent
    requests leave such a gap once in e^20 times."""
    min_silence_s: Seconds = 60.0
    """Silence is said after this long at the earliest, however busy it was. Default 60."""
    max_silence_s: Seconds = 600.0
    """Silence is said after this long at the latest. Default 600."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSettings:
    """Quality by true outcomes (labels) that come later, against the certified quality."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    enabled: bool = True
    """Keep sampled predictions for labels and watch the quality. Default true. Until the first
    label comes, a tenth of the room is used."""
    prediction: str = ""
    """Output column that is the prediction. Default empty: `class`, `prediction`, `label`,
    `predicted_label`, `output` or `y`, else the only column there is."""
    kind: Literal["auto", "class", "probability", "number"] = "auto"
    """What the prediction is: a class, the probability of the positive class, or a number. Default
    `auto`: as certified, else told by the first labels."""
    confidence: str = ""
    """Output column with the probability that the model gives its own answer. Default empty:
    `confidence`, which is made of probabilities where the answer has them."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of the model's probabilities, where labels come as names.
    Default empty: labels carry the numbers of the classes, or the very text that the model
    answers."""
    positive: str = ""
    """Label that counts as positive, where labels are other than true and false, 1 and 0. Default
    empty."""
    threshold: Fraction = 0.5
    """Probability from which the answer is positive, where the prediction is a probability. Default
    0.5. Take the one that the application decides by: wrong answers are counted at it."""
    tolerance: Positive = 0.05
    """Smallest loss of quality that matters, in standard deviations of the certified loss. Default
    0.05: an accuracy of 90 % may fall by 1.5 points before it counts."""
    horizon_s: Seconds = 604_800.0
    """How long a prediction waits for its label, in seconds. Default: a week."""
    early_s: Seconds = 60.0
    """How long a label waits for its prediction, which may still be on its way, in seconds. Default
    60. Labels of requests that were not sampled count as `unknown` after that."""
    max_waiting: Count = 30_000
    """Predicted rows that wait. Default 30,000. When full, every second one is let go, whatever its
    age, so that late labels are not at a disadvantage."""
    max_bytes: Count = 33_554_432
    """Bytes that waiting rows may take with their ids, texts and labels, about. Default: 32 MiB.
    Labels that wait for their prediction have a quarter as much beside it."""
    max_rows_per_exchange: Count = 100
    """Rows of one request that wait; of a larger batch they are chosen evenly. Default 100."""
    window: Count = 2000
    """Labelled rows that the shown figures rest on, the last ones. Default 2,000. Alarms rest on
    all."""
    min_labels: Count = 100
    """Labelled rows needed before "as good as certified" is said. Default 100."""
    stale_s: Seconds = 86_400.0
    """How long without a label "as good as certified" is still said, in seconds. Default: a day,
    for labels that come in a nightly file."""
    reference_z: Positive = 3.0
    """How many standard errors of the certified quality are forgiven. Default 3."""
    unmeasured_design_effect: Positive = 2.0
    """How many dependent labelled rows are worth one independent row where the benchmark has not
    measured it. Default 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSettings:
    """Explanations of drift for people: which rows and columns carry it. They never page."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    enabled: bool = True
    """Explain drift of inputs and outputs: when a breach is found, when its alarm fires or another
    column is to blame, and every `every_s`. Default true. It costs about a second of CPU time each
    time, at the lowest priority."""
    every_s: Annotated[float, Ge(1)] = 3600.0
    """Seconds between two explanations while nothing new is found. Default an hour, at least 1."""
    max_rows: Annotated[int, Ge(50), Le(2000)] = 1000
    """Current rows that are laid beside those of the reference. Default 1000, at most 2,000: more
    rows cost time and hardly show more."""
    examples: Annotated[int, Ge(0), Le(50)] = 5
    """Sampled rows that are shown as examples. Default 5. 0 shows none."""
    show_values: bool = False
    """Show the redacted cells of the examples to whoever may read `/api/v1/drift`. Default false:
    each cell is shown as the bin of the reference that it lies in, as the histograms show it. The
    journal never holds the cells."""
    timeout_s: Seconds = 60.0
    """Seconds after which an explanation is given up. Default 60: on a busy machine it waits for
    the relays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitors:
    """What is watched, and what difference counts."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    tick_s: Seconds = 10.0
    """How often evidence is folded and judged. Default 10 s. Shorter finds breaks sooner; the
    budget of false alarms is stated in time and does not change."""
    min_ticks: Count = 3
    """Ticks that a breach needs at least. Default 3: one bad tick can never alarm."""
    input: DriftSettings = field(default_factory=DriftSettings)
    """Drift of what comes in."""
    output: DriftSettings = field(default_factory=DriftSettings)
    """Drift of what the candidate answers."""
    slow_drift: SlowDriftSettings = field(default_factory=SlowDriftSettings)
    """Slow drift of both below their tolerance."""
    schema: SchemaSettings = field(default_factory=SchemaSettings)
    """Changes of the form of requests and answers."""
    agreement: AgreementSettings = field(default_factory=AgreementSettings)
    """Disagreement of candidate and stable."""
    latency: LatencySettings = field(default_factory=LatencySettings)
    """Latency of the candidate."""
    throughput: ThroughputSettings = field(default_factory=ThroughputSettings)
    """Capacity, demand and silence."""
    errors: ErrorsSettings = field(default_factory=ErrorsSettings)
    """Failed answers of the candidate."""
    labels: LabelSettings = field(default_factory=LabelSettings)
    """True outcomes that come later."""
    explain: ExplainSettings = field(default_factory=ExplainSettings)
    """What people are told about drift."""
