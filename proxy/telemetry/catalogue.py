"""Every metric stablehand exports, as data: name, kind, labels, help.

`metrics.py` fills them, `door.py` answers a few while the watcher is down, `docs/metrics.md`
explains them, and a test holds the three together. No values here, and no prometheus_client.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """The kinds of metric, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric with all its series."""

    name: str
    """With prefix and unit, and with `_total` on counters."""
    kind: Kind
    labels: tuple[str, ...]
    help: str


def _counter(name: str, labels: str, text: str) -> Family:
    return Family(
        name=f"stablehand_{name}", kind=Kind.COUNTER, labels=tuple(labels.split()), help=text
    )


def _gauge(name: str, labels: str, text: str) -> Family:
    return Family(
        name=f"stablehand_{name}", kind=Kind.GAUGE, labels=tuple(labels.split()), help=text
    )


def _histogram(name: str, labels: str, text: str) -> Family:
    return Family(
        name=f"stablehand_{name}", kind=Kind.HISTOGRAM, labels=tuple(labels.split()), help=text
    )


REQUESTS: Final = _counter(
    "requests_total", "model position route code", "Exchanges by the status that was sent."
)
REQUEST_DURATION: Final = _histogram(
    "request_duration_seconds", "model position route", "What the client waited for its answer."
)
UPSTREAM_DURATION: Final = _histogram(
    "upstream_duration_seconds",
    "model position",
    "From a ready connection to the model until the end of its answer.",
)
FIRST_BYTE: Final = _histogram(
    "time_to_first_byte_seconds", "model position", "Until the first byte of the answer arrived."
)
FIRST_TOKEN: Final = _histogram(
    "time_to_first_token_seconds",
    "model position",
    "Streamed answers: until the first content arrived.",
)
INTER_TOKEN: Final = _histogram(
    "inter_token_seconds", "model position", "Streamed answers: time between pieces of content."
)
IN_FLIGHT: Final = _gauge("requests_in_flight", "model position", "Exchanges running now.")
REQUEST_BYTES: Final = _counter(
    "request_bytes_total", "model position", "Bytes of request bodies sent to the model."
)
RESPONSE_BYTES: Final = _counter(
    "response_bytes_total", "model position", "Bytes of answer bodies received from the model."
)
UPSTREAM_FAILURES: Final = _counter(
    "upstream_failures_total", "model position reason", "Exchanges without a complete answer."
)
RETRIES: Final = _counter(
    "upstream_retries_total",
    "reason",
    "Requests sent a second time, because a reused connection had died.",
)
FAILOVERS: Final = _counter(
    "failovers_total",
    "reason",
    "Requests answered by the other model, because the first refused the connection.",
)
MIRRORED: Final = _counter(
    "mirrored_total", "result", "Copies for the shadow: answered, failed, or why none was sent."
)
PAIRS: Final = _counter(
    "agreement_pairs_total", "result", "Requests of which both answers were read: agree, differ."
)
DISAGREEMENT: Final = _gauge(
    "disagreement_ratio",
    "bound",
    "Share of pairs on which the models differ: estimate and anytime-valid bounds.",
)
CAPTURES: Final = _counter(
    "captures_total", "side result", "Sampled bodies: decoded, or why they could not be."
)
DRIFT_EFFECT: Final = _gauge(
    "drift_effect", "side feature measure", "How far a stream is from its reference, in `measure`."
)
DRIFT_EVIDENCE: Final = _gauge(
    "drift_evidence",
    "side feature",
    "Natural logarithm of the stream's e-value against no relevant drift.",
)
LABELS: Final = _counter(
    "labels_total", "result", "True outcomes that were sent, by what became of them."
)
LABEL_DELAY: Final = _histogram("label_delay_seconds", "", "From a prediction to its true outcome.")
LABEL_COVERAGE: Final = _gauge(
    "label_coverage_ratio", "", "Labelled share of sampled predictions older than the median delay."
)
LABEL_QUALITY: Final = _gauge(
    "label_quality",
    "model measure source",
    "How good predictions are: by labels, as estimated without them, as certified.",
)
ALARM_STATE: Final = _gauge("alarm_state", "alarm state", "1 for the state the alarm is in.")
TRANSITIONS: Final = _counter(
    "alarm_transitions_total", "alarm to", "Times an alarm entered a state."
)
ROUTING: Final = _gauge("routing", "serving", "1 for the model that answers clients.")
SWITCHES: Final = _counter(
    "route_switches_total", "to because", "Times the serving model changed, and for which cause."
)
ACTIONS: Final = _counter("actions_total", "step result", "Remedies carried out.")
ALERTS: Final = _counter("alerts_total", "receiver result", "Alerts handed to receivers.")
SINK_EVENTS: Final = _counter(
    "sink_events_total",
    "type result",
    "Sampled requests and answers for the CloudEvents sink: sent, or why not.",
)
INSIGHTS: Final = _counter(
    "insights_total", "alarm result", "Explanations of drift for people: made, or why not."
)
DESIRED_REPLICAS: Final = _gauge(
    "desired_replicas", "", "Replicas that the last capacity step in force asks for, or 0."
)
LINK_DROPPED: Final = _counter(
    "link_dropped_total",
    "kind",
    "Records lost between relay and watcher, because a queue was full.",
)
LAG: Final = _gauge(
    "event_loop_lag_seconds", "process", "Longest delay of the event loop in the last second."
)
WATCHER_UP: Final = _gauge("watcher_up", "", "1 while the watcher answers, 0 while it is down.")
RELOAD_SUCCESS: Final = _gauge(
    "config_reload_success", "", "1 when the last reading of the configuration was taken over."
)
BUILD_INFO: Final = _gauge("build_info", "version config_sha256", "Always 1; what is running.")
FOLDED: Final = _counter(
    "labels_folded_total", "label", "Label values that became `other`, because a bound was met."
)
LOG_DROPPED: Final = _counter(
    "log_dropped_total", "", "Log lines lost, because nobody reads standard error."
)
JOURNAL_FAILED: Final = _counter(
    "journal_failed_total", "", "Journal entries kept in memory only, because writing failed."
)
PROCESS_UP: Final = _gauge(
    "process_up", "process", "1 while the process runs. Answered by the supervisor."
)
PROCESS_RESTARTS: Final = _counter(
    "process_restarts_total", "process", "Times the process was started again, by the supervisor."
)

FLEET_UP: Final = _gauge(
    "fleet_up", "", "1 while the fleet's sum is judged, 0 while only own counts are."
)
FLEET_REPLICAS: Final = _gauge(
    "fleet_replicas",
    "kind",
    "Replicas whose counts were in the last sum, and live ones with another benchmark.",
)
FLEET_TICKS: Final = _counter(
    "fleet_ticks_total", "source", "Ticks judged by the fleet's sum, or by own counts."
)
FLEET_LATE: Final = _counter(
    "fleet_late_total", "", "Ticks whose counts came too late for the fleet's sum."
)
FLEET_ERRORS: Final = _counter(
    "fleet_errors_total", "reason", "Exchanges with the shared Redis that failed, and why."
)
FLEET_SKEW: Final = _gauge(
    "fleet_clock_skew_seconds", "", "How far the clock of the shared Redis is ahead of ours."
)
OF_FLEET: Final = (
    FLEET_UP, FLEET_REPLICAS, FLEET_TICKS, FLEET_LATE, FLEET_ERRORS, FLEET_SKEW,
)  # fmt: skip
"""Exported where `fleet` is configured."""

BY_SUPERVISOR: Final = (PROCESS_UP, PROCESS_RESTARTS, RELOAD_SUCCESS)
"""Added by the admin door, whether the watcher lives or not."""

BY_WATCHER: Final = (
    REQUESTS, REQUEST_DURATION, UPSTREAM_DURATION, FIRST_BYTE, FIRST_TOKEN, INTER_TOKEN, IN_FLIGHT,
    REQUEST_BYTES, RESPONSE_BYTES, UPSTREAM_FAILURES, RETRIES, FAILOVERS, MIRRORED, PAIRS,
    DISAGREEMENT, CAPTURES, DRIFT_EFFECT, DRIFT_EVIDENCE, LABELS, LABEL_DELAY,
    LABEL_COVERAGE, LABEL_QUALITY, ALARM_STATE, TRANSITIONS, ROUTING,
    SWITCHES, ACTIONS, ALERTS, SINK_EVENTS, INSIGHTS, DESIRED_REPLICAS, LINK_DROPPED, LAG,
    WATCHER_UP, BUILD_INFO, FOLDED, LOG_DROPPED, JOURNAL_FAILED, *OF_FLEET,
)  # fmt: skip
"""In the order in which they are exported."""
