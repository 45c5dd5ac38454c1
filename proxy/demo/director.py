"""Running the script: doing the deeds, watching what comes of them, and judging.

The director knows nothing that a user of the sidecar could not know: it reads the status page's
JSON, receives alerts, and sends requests. A delay is counted from the deed to the moment at which
it could be seen there, in seconds and in rows that the client has sent meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final, Protocol

from proxy.clock import now_s
from proxy.demo.flights import DemoError, to_celsius
from proxy.demo.script import Act, Check, Deed, Scene, Stage
from proxy.demo.stage import Company

LOOK_S: Final = 0.2
"""Time between two looks at the status."""
LOST_S: Final = 20.0
"""A status that cannot be read for this long ends the demonstration."""
OPERATOR: Final = "demo operator"


@dataclass(slots=True, kw_only=True)
class Expected:
    """One thing that must come of a stage, and when it came."""

    check: Check
    limit_s: float
    after_s: float | None = None
    """Delay in seconds. `None`: not seen yet."""
    after_rows: int | None = None

    @property
    def is_met(self) -> bool:
        """It came in time."""
        return self.after_s is not None and self.after_s <= self.limit_s


@dataclass(slots=True, kw_only=True)
class StageReport:
    """How one stage went."""

    act: Act
    stage: Stage
    expected: list[Expected]
    violations: dict[str, float] = field(default_factory=dict)
    """What must never happen and did, with its delay in seconds."""
    clues: dict[str, float] = field(default_factory=dict)
    """What may explain a stage that goes wrong, with its delay in seconds: probes that failed, and
    what the sidecar said in the end."""
    took_s: float = 0.0

    @property
    def is_good(self) -> bool:
        """Everything that must happen did, in time, and nothing else."""
        return not self.violations and all(one.is_met for one in self.expected)


class Audience(Protocol):
    """Who watches: the live view, or plain lines."""

    def begin(self, report: StageReport) -> None:
        """See a stage begin."""

    def look(self, report: StageReport, scene: Scene, elapsed_s: float) -> None:
        """See how things stand."""

    def met(self, report: StageReport, expected: Expected) -> None:
        """See something come that had to."""

    def violated(self, report: StageReport, words: str) -> None:
        """See something that must not be."""


async def play(acts: tuple[Act, ...], company: Company, audience: Audience) -> list[StageReport]:
    """Run the acts and give a report for each stage. A stage that goes wrong does not end the play.

    Raises:
        DemoError: the sidecar or a server is gone, so that nothing can be judged.
    """
    reports: list[StageReport] = []
    for act in acts:
        for stage in act.stages:
            report = _new_report(act, stage)
            reports.append(report)
            audience.begin(report)
            await _run_stage(report, company, audience)
    return reports


def _new_report(act: Act, stage: Stage) -> StageReport:
    limits_s = dict(stage.limits_s)
    expected = [
        Expected(check=check, limit_s=limits_s.get(check.words, stage.deadline_s))
        for check in stage.musts
    ]
    return StageReport(act=act, stage=stage, expected=expected)


async def _run_stage(report: StageReport, company: Company, audience: Audience) -> None:
    stage = report.stage
    began_s, began_rows = now_s(), company.traffic.n_sent
    n_notices = company.receiver.n_received
    await do(stage.deed, company)
    while True:
        scene = await _look(company, n_notices)
        elapsed_s = now_s() - began_s
        _judge(report, scene, elapsed_s, company.traffic.n_sent - began_rows, audience)
        audience.look(report, scene, elapsed_s)
        all_seen = all(one.after_s is not None for one in report.expected)
        if elapsed_s >= stage.at_least_s and (all_seen or elapsed_s >= stage.deadline_s):
            break
        await asyncio.sleep(LOOK_S)
    report.took_s = now_s() - began_s
    if not report.is_good:
        report.clues[f"the sidecar says: {scene.status.headline}"] = report.took_s


def _judge(
    report: StageReport, scene: Scene, elapsed_s: float, n_rows: int, audience: Audience
) -> None:
    """Note what is seen for the first time."""
    for one in report.expected:
        if one.after_s is None and one.check.holds(scene):
            one.after_s, one.after_rows = elapsed_s, n_rows
            audience.met(report, one)
    for check in report.stage.nevers:
        if check.words not in report.violations and check.holds(scene):
            report.violations[check.words] = elapsed_s
            audience.violated(report, check.words)
    for model in scene.status.models:
        if model.ready is False:
            clue = f"the {model.model} model was not ready: {model.reason}"
            report.clues.setdefault(clue, elapsed_s)


async def _look(company: Company, n_notices: int) -> Scene:
    """Look at everything; a status that cannot be read is asked for again for a while.

    Raises:
        DemoError: it cannot be read for too long.
    """
    give_up_s = now_s() + LOST_S
    while True:
        status = await company.status()
        if status is not None:
            notices = company.receiver.since(n_notices)
            return Scene(status=status, notices=notices, tally=company.traffic.tally())
        if now_s() > give_up_s:
            raise DemoError(
                f"the sidecar's status cannot be read ({company.trouble}):\n"
                f"{company.sidecar.tail()}"
            )
        await asyncio.sleep(LOOK_S)


async def do(deed: Deed, company: Company) -> None:
    """Do what a stage begins with.

    Raises:
        DemoError: it cannot be done.
    """
    match deed:
        case Deed.WATCH:
            return
        case Deed.BREAK_DATA:
            company.traffic.change = to_celsius
        case Deed.MEND_DATA:
            company.traffic.change = None
        case Deed.BREAK_MODEL:
            await company.candidate.hot_fix(company.session, applied=True)
        case Deed.MEND_MODEL:
            await company.order("ack", {"alarm": "all", "by": OPERATOR, "why": "taking it back"})
            await company.candidate.hot_fix(company.session, applied=False)
        case Deed.RESTORE:
            why = {"by": OPERATOR, "why": "the candidate is mended"}
            await company.order("routing", {"serving": "candidate", **why})
            # Automatic again: the traffic stays, and the sidecar may act again.
            await company.order("routing", {"serving": "auto", **why})
        case Deed.KILL_CANDIDATE:
            await company.candidate.kill()
        case Deed.START_CANDIDATE:
            await company.candidate.serve()
