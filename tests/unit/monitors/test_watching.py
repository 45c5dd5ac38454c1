"""Degraded watching is told apart from degraded models."""

from __future__ import annotations

from proxy.monitors import Engine
from proxy.monitors.watching import WINDOW_TICKS, Watching
from proxy.records import Model, Pulse, Rows, Side, Undecodable, Verdict

ENGINE = Engine(tick_s=1.0)


def pulse(at_s: float, dropped: int = 0, pid: int = 1, worker: int = 0) -> Pulse:
    """Give a pulse that lost `dropped` exchanges since its relay's start."""
    return Pulse(worker, pid, at_s, True, False, 0, {}, 0.0, 0, {"exchange": dropped})


def undecodable() -> Undecodable:
    """Give a body that could not be read."""
    return Undecodable(
        exchange_id=1,
        at_s=0.0,
        model=Model.CANDIDATE,
        side=Side.INPUT,
        reason="not_json",
        detail="The body is not JSON.",
    )


def rows() -> Rows:
    """Give a body that could be read."""
    return Rows(
        exchange_id=1,
        at_s=0.0,
        model=Model.CANDIDATE,
        side=Side.INPUT,
        columns=("x",),
        values=([1.0],),
        n=1,
    )


def test_before_any_relay_has_reported_nothing_is_known() -> None:
    """A watcher that has just started claims neither health nor trouble."""
    assert Watching(ENGINE).judge(0.0).verdict is Verdict.UNKNOWN


def test_losses_are_counted_from_where_the_relay_stood() -> None:
    """What a relay had lost before is not counted again, and a new process starts at zero."""
    monitor = Watching(ENGINE)
    monitor.observe(pulse(0.0, dropped=500))
    assert monitor.judge(0.5).verdict is Verdict.BREACH
    for tick in range(1, WINDOW_TICKS + 1):
        monitor.observe(pulse(float(tick), dropped=500))
        finding = monitor.judge(tick + 0.5)
    assert finding.verdict is Verdict.OK
    monitor.observe(pulse(10.0, dropped=3, pid=2))
    assert "3 of 3 records were dropped" in monitor.judge(10.5).reason


def test_a_silent_relay_is_a_breach_and_its_return_ends_it() -> None:
    """A relay without pulses is named; one pulse later all is well."""
    monitor = Watching(ENGINE)
    monitor.observe(pulse(0.0))
    assert monitor.judge(1.0).verdict is Verdict.OK
    finding = monitor.judge(20.0)
    assert (finding.verdict, finding.subject, finding.since_s) == (Verdict.BREACH, "relay", 20.0)
    monitor.observe(pulse(21.0))
    assert monitor.judge(21.0).verdict is Verdict.OK


def test_a_majority_of_unreadable_bodies_is_a_breach_with_its_reason() -> None:
    """Drift cannot be watched when most bodies cannot be read, and the reason is told."""
    monitor = Watching(ENGINE)
    monitor.observe(pulse(0.0))
    for _ in range(40):
        monitor.observe(undecodable())
    for _ in range(20):
        monitor.observe(rows())
    finding = monitor.judge(1.0)
    assert finding.verdict is Verdict.BREACH
    assert "40 of 60 sampled bodies cannot be read, mostly: not_json" in finding.reason


def test_a_few_unreadable_bodies_are_no_breach() -> None:
    """Below the number that says anything, unreadable bodies are only counted."""
    monitor = Watching(ENGINE)
    monitor.observe(pulse(0.0))
    for _ in range(10):
        monitor.observe(undecodable())
    assert monitor.judge(1.0).verdict is Verdict.OK
