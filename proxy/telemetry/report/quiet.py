"""The report on an alarm that never began: how far it is from doing so."""

from __future__ import annotations

from typing import Final

from proxy.records import Alarm, AlarmName, Finding, Verdict
from proxy.telemetry import words
from proxy.telemetry.report.chronicle import Chronicle
from proxy.telemetry.report.declared import confirmation, false_alarms, provenance
from proxy.telemetry.report.evidence import columns_of, evidence_of, load_cells_of
from proxy.telemetry.report.live import Live
from proxy.telemetry.report.values import Evidence, IncidentReport, Measure
from proxy.telemetry.streams import agreement_view

QUIET: Final = "quiet"


def quiet(told: Chronicle, known: Alarm, live: Live) -> IncidentReport:
    """Report on an alarm that never began: how far it is from doing so."""
    finding = known.finding
    reason = finding.reason if finding is not None else "nothing was measured yet"
    detail = live.detail(known.name)
    insight = live.insights.get(known.name)
    columns = columns_of(detail, (), insight)
    base = Evidence(alarm=known.name, at_utc=live.made_utc)
    measured = () if finding is None else (_measure(finding),)
    return IncidentReport(
        made_utc=live.made_utc,
        watched=live.watched,
        alarm=known.name,
        incident="",
        state=QUIET,
        cause="",
        title=f"{words.label(known.name)} is quiet",
        lead=words.sentence(reason),
        done="Nothing was changed.",
        next="Nothing is to be done.",
        undo="",
        milestones=(),
        measures=measured,
        evidence=(evidence_of(insight, columns, base, live.utc),),
        agreement=agreement_view(detail) if known.name is AlarmName.DISAGREEMENT else None,
        cells=load_cells_of(detail) if known.name is AlarmName.LATENCY else (),
        traces=(),
        marks=(),
        timeline=(),
        false_alarms=false_alarms(told, live, ""),
        confirmation=confirmation(told),
        provenance=provenance(told, live, told.newest),
    )


def _measure(finding: Finding) -> Measure:
    return Measure(
        alarm=finding.monitor,
        state=QUIET,
        onset_utc="",
        began_utc="",
        fired_utc="",
        ended_utc="",
        reason=finding.reason,
        subject=finding.subject,
        effect=None if finding.verdict is Verdict.UNKNOWN else finding.effect,
        interval=finding.interval,
        unit=finding.unit,
        evidence=finding.evidence,
        threshold=finding.threshold,
        confirmation=0.0,
        n_reference=finding.n_reference,
        n_current=finding.n_current,
        shared="",
        blamed=(),
    )
