"""The watcher's answers to the admin API: the same values as decisions rest on, in words.

`WatcherDesk` fulfils `telemetry.desk.Desk`. Reads look at what is at hand; the few calls that
change something go through the pipeline, are carried out at once and stand in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from proxy import clock
from proxy.records import AlarmName, AlarmState, Fate, Model, Receipt, Truth
from proxy.telemetry.desk import AlarmView, DeskError, JsonObject, RoutingView, Status
from proxy.telemetry.report import IncidentReport
from proxy.watcher import overview, reporting
from proxy.watcher.collector import Order
from proxy.watcher.insight import WATCHED
from proxy.watcher.office import Office

LABELS_AT_ONCE: Final = 500
"""Labels taken before ticks, pulses and records from relays have their turn again."""
NO_FAULT_OF_ROWS: Final = frozenset({AlarmName.STABLE_UNREADY, AlarmName.WATCHING})
"""Alarms in which the traffic may be sound all the same."""


class WatcherDesk:
    """Answers for one watcher."""

    def __init__(self, office: Office) -> None:
        """Look at the values in `office`."""
        self._office = office

    def status(self) -> Status:
        """Give everything the page shows."""
        return overview.status(self._office)

    def alarms(self) -> Sequence[AlarmView]:
        """Give every alarm, those that need eyes first."""
        return overview.alarms(self._office)

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
        return overview.routing(self._office)

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
        models = {view.model.value: view.name for view in overview.models(self._office)}
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
        """Give go or stop, with the reasons for stop."""
        return overview.verdict(self._office)

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

    def _caution(self) -> str:
        """Say why the estimate without labels is doubtful now; empty when nothing speaks so."""
        alarm = self._office.pipeline.alarms.get(AlarmName.INPUT_DRIFT)
        if alarm is None or not alarm.state.is_open:
            return ""
        return (
            "The inputs drift: the estimate without labels holds only if predictions still mean "
            "what they meant at certification. Believe labels."
        )
