"""An alarm or a decision, explained in the lines of a terminal: `stablehand explain`.

What is told is the incident report's and the journal's; here it is only put into lines. Names and
values come from the traffic: nothing of them may steer a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from proxy.commands.console import on_one_line
from proxy.decisions import Explanation
from proxy.records import AlarmState, HistogramBin
from proxy.telemetry import words
from proxy.telemetry.report import IncidentReport, column_figures, pretty
from proxy.telemetry.report.values import Column, Evidence, Measure

BLOCKS: Final = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
MAX_COLUMNS: Final = 6
MAX_EXAMPLES: Final = 5
MAX_CELLS: Final = 6
MAX_ENTRIES: Final = 12


def alarm_lines(report: IncidentReport) -> Iterator[str]:
    """Tell an incident: what, what was done, what is next, how far, who carries it."""
    for line in _alarm_lines(report):
        yield pretty(on_one_line(line))


def decision_lines(told: Explanation) -> Iterator[str]:
    """Tell a decision: why, by which rule, on what it rested, what else it would have needed."""
    for line in _decision_lines(told):
        yield pretty(on_one_line(line))


def bars(shown: Sequence[HistogramBin]) -> tuple[str, str]:
    """Draw current and certified shares as two rows of blocks on one scale, two blocks a bar."""
    top = max((max(one.current, one.reference) for one in shown), default=0.0) or 1.0
    now = "".join(2 * _block(one.current / top) for one in shown)
    certified = "".join(2 * _block(one.reference / top) for one in shown)
    return now, certified


def _block(share: float) -> str:
    """Give the block of a share of the highest; what is there at all is seen."""
    if share <= 0:
        return BLOCKS[0]
    return BLOCKS[max(1, round(share * (len(BLOCKS) - 1)))]


def _alarm_lines(report: IncidentReport) -> Iterator[str]:
    incident = f" (incident {report.incident})" if report.incident else ""
    yield f"{words.label(report.alarm)}: {report.state}{incident}"
    yield words.sentence(report.title)
    if report.lead:
        yield report.lead
    for station in report.milestones:
        note = f"  {station.note}" if station.note else ""
        yield f"  {station.at_utc[:19].replace('T', ' ')}  {station.name}{note}"
    yield from _to_do(report)
    for measure in report.measures:
        yield ""
        yield from _measure(measure)
        for evidence in report.evidence:
            if evidence.alarm is measure.alarm:
                yield from _evidence(evidence, measure.subject)
    if report.agreement is not None and report.agreement.estimate is not None:
        view = report.agreement
        share = words.effect(report.agreement.estimate, view.interval, "share")
        yield f"Agreement: {share} {view.words}"
    yield from _course(report)


def _measure(measure: Measure) -> Iterator[str]:
    yield f"{words.label(measure.alarm)} ({measure.state}): {measure.reason}"
    if measure.effect is not None:
        subject = f" on {measure.subject}" if measure.subject else ""
        yield f"  effect{subject} {words.reach(measure.effect, measure.interval, measure.unit)}"
    share = words.strength(measure.evidence, measure.threshold)
    seen = f"  evidence {100 * share:.0f} % of what an alarm needs"
    if measure.confirmation > 0:
        seen += f"; later data alone {words.odds(measure.confirmation)} by chance"
    yield f"{seen}; {measure.n_current:,} rows against {measure.n_reference:,} certified"
    if measure.shared:
        yield f"  {measure.shared}"


def _evidence(evidence: Evidence, subject: str) -> Iterator[str]:
    loud = [one for one in evidence.columns if one.is_blamed] or evidence.columns
    for column in loud[:MAX_COLUMNS]:
        if column.bars or column.name != subject:  # else all of it stands above
            yield from _column(column)
    for part in evidence.sub_populations[:MAX_COLUMNS]:
        share = words.quantity(part.share, "share")
        yield (
            f"  rows where {part.condition}: {share} of the difference,"
            f" {words.short(part.effect, part.unit)} in {part.n:,} rows"
        )
    if evidence.separation is not None:
        yield f"  {evidence.separation.summary}"
    if evidence.discrepancy is not None:
        yield f"  {evidence.discrepancy.summary}"
    for example in evidence.examples[:MAX_EXAMPLES]:
        cells = ", ".join(f"{name} {value}" for name, value in example.cells[:MAX_CELLS])
        yield f"  request {example.exchange} at {example.at_utc[11:19]}, {example.why}: {cells}"
    if evidence.reason:
        yield f"  {words.sentence(evidence.reason)}"


def _column(column: Column) -> Iterator[str]:
    said = "" if column.effect is None else words.reach(column.effect, column.interval, column.unit)
    yield f"  {column.name}: {said or column.summary}"
    figures = "; ".join(f"{name} {value}" for name, value in column_figures(column))
    if figures:
        yield f"    {figures}"
    if column.bars:
        now, certified = bars(column.bars)
        yield f"    now       {now}|"
        yield f"    certified {certified}|"
        yield f"              {column.bars[0].label} ... {column.bars[-1].label}"


def _to_do(report: IncidentReport) -> Iterator[str]:
    """Tell what was done and what is to be done, before all figures: people may be in a hurry."""
    yield ""
    yield f"Done: {report.done or 'nothing was changed.'}"
    yield f"Next: {report.next or _otherwise(report)}"
    if report.undo:
        yield f"Undo: {report.undo}"


def _course(report: IncidentReport) -> Iterator[str]:
    if report.timeline:
        yield ""
        yield "What led here, newest first:"
        for entry in list(reversed(report.timeline))[:MAX_ENTRIES]:
            yield f"  {entry.at_utc[:19].replace('T', ' ')}  {entry.text}"
    for note in report.notes:
        yield f"Note: {note}"
    if report.false_alarms:
        yield f"Declared: {report.false_alarms}."


def _otherwise(report: IncidentReport) -> str:
    """Say what is next where nobody was told yet."""
    if report.state == AlarmState.PENDING:
        return "people are told if the breach lasts (alarms.hold_s); if it ends, nobody is."
    return "nothing is left to do."


def _decision_lines(told: Explanation) -> Iterator[str]:
    """Tell what is known of a decision, the most important first."""
    outcome = f", {told.outcome}" if told.outcome else ""
    yield f"{told.id}: {told.kind}{outcome}, {told.at_utc[:19].replace('T', ' ')} UTC"
    yield f"Because: {told.because}"
    if told.person:
        yield f"A person ordered it: {told.person}"
    if told.rule:
        yield f"Cause: {told.cause}. {told.rule}"
    if told.ladder:
        rungs = (
            f"[{name}]" if place == told.rung else name for place, name in enumerate(told.ladder)
        )
        yield f"Ladder: {', '.join(rungs)}"
    if told.incident:
        others = f"; its other decisions: {', '.join(told.others)}" if told.others else ""
        yield f"Incident: {told.incident}{others}"
    if told.checks:
        yield ""
        yield "Leading the traffic to the stable model needs:"
        for check in told.checks:
            missing = "" if check.holds else f": {check.why_not}"
            yield f"  {'yes' if check.holds else 'NO '}  {check.needed}{missing}"
    if told.witnesses:
        yield ""
        yield "What was known at that tick:"
        for one in told.witnesses:
            share = f"{100 * one.strength:.0f} % of an alarm"
            yield f"  {one.alarm:<14} {one.state:<8} {one.verdict:<7} {share:>17}  {one.words}"
        yield from (f"  {fact}" for fact in told.facts)
    if told.note:
        yield f"Note: {told.note}"
