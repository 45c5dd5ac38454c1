"""Errors: failures of the candidate against the certified floor."""

from __future__ import annotations

import numpy as np

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.errors import Errors, failure_class
from proxy.monitors.settings import ErrorsSettings
from proxy.records import (
    Exchange,
    Failure,
    Finding,
    Model,
    Side,
    Undecodable,
    Verdict,
)
from proxy.stats.reference.floors import ErrorFloor
from proxy.stats.reference.profile import Profile

ENGINE = Engine(tick_s=1.0)
BENCHMARK = Benchmark(
    created_utc="2026-01-01T00:00:00Z",
    models={"candidate": "new", "stable": "old"},
    input=Profile(n=0, ordered=False, columns=()),
    errors={
        "candidate": ErrorFloor(n=10_000, failed={"server": 20}),
        "stable": ErrorFloor(n=10_000, failed={}),
    },
)


def exchange(
    model: Model = Model.CANDIDATE,
    *,
    status: int = 200,
    failure: Failure | None = None,
    failed_over: bool = False,
) -> Exchange:
    """Give an exchange with this outcome."""
    return made.exchange(model=model, status=status, failure=failure, failed_over=failed_over)


def run(
    monitor: Errors, ticks: range, share: float, model: Model = Model.CANDIDATE
) -> list[Finding]:
    """Show 100 answers per tick, of which `share` fail with status 500."""
    rng = np.random.default_rng(ticks.start)
    findings = []
    for tick in ticks:
        for failed in rng.random(100) < share:
            monitor.observe(exchange(model, status=500 if failed else 200))
        findings.append(monitor.judge(float(tick)))
    return findings


def test_certified_level_is_quiet() -> None:
    """The certified share of failures never breaches, and is called OK once it is known."""
    findings = run(Errors(ErrorsSettings(), BENCHMARK, ENGINE), range(300), 0.002)
    assert {finding.verdict for finding in findings} == {Verdict.OK}


def test_more_failures_breach_confirm_and_recover() -> None:
    """Ten percent failures breach, are confirmed by later data, and end when they are gone."""
    monitor = Errors(ErrorsSettings(), BENCHMARK, ENGINE)
    run(monitor, range(20), 0.002)
    bad = run(monitor, range(20, 60), 0.1)
    first = next(i for i, finding in enumerate(bad) if finding.verdict is Verdict.BREACH)
    assert 2 <= first <= 15
    assert bad[-1].subject == "server"
    assert bad[-1].interval is not None
    assert bad[-1].interval[0] < 0.1 < bad[-1].interval[1]
    assert bad[-1].confirmation > np.log(100)
    good = run(monitor, range(60, 100), 0.002)
    assert good[-1].verdict is Verdict.OK
    assert sum(finding.verdict is Verdict.BREACH for finding in good) <= 15


def test_total_failure_breaches_in_three_ticks_with_full_effect() -> None:
    """A model that only fails is in breach at the third tick, never before."""
    findings = run(Errors(ErrorsSettings(), BENCHMARK, ENGINE), range(4), 1.0)
    assert [finding.verdict is Verdict.BREACH for finding in findings] == [False, False, True, True]
    assert findings[2].effect > 0.99
    assert findings[2].evidence >= np.log(1e6)


def test_failing_over_counts_against_the_model_that_refused() -> None:
    """An exchange that the stable answered after a refusal is a failure of the candidate."""
    monitor = Errors(ErrorsSettings(), BENCHMARK, ENGINE)
    for tick in range(5):
        for _ in range(50):
            monitor.observe(exchange(Model.STABLE, failed_over=True))
        finding = monitor.judge(float(tick))
    assert finding.verdict is Verdict.BREACH
    assert finding.subject == "connect"
    assert finding.shared is Verdict.OK
    assert finding.reason.startswith("failed connections: 100.00% of "), "people read words"


