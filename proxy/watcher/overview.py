"""How things stand, for people: what the status page shows, and the verdict for roll-outs.

Every view is made of values at hand when it is asked for; nothing is changed, nothing concluded.
What changes something is `desk.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proxy import __version__, clock
from proxy.policy import Incident
from proxy.policy.words import WAY_BACK
from proxy.records import (
    AlarmName,
    AlarmState,
    FleetState,
    Health,
    Model,
    Position,
    Side,
    Verdict,
)
from proxy.telemetry import words
from proxy.telemetry.desk import (
    AlarmView,
    EntryView,
    JsonObject,
    ModelView,
    RoutingView,
    Status,
    StreamView,
)
from proxy.telemetry.metrics import PULSE_AGE_S
from proxy.telemetry.streams import agreement_view, stream_views
from proxy.units import DAY_S
from proxy.watcher.office import Office

TIMELINE: Final = 40
STREAMS: Final = 24
HIDDEN_KINDS: Final = frozenset({"action", "tick", "evidence", "insight"})
"""Journal entries that the timeline leaves out: outcomes and transitions say it."""
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


def status(office: Office) -> Status:
    """Give everything the page shows."""
    go, reasons = verdict(office)
    return Status(
        title=office.loaded.config.models.candidate.name,
        version=__version__,
        at_utc=clock.utc_text(),
        started_utc=office.started_utc,
        go=go,
        headline=_headline(office, reasons),
        routing=routing(office),
        models=models(office),
        traffic=office.traffic.view(clock.now_s(), _in_flight(office)),
        alarms=tuple(alarms(office)),
        streams=_streams(office),
        agreement=agreement_view(office.pipeline.detail(AlarmName.DISAGREEMENT)),
        timeline=_timeline(office),
        config_sha256=office.loaded.sha256,
        fleet=_fleet(office),
        notes=tuple(_notes(office)),
    )


def alarms(office: Office) -> Sequence[AlarmView]:
    """Give every alarm, those that need eyes first."""
    pipeline = office.pipeline
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


def routing(office: Office) -> RoutingView:
    """Give where traffic goes and why."""
    posture, in_force = office.pipeline.posture, office.pipeline.routing
    now_s = clock.now_s()
    return RoutingView(
        serving=in_force.serving,
        shadow=in_force.shadow,
        mirror_fraction=in_force.mirror_fraction,
        because=posture.because,
        since_utc=office.hands.routing_since_utc,
        override=posture.override,
        locked=posture.locked,
        dry_run=office.loaded.config.policy.dry_run,
        switches_today=sum(now_s - at_s < DAY_S for at_s in posture.switches_s),
        epoch=in_force.epoch,
        caution=_caution(office.pipeline.health(in_force.serving)),
    )


def _caution(serving: Health | None) -> str:
    if serving is None or serving.ready:
        return ""
    return f"The {serving.model} model serves and is not ready: {serving.reason}"


def models(office: Office) -> tuple[ModelView, ...]:
    """Give each configured model with its place and its last probe."""
    configured = office.loaded.config.models
    pipeline = office.pipeline
    in_force = pipeline.routing
    asked = ((Model.CANDIDATE, configured.candidate), (Model.STABLE, configured.stable))
    views = []
    for model, upstream in asked:
        if upstream is None:
            continue
        health = pipeline.health(model)
        position = None
        if in_force.serving is model:
            position = Position.SERVING
        elif in_force.shadow is model:
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


def verdict(office: Office) -> tuple[bool, Sequence[str]]:
    """Give go or stop: stop while the candidate does worse than certified, or is routed away.

    What is only pending or unknown does not stop: not knowing is no reason to roll back.
    """
    pipeline = office.pipeline
    reasons = [
        f"{name} is firing: {alarm.finding.reason if alarm.finding else ''}"
        for name, alarm in pipeline.alarms.items()
        if name in STOPS and alarm.state is AlarmState.FIRING
    ]
    if pipeline.routing.serving is Model.STABLE:
        reasons.append(f"traffic goes to the stable model: {pipeline.posture.because}")
    return not reasons, reasons


def _headline(office: Office, reasons: Sequence[str]) -> str:
    incidents = _open_incidents(office)
    if incidents:
        first = incidents[0]
        more = f" And {len(incidents) - 1} more." if len(incidents) > 1 else ""
        return f"{first.title}. {first.next}{more}"
    caution = routing(office).caution
    if caution:
        return words.sentence(caution)
    if reasons:
        is_away = office.pipeline.routing.serving is Model.STABLE
        back = f" A person leads it back to the candidate: {WAY_BACK}." if is_away else ""
        return f"{words.sentence(reasons[0])}{back}"
    unknown = [
        name.value
        for name, alarm in office.pipeline.alarms.items()
        if alarm.finding is None or alarm.finding.verdict is Verdict.UNKNOWN
    ]
    if not unknown:
        return "All is well: everything that is watched is within tolerance."
    return f"Nothing is wrong as far as is known; not known yet: {', '.join(unknown)}."


def _open_incidents(office: Office) -> list[Incident]:
    return [one for one in office.pipeline.decision.incidents if not one.is_over]


def _in_flight(office: Office) -> dict[str, int]:
    """Give the exchanges running now, over all relays that are heard of."""
    total: dict[str, int] = {}
    heard_s = clock.now_s() - PULSE_AGE_S
    for pulse in office.pulses.values():
        if pulse.at_s < heard_s:
            continue
        for place, n in pulse.in_flight.items():
            total[place] = total.get(place, 0) + n
    return total


def _streams(office: Office) -> tuple[StreamView, ...]:
    pipeline = office.pipeline
    views = [
        *stream_views(Side.INPUT, pipeline.detail(AlarmName.INPUT_DRIFT), STREAMS),
        *stream_views(Side.OUTPUT, pipeline.detail(AlarmName.OUTPUT_DRIFT), STREAMS),
    ]
    return tuple(sorted(views, key=lambda view: -view.strength)[:STREAMS])


def _timeline(office: Office) -> tuple[EntryView, ...]:
    entries = [
        words.entry_view(entry)
        for entry in reversed(office.journal.tail(4 * TIMELINE, HIDDEN_KINDS))
        if not _repeats(entry)
    ]
    return tuple(entries[:TIMELINE])


def _fleet(office: Office) -> FleetState | None:
    """Give how this replica stands with its fleet, which the monitor of the watching knows."""
    state = office.pipeline.detail(AlarmName.WATCHING).get("fleet")
    return state if isinstance(state, FleetState) else None


def _notes(office: Office) -> list[str]:
    """Give what people should know beside the alarms: since the start, and what is wrong now."""
    troubles = [office.journal.trouble, office.memory.trouble, *office.notifier.troubles()]
    fleet = _fleet(office)
    told = [] if fleet is None else [fleet_words(fleet)]
    return [*office.notes, *(words.sentence(one) for one in troubles if one), *told]


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


def _utc(at_s: float) -> str:
    """Give the wall time of a monotonic time; empty for the time before anything happened."""
    return clock.utc_text_of(at_s) if at_s else ""
