"""An alarm that never began is reported on, too: it says how far it is from beginning."""

from __future__ import annotations

from collections.abc import Callable

from proxy.records import Alarm, AlarmName, Finding, Verdict
from proxy.telemetry.report import Live, build

DRIFT, WRONG = AlarmName.INPUT_DRIFT, AlarmName.DISAGREEMENT


def test_an_alarm_that_never_began_is_quiet(finding: Callable[..., Finding]) -> None:
    """A running sidecar says how far it is from an alarm; nothing is to be done."""
    calm = finding(DRIFT, 5.0, verdict=Verdict.OK, evidence=4.0, blamed=(), reason="as certified")
    live = Live(made_utc="t", alarms={DRIFT: Alarm(name=DRIFT, finding=calm)}, watched="churn")
    report = build([], DRIFT, live)
    assert (report.state, report.title, report.lead) == (
        "quiet",
        "Input drift is quiet",
        "As certified.",
    )
    assert report.measures[0].evidence == 4.0
    assert build([], WRONG, Live(made_utc="t", alarms={WRONG: Alarm(name=WRONG)})).measures == ()
