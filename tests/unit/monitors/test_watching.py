"""Degraded watching is told apart from degraded models."""

from __future__ import annotations

from msgspec import structs

import made
from proxy.monitors import Engine
from proxy.monitors.watching import MIN_BODIES, WINDOW_TICKS, Watching
from proxy.records import FleetState, Health, Model, Pulse, Rows, Side, Undecodable, Verdict

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
    return made.rows({"x": [1.0]})


def test_before_any_relay_has_reported_nothing_is_known() -> None:
    """A watcher that has just started claims neither health nor trouble."""
    assert Watching(ENGINE).judge(0.0).verdict is Verdict.UNKNOWN


def test_traffic_that_nobody_looks_at_is_not_called_watched() -> None:
    """A model under a path of its own looks healthy for ever, unless somebody says why."""
    monitor = Watching(ENGINE)
    monitor.observe(pulse(0.0))
    strange = structs.replace(made.EXCHANGE, route="other", capture=0.0)
    for _ in range(MIN_BODIES):
        monitor.observe(strange)
    finding = monitor.judge(1.0)
    assert finding.verdict is Verdict.UNKNOWN
    assert "none of 50 requests was on a path that is sampled" in finding.reason
    assert "payload.paths" in finding.reason
    monitor.observe(structs.replace(strange, route="/v1/models/{name}:predict"))
    assert monitor.judge(2.0).verdict is Verdict.OK


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


def fleet(at_s: float, *, up: bool, trouble: str = "") -> FleetState:
    """Give how a replica stands with its fleet."""
    return FleetState(
        at_s=at_s,
        name="flights",
        replica="a",
        up=up,
        replicas=3 if up else 1,
        others=0,
        late=0,
        skew_s=0.0,
        trouble=trouble,
    )


def test_a_replica_that_is_long_cut_off_from_its_fleet_is_a_breach() -> None:
    """A start and one lost tick are nothing; a minute alone is, until the fleet is back."""
    monitor = Watching(ENGINE)
    verdicts = []
    for tick in range(WINDOW_TICKS + 2):
        monitor.observe(pulse(float(tick)))
        monitor.observe(fleet(float(tick), up=False, trouble="Redis is full"))
        verdicts.append(monitor.judge(tick + 0.5).verdict)
    assert verdicts == [Verdict.OK] * WINDOW_TICKS + [Verdict.BREACH] * 2
    finding = monitor.judge(tick + 0.6)
    assert finding.subject == "fleet"
    assert "only own counts are judged, not those of fleet flights: Redis is full" in finding.reason
    monitor.observe(fleet(99.0, up=True))
    monitor.observe(pulse(99.0))
    assert monitor.judge(99.5).verdict is Verdict.OK


def test_only_exchanges_count_as_reports() -> None:
    """Health, pairs and cases do not thin out the share of records that were lost."""
    monitor = Watching(ENGINE)
    for _ in range(1000):
        monitor.observe(Health(model=Model.STABLE, at_s=0.0, ready=True, reason=""))
    monitor.observe(pulse(0.0))
    monitor.observe(pulse(1.0, dropped=1))
    finding = monitor.judge(1.5)
    assert "1 of 1 records were dropped" in finding.reason
