"""Output drift: the candidate's answers against its certified answers, and the stable's beside."""

from __future__ import annotations

import numpy as np
from msgspec import structs

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.output_drift import OutputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import Case, Finding, Model, Rows, Scalar, Side, Verdict
from proxy.stats.reference.conditional import Answered, build_conditional
from proxy.stats.reference.profile import Profile, build_profile
from proxy.units import DAY_S, HOUR_S

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
                    made.rows(
                        {"prediction": list(rng.normal(shift, 1, 100))},
                        exchange_id=tick,
                        at_s=float(tick),
                        model=model,
                        side=Side.OUTPUT,
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
    monitor.observe(made.rows({"prediction": [9.0] * 500}))
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


# What belongs to each predicted class.

Columns = dict[str, list[Scalar]]


def rows_of(columns: Columns, model: Model, side: Side) -> Rows:
    """Give rows of these columns."""
    return made.rows(columns, model=model, side=side)


def answer(rng: np.random.Generator, n: int, *, swapped: bool = False) -> tuple[Columns, Columns]:
    """Give questions and the sign of their x; swapped, the other sign where |x| is large."""
    x = rng.normal(size=n)
    positive = (x > 0) ^ (swapped & (np.abs(x) > 1))
    return {"x": x.tolist()}, {"class": ["1" if one else "0" for one in positive]}


def certified_classes() -> Benchmark:
    """Give a benchmark of two such models."""
    rng = np.random.default_rng(4)
    inputs, outputs = answer(rng, 5000)
    profile, answers = (build_profile(one, rng, ordered=True) for one in (inputs, outputs))
    rows = Answered(
        inputs=inputs,
        outputs=outputs,
        input_columns=profile.columns,
        output_columns=answers.columns,
    )
    answers = structs.replace(answers, conditional=build_conditional(rows, ordered=True))
    return structs.replace(BENCHMARK, outputs={"candidate": answers, "stable": answers})


CLASSES = certified_classes()


def ask(monitor: OutputDrift, ticks: int, candidate: bool, stable: bool) -> list[Finding]:
    """Show 100 cases of each model per tick, with swapped answers or not."""
    rng = np.random.default_rng(ticks)
    findings = []
    for tick in range(ticks):
        for model, swapped in ((Model.CANDIDATE, candidate), (Model.STABLE, stable)):
            inputs, outputs = answer(rng, 100, swapped=swapped)
            output = rows_of(outputs, model, Side.OUTPUT)
            monitor.observe(output)
            monitor.observe(Case(input=rows_of(inputs, model, Side.INPUT), output=output))
        findings.append(monitor.judge(float(tick)))
    return findings


def test_a_model_that_changed_its_mind_about_a_part_is_found_within_the_classes() -> None:
    """Class shares stay as certified; the inputs within the classes do not, for the candidate."""
    last = ask(OutputDrift(SETTINGS, CLASSES, ENGINE), 20, candidate=True, stable=False)[-1]
    assert last.verdict is Verdict.BREACH
    assert last.shared is Verdict.OK
    assert last.subject.startswith("x | class = ")
    blind = OutputDrift(DriftSettings(max_conditional=0), CLASSES, ENGINE)
    assert ask(blind, 20, candidate=True, stable=False)[-1].verdict is Verdict.OK


def test_what_both_models_show_within_the_classes_is_shared() -> None:
    """When the stable model's classes hold other inputs, too, what comes in has changed."""
    last = ask(OutputDrift(SETTINGS, CLASSES, ENGINE), 20, candidate=True, stable=True)[-1]
    assert (last.verdict, last.shared) == (Verdict.BREACH, Verdict.BREACH)


def test_a_stable_model_whose_classes_were_not_measured_acquits_no_data() -> None:
    """Its columns are within tolerance, as the candidate's are: that says nothing about classes."""
    monitor = OutputDrift(SETTINGS, CLASSES, ENGINE)
    rng = np.random.default_rng(5)
    finding = monitor.judge(0.0)
    for tick in range(20):
        for model in Model:
            inputs, outputs = answer(rng, 100, swapped=True)
            output = rows_of(outputs, model, Side.OUTPUT)
            monitor.observe(output)
            if model is Model.CANDIDATE:
                monitor.observe(Case(input=rows_of(inputs, model, Side.INPUT), output=output))
        finding = monitor.judge(float(tick))
    assert (finding.verdict, finding.shared) == (Verdict.BREACH, Verdict.UNKNOWN)


def test_evidence_within_the_classes_is_saved_shown_and_reset() -> None:
    """A restart keeps the breach, the detail lists the streams, a reset forgets both."""
    monitor = OutputDrift(SETTINGS, CLASSES, ENGINE)
    ask(monitor, 20, candidate=True, stable=False)
    restored = OutputDrift(SETTINGS, CLASSES, ENGINE)
    assert restored.restore(monitor.snapshot())
    assert restored.judge(0.0).subject.startswith("x | class = ")
    detail = monitor.detail()["candidate"]
    assert isinstance(detail, dict)
    names = [stream["stream"] for stream in detail["streams"]]
    assert names[0] == "class"
    assert set(names[1:]) == {"x | class = 0", "x | class = 1"}
    assert detail["within_classes"]["evidence"] >= detail["within_classes"]["threshold"]
    monitor.reset()
    assert ask(monitor, 2, candidate=False, stable=False)[-1].verdict is Verdict.OK


def test_what_it_knows_of_the_candidate_can_be_explained() -> None:
    """Its blamed column with its bins; nothing without certified answers."""
    monitor = OutputDrift(SETTINGS, BENCHMARK, ENGINE)
    run(monitor, range(20), 2.0, 0.0)
    evidence = monitor.evidence()
    assert evidence is not None
    assert (evidence.columns[0].column.name, evidence.columns[0].blamed) == ("prediction", True)
    assert OutputDrift(SETTINGS, None, ENGINE).evidence() is None


def test_its_counts_can_be_added_up_over_replicas() -> None:
    """Both models' columns and those within classes are given by name, what waits included."""
    monitor = OutputDrift(SETTINGS, CLASSES, ENGINE)
    rng = np.random.default_rng(1)
    inputs, outputs = answer(rng, 100)
    output = rows_of(outputs, Model.STABLE, Side.OUTPUT)
    monitor.observe(output)
    monitor.observe(Case(input=rows_of(inputs, Model.STABLE, Side.INPUT), output=output))
    counted = {name: int(watch.pending.sum()) for name, watch in monitor.pooled().items()}
    assert counted == {
        "candidate": 0,
        "stable": 100,
        "candidate within classes": 0,
        "stable within classes": 100,
    }


def test_answers_that_follow_the_hour_do_not_alarm_when_their_times_were_certified() -> None:
    """Answers move by half a sd with the hour: quiet with the times, a breach without them."""
    hourly = Engine(tick_s=HOUR_S, utc_offset_s=HOUR_S / 2)

    def answers(start: int, days: int, seed: int) -> tuple[list[float], np.ndarray]:
        rng = np.random.default_rng(seed)
        times = start * DAY_S + np.arange(0, days * DAY_S, HOUR_S / 60)
        return times.tolist(), rng.normal(size=len(times)) + 0.7 * np.sin(2 * np.pi * times / DAY_S)

    def alarms(times_s: list[float] | None) -> int:
        rng = np.random.default_rng(1)
        columns: Columns = {"prediction": certified_values.tolist()}
        profile = build_profile(columns, rng, ordered=False, times_s=times_s)
        known = structs.replace(BENCHMARK, outputs={"candidate": profile})
        monitor = OutputDrift(SETTINGS, known, hourly)
        bad = 0
        for hour, values in enumerate(later.reshape(-1, 60)):
            monitor.observe(made.rows({"prediction": values.tolist()}, side=Side.OUTPUT))
            finding = monitor.judge(later_times[hour * 60] + HOUR_S - hourly.utc_offset_s)
            bad += finding.verdict is Verdict.BREACH
        return bad

    certified_times, certified_values = answers(0, 8, 1)
    later_times, later = answers(40, 6, 2)
    assert alarms(certified_times) == 0
    assert alarms(None) > 0
