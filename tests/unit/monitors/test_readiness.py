"""The stable model's readiness is stated, and an old probe says nothing."""

from __future__ import annotations

from proxy.monitors import Engine
from proxy.monitors.readiness import StableReadiness
from proxy.records import Health, Model, Verdict

ENGINE = Engine(tick_s=1.0)


def probe(at_s: float, ready: bool, model: Model = Model.STABLE) -> Health:
    """Give one answer of a probe."""
    return Health(model=model, at_s=at_s, ready=ready, reason="" if ready else "refused")


def test_without_a_stable_model_nothing_is_known() -> None:
    """No stable model means unknown, with the consequence in words."""
    finding = StableReadiness(ENGINE, has_stable=False).judge(1.0)
    assert finding.verdict is Verdict.UNKNOWN
    assert "no way back" in finding.reason


def test_a_failed_probe_is_a_breach_since_the_first_failure() -> None:
    """The onset is the first failed probe in a row, not the last."""
    monitor = StableReadiness(ENGINE, has_stable=True)
    for value in (probe(1, ready=True), probe(2, ready=False), probe(3, ready=False)):
        monitor.observe(value)
    finding = monitor.judge(3.5)
    assert finding.verdict is Verdict.BREACH
    assert finding.since_s == 2
    assert "refused" in finding.reason
    monitor.observe(probe(4, ready=True))
    assert monitor.judge(4.5).verdict is Verdict.OK


def test_probes_of_the_candidate_are_not_its_business() -> None:
    """A dead candidate does not make the stable model unready."""
    monitor = StableReadiness(ENGINE, has_stable=True)
    monitor.observe(probe(1, ready=False, model=Model.CANDIDATE))
    assert monitor.judge(1.5).verdict is Verdict.UNKNOWN


def test_a_stale_probe_is_not_trusted() -> None:
    """When probing has stopped, neither ready nor unready is claimed."""
    monitor = StableReadiness(ENGINE, has_stable=True)
    monitor.observe(probe(1, ready=True))
    assert monitor.judge(60.0).verdict is Verdict.UNKNOWN
