"""What happened, as numbers for Prometheus: own arrays, read by a collector when scraped.

One `observe` per exchange costs about a microsecond and touches no prometheus_client object. Labels
that traffic can choose (routes, features, codes) are bounded; what finds no place is counted under
`other`. The names, labels and help texts stand in `catalogue.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from proxy import clock
from proxy.records import (
    Alarm,
    AlarmName,
    AlarmState,
    Blame,
    Exchange,
    Failure,
    Finding,
    LabelNews,
    Model,
    Outcome,
    Position,
    Pulse,
    Routing,
    Side,
    Transition,
    Verdict,
)
from proxy.telemetry import catalogue as of
from proxy.telemetry.catalogue import Family, Kind
from proxy.telemetry.desk import JsonObject
from proxy.telemetry.fleets import FleetFigures
from proxy.telemetry.lines import Lines, Series
from proxy.telemetry.settings import MetricsSettings
from proxy.telemetry.streams import read
from proxy.telemetry.tally import OTHER, Buckets, Table
from proxy.telemetry.tokens import Timings, Tokens
from proxy.telemetry.truths import LabelFigures

CLASSIC_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

PULSE_AGE_S: Final = 5.0
"""A relay that has been silent for five pulses has no exchanges running as far as we know."""

FROM_ZERO: Final[tuple[tuple[Family, tuple[str, ...]], ...]] = (
    (of.RETRIES, ("stale_connection",)),
    (of.FAILOVERS, (Failure.REFUSED,)),
    (of.MIRRORED, ("answered",)),
    (of.MIRRORED, ("failed",)),
    (of.PAIRS, ("agree",)),
    (of.PAIRS, ("differ",)),
    (of.LINK_DROPPED, ("exchange",)),
    (of.LINK_DROPPED, ("capture",)),
    (of.LOG_DROPPED, ()),
    (of.JOURNAL_FAILED, ()),
)
"""Counters exported as 0 from the start: the first event must be seen as a rise from 0 to 1."""

DRIFT_OF: Final = {AlarmName.INPUT_DRIFT: Side.INPUT, AlarmName.OUTPUT_DRIFT: Side.OUTPUT}
"""The monitors whose streams are exported one by one, with their label `side`."""

MAX_WORKERS: Final = 64
"""Relays whose pulses are remembered: far above any `listen.workers`."""


class Metrics:
    """Every number of the watcher. One owner, one thread; nothing here blocks or raises."""

    def __init__(
        self,
        settings: MetricsSettings | None = None,
        *,
        version: str = "",
        config_sha256: str = "",
        now_s: Callable[[], float] = clock.now_s,
    ) -> None:
        """Start at zero. `now_s` tells how old a relay's last pulse is when scraped."""
        self._settings = settings or MetricsSettings()
        self._now_s = now_s
        self._lines = Lines(self._settings)
        self._tokens = Tokens(self._settings)
        self._truths = LabelFigures()
        self.fleet = FleetFigures()
        """What the fleet has told; its owner counts here itself."""
        self._pulses: dict[int, Pulse] = {}
        self._tables = {
            family.name: Table() for family in of.BY_WATCHER if family.kind is Kind.COUNTER
        }
        for family, labels in FROM_ZERO:
            self._tables[family.name].add(*labels, by=0)
        self._disagreement: dict[tuple[str, ...], float] = {}
        self._detailed: set[AlarmName] = set()
        self._drift: dict[Side, tuple[Blame, ...]] = {}
        self._alarms = dict.fromkeys(AlarmName, AlarmState.INACTIVE)
        self._serving: Model | None = None
        self._lag_s: dict[tuple[str, ...], float] = {}
        self._replicas = 0
        self._build = (version, config_sha256)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Scrape(self))

    # What the watcher tells, in the order of the flow.

    def observe(self, exchange: Exchange) -> None:
        """Count one exchange. Cost: a few microseconds."""
        self._lines.observe(exchange)
        self._tokens.observe(exchange)
        if exchange.failure is not None:
            self._count(of.UPSTREAM_FAILURES, exchange.model, exchange.position, exchange.failure)
        if exchange.replayed:
            self._count(of.RETRIES, "stale_connection")
        if exchange.failed_over:
            self._count(of.FAILOVERS, Failure.REFUSED)
        if exchange.position is Position.SHADOW:
            self._count(of.MIRRORED, "failed" if exchange.failure else "answered")

    def pulse(self, pulse: Pulse) -> None:
        """Take a relay's sign of life; its drop counts are turned into differences."""
        last = self._pulses.get(pulse.worker)
        if last is None and len(self._pulses) >= MAX_WORKERS:
            return
        before: Mapping[str, int] = last.dropped if last and last.pid == pulse.pid else {}
        for kind, n in pulse.dropped.items():
            grown = n - before.get(kind, 0)
            if grown > 0:
                self._dropped(kind, grown)
        self._pulses[pulse.worker] = pulse
        self._lag_s[f"relay-{pulse.worker}",] = pulse.lag_s

    def capture_result(self, side: Side, result: str) -> None:
        """Count a sampled body: `decoded`, or the reason of an `Undecodable`."""
        self._count(of.CAPTURES, side, result)

    def arrival(self, exchange: Exchange, timings: Timings) -> None:
        """Take over how a sampled answer arrived, by its pieces of content."""
        self._tokens.read(exchange, timings)

    def pair(self, result: str) -> None:
        """Count a pair: `agree` or `differ`."""
        self._count(of.PAIRS, result)

    def finding(self, finding: Finding) -> None:
        """Take over what a monitor concluded: drift of the blamed streams, disagreement.

        Where `detail` is told as well, it knows all streams and wins.
        """
        side = DRIFT_OF.get(finding.monitor)
        if side is not None and finding.monitor not in self._detailed:
            self.drift(side, finding.blamed)
        if finding.monitor is not AlarmName.DISAGREEMENT:
            return
        if finding.verdict is Verdict.UNKNOWN:
            self._disagreement = {}
        elif finding.unit == "share" and finding.monitor not in self._detailed:
            self.disagreement(finding.effect, finding.interval)

    def detail(self, name: AlarmName, detail: JsonObject) -> None:
        """Take over what a monitor says of all its streams (its `detail()`), once per tick."""
        known = read(detail)
        self._detailed.add(name)
        side = DRIFT_OF.get(name)
        if side is not None:
            self.drift(
                side,
                [
                    Blame(
                        subject=stream.stream,
                        effect=stream.effect,
                        interval=stream.interval,
                        unit=stream.unit,
                        evidence=stream.evidence,
                        n_current=stream.n,
                        summary="",
                    )
                    for stream in known.streams
                ],
            )
        if name is AlarmName.DISAGREEMENT:
            self._disagreement = {}
            if known.disagreement is not None and known.n_compared:
                self.disagreement(known.disagreement, known.disagreement_interval)

    def drift(self, side: Side, streams: Iterable[Blame]) -> None:
        """Replace the drift figures of one side; the strongest `max_features` are exported."""
        by_subject = {stream.subject: stream for stream in streams}
        ranked = sorted(by_subject.values(), key=lambda stream: -stream.evidence)
        n_left_out = len(ranked) - self._settings.max_features
        if n_left_out > 0:
            self._tables[of.FOLDED.name].add("feature", by=n_left_out)
        self._drift[side] = tuple(ranked[: self._settings.max_features])

    def disagreement(self, estimate: float, interval: tuple[float, float] | None) -> None:
        """Replace the share of pairs that differ. `interval`: lower and upper bound."""
        self._disagreement = {("estimate",): estimate}
        if interval is not None:
            self._disagreement[("lower",)], self._disagreement[("upper",)] = interval

    def labels(self, news: LabelNews) -> None:
        """Take over what is new about labels."""
        self._truths.take(news)

    def alarm(self, alarm: Alarm) -> None:
        """Take over the state of one alarm."""
        self._alarms[alarm.name] = alarm.state

    def transition(self, transition: Transition) -> None:
        """Count a change of state, and take it over."""
        self._count(of.TRANSITIONS, transition.alarm, transition.to)
        self._alarms[transition.alarm] = transition.to

    def routing(self, routing: Routing, because: str) -> None:
        """Take over the routing; a changed serving model counts as a switch.

        `because` becomes a label: an alarm's name or another single word such as `override`. Of a
        sentence only the first alarm it names is kept, since sentences are many and name people.
        """
        if self._serving is not None and routing.serving is not self._serving:
            self._count(of.SWITCHES, routing.serving, _cause(because))
        self._serving = routing.serving

    def action(self, outcome: Outcome) -> None:
        """Count a remedy that was carried out."""
        self._count(of.ACTIONS, outcome.action.step.kind, "ok" if outcome.ok else "failed")

    def alert(self, receiver: str, result: str) -> None:
        """Count an alert by what became of it; the results are listed in `actuators.notify`."""
        self._count(of.ALERTS, receiver, result)

    def sink(self, kind: str, result: str) -> None:
        """Count an event for the sink; `kind`: `request` or `response`."""
        self._count(of.SINK_EVENTS, kind, result)

    def insight(self, alarm: AlarmName, result: str) -> None:
        """Count what became of an explanation: `made`, `failed` or `late`."""
        self._count(of.INSIGHTS, alarm, result)

    def desired_replicas(self, n: int) -> None:
        """Set what the capacity steps in force ask for."""
        self._replicas = n

    def link_dropped(self, kind: str, n: int = 1) -> None:
        """Count records lost on the watcher's end of the link."""
        self._count(of.LINK_DROPPED, kind, by=n)

    def lag(self, process: str, lag_s: float) -> None:
        """Set the loop lag of a process other than a relay (their pulses carry their own)."""
        self._lag_s[process,] = lag_s

    def log_dropped(self, total: int) -> None:
        """Set how many log lines were lost since the start."""
        self._tables[of.LOG_DROPPED.name].values[()] = total

    def journal_failed(self, total: int) -> None:
        """Set how many journal entries could not be written since the start."""
        self._tables[of.JOURNAL_FAILED.name].values[()] = total

    # What Prometheus asks.

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Give the exposition and its content type, for the `Accept` field of the scrape.

        OpenMetrics 1.0 when it is asked for, else the classic text format. The field is untrusted
        and only searched, never parsed.
        """
        if "application/openmetrics-text" in accept:
            body: bytes = openmetrics.generate_latest(  # type: ignore[no-untyped-call]  # theirs
                self._registry
            )
            return body, OPENMETRICS_TYPE
        return exposition.generate_latest(self._registry), CLASSIC_TYPE

    def series(self) -> Iterator[tuple[Family, Iterable[Series]]]:
        """Give every family with its series, in the order of the catalogue."""
        known: dict[str, Iterable[Series]] = {
            name: table.values.items() for name, table in self._tables.items()
        }
        known |= self._lines.series()
        self._tokens.settle(self._now_s())
        known[of.FIRST_TOKEN.name] = self._tokens.firsts()
        known[of.INTER_TOKEN.name] = self._tokens.gaps()
        known |= self._gauges()
        known |= self._truths.series()
        known |= self.fleet.series()
        known[of.FOLDED.name] = self._folded()
        for family in of.BY_WATCHER:
            yield family, known[family.name]

    def _gauges(self) -> dict[str, Iterable[Series]]:
        """Give the series of every gauge, made when asked."""
        return {
            of.IN_FLIGHT.name: self._in_flight(),
            of.DISAGREEMENT.name: self._disagreement.items(),
            of.DRIFT_EFFECT.name: [
                ((side, stream.subject, stream.unit), stream.effect)
                for side, streams in self._drift.items()
                for stream in streams
            ],
            of.DRIFT_EVIDENCE.name: [
                ((side, stream.subject), stream.evidence)
                for side, streams in self._drift.items()
                for stream in streams
            ],
            of.ALARM_STATE.name: [
                ((name, state), float(state is now))
                for name, now in self._alarms.items()
                for state in AlarmState
            ],
            of.ROUTING.name: [
                ((model,), float(model is self._serving)) for model in Model if self._serving
            ],
            of.DESIRED_REPLICAS.name: [((), self._replicas)],
            of.LAG.name: self._lag_s.items(),
            of.WATCHER_UP.name: [((), 1.0)],
            of.BUILD_INFO.name: [(self._build, 1.0)],
        }

    def _in_flight(self) -> Iterable[Series]:
        sums: dict[tuple[str, ...], float] = {}
        now_s = self._now_s()
        for pulse in self._pulses.values():
            if now_s - pulse.at_s > PULSE_AGE_S:
                continue
            for place, n in pulse.in_flight.items():
                model, _, position = place.partition("/")
                sums[model, position] = sums.get((model, position), 0) + n
        return sums.items()

    def _folded(self) -> Iterable[Series]:
        sums = dict(self._tables[of.FOLDED.name].values)
        for label, n in self._lines.n_folded.items():
            sums[label,] = sums.get((label,), 0) + n
        return sums.items()

    def _count(self, family: Family, *labels: str, by: float = 1.0) -> None:
        table = self._tables[family.name]
        before = table.n_folded
        table.add(*labels, by=by)
        if table.n_folded > before:
            self._tables[of.FOLDED.name].add(family.labels[-1])

    def _dropped(self, kind: str, n: int) -> None:
        if kind.startswith("mirror_"):
            self._count(of.MIRRORED, kind.removeprefix("mirror_"), by=n)
        else:
            self._count(of.LINK_DROPPED, kind, by=n)


def _cause(because: str) -> str:
    if re.fullmatch("[a-z_]{1,32}", because):
        return because
    return next((word for word in re.findall("[a-z_]+", because) if word in set(AlarmName)), OTHER)


class _Scrape(Collector):
    """Turns the arrays into prometheus_client's families, once per scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for family, series in self._metrics.series():
            name = family.name.removesuffix("_total")
            metric = Metric(name, family.help, family.kind.value)
            for values, value in series:
                labels = dict(zip(family.labels, values, strict=True))
                if isinstance(value, Buckets):
                    for edge, n in value.cumulative():
                        metric.add_sample(f"{name}_bucket", labels | {"le": edge}, n)
                    metric.add_sample(f"{name}_count", labels, value.n)
                    metric.add_sample(f"{name}_sum", labels, value.total)
                else:
                    metric.add_sample(family.name, labels, value)
            yield metric
