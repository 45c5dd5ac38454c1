"""The watcher's answers to the admin API: the same values as decisions rest on, in words.

`WatcherDesk` fulfils `telemetry.desk.Desk`. Reads look at what is at hand; the few calls that
change something go through the pipeline, are carried out at once and stand in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from proxy import __version__, clock
from proxy.config import Loaded
from proxy.pipeline import Pipeline
from proxy.policy import Incident
from proxy.records import (
    AlarmName,
    AlarmState,
    Fate,
    FleetState,
    Insight,
    Model,
    Position,
    Pulse,
    Receipt,
    Side,
    Truth,
    Verdict,
)
from proxy.telemetry import words
from proxy.telemetry.desk import (
    AlarmView,
    DeskError,
    EntryView,
    JsonObject,
    ModelView,
    RoutingView,
    Status,
    StreamView,
)
from proxy.telemetry.journal import Journal
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.report import IncidentReport
from proxy.telemetry.streams import agreement_view, stream_views
from proxy.telemetry.traffic import Traffic
from proxy.units import DAY_S
from proxy.watcher import reporting
from proxy.watcher.collector import Collector, Order
from proxy.watcher.hands import Hands
from proxy.watcher.insight import WATCHED
from proxy.watcher.samples import Samples

TIMELINE: Final = 40
STREAMS: Final = 24
HIDDEN_KINDS: Final = frozenset({"action", "tick", "evidence", "insight"})
"""Journal entries that the timeline leaves out: outcomes and transitions say it."""
LABELS_AT_ONCE: Final = 500
"""Labels taken before ticks, pulses and records from relays have their turn again."""
NO_FAULT_OF_ROWS: Final = frozenset({AlarmName.STABLE_UNREADY, AlarmName.WATCHING})
"""Alarms in which the traffic may be sound all the same."""
STOPS: Final = frozenset(
    {
        AlarmName.OUTPUT_DRIFT,
        AlarmName.DISAGREEMENT,
        AlarmName.LATENCY,
        AlarmName.ERRORS,
        AlarmName.LABEL_QUALITY,
    }
)
"""Firing alarms that stop a roll-out: the candidate does worse than it was certified to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the desk looks at."""

    loaded: Loaded
    pipeline: Pipeline
    hands: Hands
    journal: Journal
    metrics: Metrics
    traffic: Traffic
    samples: Samples
    collector: Collector
    pulses: Mapping[int, Pulse]
    notes: Sequence[str]
    """Things to know since the start: no benchmark, state that could not be used."""
    started_utc: str
    insights: Mapping[AlarmName, Insight]
    """The last explanation of each drift alarm."""


class WatcherDesk:
    """Answers for one watcher."""

    def __init__(self, office: Office) -> None:
        """Look at the values in `office`."""
        self._office = office

    def status(self) -> Status:
        """Give everything the page shows."""
        office = self._office
        go, reasons = self.verdict()
        models = office.loaded.config.models
        return Status(
            title=models.candidate.name,
            version=__version__,
            at_utc=clock.utc_text(),
            started_utc=office.started_utc,
            go=go,
            headline=self._headline(reasons),
            routing=self.routing(),
            models=self._models(),
            traffic=office.traffic.view(clock.now_s(), self._in_flight()),
            alarms=tuple(self.alarms()),
            streams=self._streams(),
            agreement=agreement_view(office.pipeline.detail(AlarmName.DISAGREEMENT)),
            timeline=self._timeline(),
            config_sha256=office.loaded.sha256,
            fleet=self._fleet(),
            notes=tuple(self._notes()),
        )

    def alarms(self) -> Sequence[AlarmView]:
        """Give every alarm, those that need eyes first."""
        pipeline = self._office.pipeline
        nexts = {
            name: incident.next
            for incident in pipeline.decision.incidents
            if not incident.is_over
            for name in incident.alarms
        }
        views = [
            words.alarm_view(
                alarm, _utc, pipeline.posture.acknowledgements.get(name), nexts.get(name, "")
            )
            for name, alarm in pipeline.alarms.items()
        ]
        return words.sorted_views(views)

    def detail(self, name: AlarmName) -> JsonObject:
        """Give the streams of one monitor, and what explains them.

        Beside drift that is its last insight, beside latency and disagreement the extremes of the
        last hour.
        """
        detail = self._office.pipeline.detail(name)
        if name is AlarmName.LABEL_QUALITY:
            detail["caution"] = self._caution()
        if name is AlarmName.LATENCY:
            detail |= self._office.samples.extremes(clock.now_s())
        elif name is AlarmName.DISAGREEMENT:
            samples = self._office.samples
            detail["strongest"] = samples.disagreements(clock.now_s(), with_answers=False)
        elif name in WATCHED:
            detail |= {"insight": self._office.insights.get(name)}
        return detail

    def routing(self) -> RoutingView:
        """Give where traffic goes and why."""
        office = self._office
        posture, routing = office.pipeline.posture, office.pipeline.routing
        now_s = clock.now_s()
        return RoutingView(
            serving=routing.serving,
            shadow=routing.shadow,
            mirror_fraction=routing.mirror_fraction,
            because=posture.because,
            since_utc=office.hands.routing_since_utc,
            override=posture.override,
            locked=posture.locked,
            dry_run=office.loaded.config.policy.dry_run,
            switches_today=sum(now_s - at_s < DAY_S for at_s in posture.switches_s),
            epoch=routing.epoch,
        )

    def journal(self, n: int) -> Sequence[msgspec.Raw]:
        """Give the last `n` entries as they were written, newest last."""
        return [msgspec.Raw(line) for line in self._office.journal.lines(n)]

    async def report(self, name: AlarmName | None) -> IncidentReport:
        """Report on the last incident of an alarm, or with `None` on the worst or last of all."""
        office = self._office
        told = await reporting.chronicle(office.journal)
        return reporting.report(name, told, office.pipeline, office.insights, office.loaded)

    def samples(self, n: int) -> Sequence[JsonObject]:
        """Give at most `n` sampled rows."""
        return self._office.samples.last(n)

    def disagreements(self) -> Sequence[JsonObject]:
        """Give the strongest disagreements of the last hour with both answers."""
        return self._office.samples.disagreements(clock.now_s(), with_answers=True)

    def reference(self, part: int | None) -> JsonObject:
        """Give how far the collection is, or a part of it."""
        collector = self._office.collector
        if part is not None:
            return collector.part(part)
        models = {view.model.value: view.name for view in self._models()}
        return collector.state(self._firing(), clock.now_s()) | {"names": models}

    async def collect(self, rows: int, *, force: bool, by: str, why: str) -> JsonObject:
        """Collect the next rows, unless an alarm fires: its fault would become the reference."""
        order = Order(rows=rows, force=force, by=by, why=why)
        return self._office.collector.begin(order, clock.now_s(), self._firing())

    def _firing(self) -> list[AlarmName]:
        alarms = self._office.pipeline.alarms.items()
        firing = {name for name, alarm in alarms if alarm.state is AlarmState.FIRING}
        return sorted(firing - NO_FAULT_OF_ROWS)

    def config(self) -> JsonObject:
        """Give the configuration in force, secrets hidden."""
        return self._office.loaded.shown()

    def verdict(self) -> tuple[bool, Sequence[str]]:
        """Give go or stop: stop while the candidate does worse than certified, or is routed away.

        What is only pending or unknown does not stop: not knowing is no reason to roll back.
        """
        pipeline = self._office.pipeline
        reasons = [
            f"{name} is firing: {alarm.finding.reason if alarm.finding else ''}"
            for name, alarm in pipeline.alarms.items()
            if name in STOPS and alarm.state is AlarmState.FIRING
        ]
        if pipeline.routing.serving is Model.STABLE:
            reasons.append(f"traffic goes to the stable model: {pipeline.posture.because}")
        return not reasons, reasons

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """Give the metrics and their content type."""
        return self._office.metrics.render(accept)

    async def route(self, model: Model | None, by: str, why: str) -> RoutingView:
        """Lead traffic to a model, or back to automatic with `None`."""
        office = self._office
        if model is Model.STABLE and not office.loaded.config.has_stable:
            raise DeskError(
                409,
                "no_stable",
                "No stable model is configured: traffic cannot be led to it.",
                "Set models.stable in the configuration and reload.",
            )
        action = office.pipeline.override(model, by, clock.now_s())
        office.hands.switch(action)
        office.hands.person_spoke(
            "override", {"by": by, "why": why, "model": "auto" if model is None else model.value}
        )
        return self.routing()

    async def acknowledge(self, name: AlarmName | None, by: str, why: str) -> Sequence[AlarmName]:
        """Acknowledge one alarm, or all with `None`."""
        pipeline = self._office.pipeline
        before = pipeline.posture.acknowledgements
        pipeline.acknowledge(name, by, why, clock.now_s())
        after = pipeline.posture.acknowledgements
        taken = [AlarmName(one) for one, seen in after.items() if before.get(one) != seen]
        self._office.hands.person_spoke("ack", {"by": by, "why": why, "alarms": taken})
        return taken

    async def reload(self, by: str) -> JsonObject:
        """Refuse: the supervisor reloads, and answers this call before it comes here."""
        raise DeskError(
            503, "no_supervisor", f"{by}: reloading is the supervisor's, which is not here.", ""
        )

    async def label(self, truths: Sequence[Truth]) -> Receipt:
        """Take the true outcomes of past requests; they count at the next ticks."""
        monitor = self._office.pipeline.labels()
        if monitor is None:
            return Receipt(fates={Fate.UNKNOWN: len(truths)})
        receipt = Receipt(fates={})
        for start in range(0, len(truths), LABELS_AT_ONCE):
            part = monitor.tell(truths[start : start + LABELS_AT_ONCE], clock.now_s())
            receipt = receipt.plus(part)
            await asyncio.sleep(0)
        return receipt

    def _headline(self, reasons: Sequence[str]) -> str:
        incidents = self._open_incidents()
        if incidents:
            first = incidents[0]
            more = f" And {len(incidents) - 1} more." if len(incidents) > 1 else ""
            return f"{first.title}. {first.next}{more}"
        if reasons:
            return reasons[0]
        unknown = [
            name.value
            for name, alarm in self._office.pipeline.alarms.items()
            if alarm.finding is None or alarm.finding.verdict is Verdict.UNKNOWN
        ]
        if not unknown:
            return "All is well: everything that is watched is within tolerance."
        return f"Nothing is wrong as far as is known; not known yet: {', '.join(unknown)}."

    def _caution(self) -> str:
        """Say why the estimate without labels is doubtful now; empty when nothing speaks so."""
        alarm = self._office.pipeline.alarms.get(AlarmName.INPUT_DRIFT)
        if alarm is None or alarm.state not in {AlarmState.PENDING, AlarmState.FIRING}:
            return ""
        return (
            "The inputs drift: the estimate without labels holds only if predictions still mean "
            "what they meant at certification. Believe labels."
        )

    def _open_incidents(self) -> list[Incident]:
        return [one for one in self._office.pipeline.decision.incidents if not one.is_over]

    def _models(self) -> tuple[ModelView, ...]:
        """Give each configured model with its place and its last probe."""
        models = self._office.loaded.config.models
        pipeline = self._office.pipeline
        routing = pipeline.routing
        views = []
        for model, upstream in ((Model.CANDIDATE, models.candidate), (Model.STABLE, models.stable)):
            if upstream is None:
                continue
            health = pipeline.health(model)
            position = None
            if routing.serving is model:
                position = Position.SERVING
            elif routing.shadow is model:
                position = Position.SHADOW
            views.append(
                ModelView(
                    model=model,
                    name=upstream.name,
                    url=upstream.url,
                    position=position,
                    ready=None if health is None else health.ready,
                    reason="" if health is None else health.reason,
                )
            )
        return tuple(views)

    def _in_flight(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for pulse in self._office.pulses.values():
            for place, n in pulse.in_flight.items():
                total[place] = total.get(place, 0) + n
        return total

    def _streams(self) -> tuple[StreamView, ...]:
        pipeline = self._office.pipeline
        views = [
            *stream_views(Side.INPUT, pipeline.detail(AlarmName.INPUT_DRIFT), STREAMS),
            *stream_views(Side.OUTPUT, pipeline.detail(AlarmName.OUTPUT_DRIFT), STREAMS),
        ]
        return tuple(sorted(views, key=lambda view: -view.strength)[:STREAMS])

    def _timeline(self) -> tuple[EntryView, ...]:
        entries = [
            words.entry_view(entry)
            for entry in reversed(self._office.journal.tail(4 * TIMELINE, HIDDEN_KINDS))
            if not _repeats(entry)
        ]
        return tuple(entries[:TIMELINE])

    def _fleet(self) -> FleetState | None:
        """Give how this replica stands with its fleet, which the monitor of the watching knows."""
        state = self._office.pipeline.detail(AlarmName.WATCHING).get("fleet")
        return state if isinstance(state, FleetState) else None

    def _notes(self) -> list[str]:
        office = self._office
        trouble = [office.journal.trouble] if office.journal.trouble else []
        fleet = self._fleet()
        if fleet is not None:
            trouble.append(fleet_words(fleet))
        return [*office.notes, *trouble]


def _utc(at_s: float) -> str:
    """Give the wall time of a monotonic time; empty for the time before anything happened."""
    return clock.utc_text_of(at_s) if at_s else ""


def fleet_words(fleet: FleetState) -> str:
    """Say how this replica stands with its fleet, in a sentence or two."""
    if not fleet.up:
        why = f": {fleet.trouble}" if fleet.trouble else ""
        return f"Fleet {fleet.name}: only the counts of this replica are judged{why}."
    others = f"; {fleet.others} more have another benchmark" if fleet.others else ""
    trouble = f" But {fleet.trouble}." if fleet.trouble else ""
    return (
        f"Fleet {fleet.name}: the counts of {fleet.replicas} replicas are judged{others}.{trouble}"
    )


def _repeats(entry: JsonObject) -> bool:
    """Tell whether an entry says again what its outcome says: a notice about an action."""
    body = entry.get("body")
    return entry.get("kind") == "notice" and isinstance(body, dict) and body.get("kind") == "action"