def test_shared_says_that_the_stable_fails_too() -> None:
    """When both models fail, the cause is shared; when the stable is unseen, it is unknown."""
    monitor = Errors(ErrorsSettings(), BENCHMARK, ENGINE)
    alone = run(monitor, range(5), 1.0)[-1]
    assert alone.shared is Verdict.UNKNOWN
    for tick in range(5, 10):
        for _ in range(100):
            monitor.observe(exchange(Model.STABLE, status=503))
        both = monitor.judge(float(tick))
    assert both.shared is Verdict.BREACH


def test_what_is_not_the_models_failure_is_not_counted() -> None:
    """Clients that leave, overload of the relay and client errors are not failures."""
    assert failure_class(exchange(failure=Failure.CLIENT_GONE)) is None
    assert failure_class(exchange(failure=Failure.OVERLOAD)) is None
    assert failure_class(exchange(status=422)) == ""
    assert failure_class(exchange(failure=Failure.TIMEOUT)) == "timeout"


def test_few_answers_are_unknown() -> None:
    """With fewer answers than needed the verdict is unknown, with a reason."""
    monitor = Errors(ErrorsSettings(min_answers=50), BENCHMARK, ENGINE)
    for _ in range(10):
        monitor.observe(exchange())
    finding = monitor.judge(1.0)
    assert finding.verdict is Verdict.UNKNOWN
    assert "10" in finding.reason


def test_undecodable_answers_count_only_after_readable_ones() -> None:
    """Answers that were never readable are a matter of configuration; broken ones are failures."""
    broken = Undecodable(
        exchange_id=1, at_s=0, model=Model.CANDIDATE, side=Side.OUTPUT, reason="not_json", detail=""
    )
    never = Errors(ErrorsSettings(), BENCHMARK, ENGINE)
    since = Errors(ErrorsSettings(), BENCHMARK, ENGINE)
    since.observe(made.rows({"prediction": [1.0]}, side=Side.OUTPUT))
    for tick in range(5):
        for _ in range(50):
            for monitor in (never, since):
                monitor.observe(exchange())
                monitor.observe(broken)
        verdicts = never.judge(float(tick)).verdict, since.judge(float(tick)).verdict
    assert verdicts == (Verdict.OK, Verdict.BREACH)


def test_snapshot_goes_on_and_foreign_bytes_do_not_fit() -> None:
    """A restored monitor concludes the same; damaged or foreign snapshots are refused."""
    monitor = Errors(ErrorsSettings(), BENCHMARK, ENGINE)
    run(monitor, range(5), 1.0)
    fresh = Errors(ErrorsSettings(), BENCHMARK, ENGINE)
    assert fresh.restore(monitor.snapshot())
    ours, theirs = run(monitor, range(5, 6), 1.0)[0], run(fresh, range(5, 6), 1.0)[0]
    assert theirs.verdict is Verdict.BREACH
    assert theirs.confirmation == ours.confirmation
    assert not fresh.restore(b"nonsense")
    assert not Errors(ErrorsSettings(tolerance=0.2), BENCHMARK, ENGINE).restore(monitor.snapshot())


def test_reset_forgets() -> None:
    """After a reset the breach is gone."""
    monitor = Errors(ErrorsSettings(), BENCHMARK, ENGINE)
    run(monitor, range(5), 1.0)
    monitor.reset()
    assert run(monitor, range(5, 7), 0.0)[-1].verdict is not Verdict.BREACH


def test_switched_off_is_unknown() -> None:
    """A monitor that is switched off knows nothing."""
    monitor = Errors(ErrorsSettings(enabled=False), BENCHMARK, ENGINE)
    assert run(monitor, range(3), 1.0)[-1].verdict is Verdict.UNKNOWN


def test_its_counts_can_be_added_up_over_replicas() -> None:
    """Outcomes of each model are given by its name, once in every class."""
    monitor = Errors(ErrorsSettings(), BENCHMARK, ENGINE)
    for status in (200, 500, 200):
        monitor.observe(exchange(status=status))
    counted = {name: int(watch.pending.sum()) for name, watch in monitor.pooled().items()}
    assert counted == {"candidate": 3 * 4, "stable": 0}
