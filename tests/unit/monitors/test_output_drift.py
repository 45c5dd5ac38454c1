"""Output drift: the candidate's answers against its certified answers, and the stable's beside."""

from __future__ import annotations

import numpy as np

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.output_drift import OutputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import Finding, Model, Rows, Side, Verdict
from proxy.stats.profile import Profile, build_profile

ENGINE = Engine(tick_s=1.0)
SETTINGS = DriftSettings(unmeasured_design_effect=1.0)


def certified() -> Benchmark:
    """Give a benchmark with the answers of both models."""
    rng = np.random.default_rng(3)
    outputs = {
        model: build_profile({"prediction": list(rng.normal(0, 1, 5000))}, rng, ordered=False)
        for model in ("candidate", "stable")
    }
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new", "stable": "old"},
        input=Profile(n=0, ordered=False, columns=()),
        outputs=outputs,
    )


BENCHMARK = certified()


def run(
    monitor: OutputDrift, ticks: range, candidate: float, stable: float | None
) -> list[Finding]:
    """Show 100 answers of each model per tick, shifted; `None`: the stable is silent."""
    rng = np.random.default_rng(ticks.start)
    findings = []
    for tick in ticks:
        for model, shift in ((Model.CANDIDATE, candidate), (Model.STABLE, stable)):
            if shift is not None:
                monitor.observe(
                    Rows(
                        exchange_id=tick,
                        at_s=float(tick),
                        model=model,
                        side=Side.OUTPUT,
                        columns=("prediction",),
                        values=(list(rng.normal(shift, 1, 100)),),
                        n=100,
                    )
                )
        findings.append(monitor.judge(float(tick)))
    return findings


def test_certified_answers_are_quiet() -> None:
    """Both models answering as certified: OK, and the stable is OK too."""
    findings = run(OutputDrift(SETTINGS, BENCHMARK, ENGINE), range(100), 0.0, 0.0)
    assert {finding.verdict for finding in findings} == {Verdict.OK}
    assert findings[-1].shared is Verdict.OK


def test_candidate_alone_is_told_from_a_shared_cause() -> None:
    """The candidate's drift is a breach; whether it is shared follows the stable's answers."""
    alone = run(OutputDrift(SETTINGS, BENCHMARK, ENGINE), range(20), 1.0, 0.0)[-1]
    both = run(OutputDrift(SETTINGS, BENCHMARK, ENGINE), range(20), 1.0, 1.0)[-1]
    unseen = run(OutputDrift(SETTINGS, BENCHMARK, ENGINE), range(20), 1.0, None)[-1]
    assert {finding.verdict for finding in (alone, both, unseen)} == {Verdict.BREACH}
    assert (alone.shared, both.shared, unseen.shared) == (
        Verdict.OK,
        Verdict.BREACH,
        Verdict.UNKNOWN,
    )


def test_the_stables_drift_alone_is_no_finding_about_the_candidate() -> None:
    """A stable that drifts while the candidate does not leaves the verdict OK."""
    last = run(OutputDrift(SETTINGS, BENCHMARK, ENGINE), range(20), 0.0, 1.0)[-1]
    assert last.verdict is Verdict.OK
    assert last.shared is Verdict.BREACH


def test_input_rows_are_ignored() -> None:
    """Input rows do not count, whatever their columns."""
    monitor = OutputDrift(SETTINGS, BENCHMARK, ENGINE)
    monitor.observe(
        Rows(
            exchange_id=1,
            at_s=0.0,
            model=Model.CANDIDATE,
            side=Side.INPUT,
            columns=("prediction",),
            values=([9.0] * 500,),
            n=500,
        )
    )
    assert monitor.judge(1.0).n_current == 0


def test_recovers_restores_and_resets() -> None:
    """A breach survives a restart, ends with the fault, and is forgotten by a reset."""
    monitor = OutputDrift(SETTINGS, BENCHMARK, ENGINE)
    run(monitor, range(20), 1.0, 0.0)
    restored = OutputDrift(SETTINGS, BENCHMARK, ENGINE)
    assert restored.restore(monitor.snapshot())
    assert not restored.restore(b"")
    assert run(restored, range(20, 21), 1.0, 0.0)[-1].verdict is Verdict.BREACH
    assert run(restored, range(21, 45), 0.0, 0.0)[-1].verdict is Verdict.OK
    monitor.reset()
    assert run(monitor, range(20, 22), 0.0, 0.0)[-1].verdict is Verdict.OK


def test_detail_has_both_models_and_unknown_without_certified_answers() -> None:
    """The detail is per model; without certified answers there is a reason."""
    monitor = OutputDrift(SETTINGS, BENCHMARK, ENGINE)
    run(monitor, range(3), 0.0, 0.0)
    assert set(monitor.detail()) == {"candidate", "stable"}
    without = OutputDrift(SETTINGS, None, ENGINE)
    assert without.judge(0.0).verdict is Verdict.UNKNOWN
    assert without.detail() == {"reason": "no certified answers"}
