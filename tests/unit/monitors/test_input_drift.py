"""Input drift: a real shift is found, named, confirmed and recovered from; the null is quiet."""

from __future__ import annotations

import math

import numpy as np
import pytest

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import Finding, Scalar, Side, Verdict
from proxy.stats.reference.profile import build_profile

ENGINE = Engine(tick_s=1.0)
SETTINGS = DriftSettings(unmeasured_design_effect=1.0)
COLUMNS = ("age", "income", "city", "member")


def draw(rng: np.random.Generator, n: int) -> dict[str, list[Scalar]]:
    """Give rows as certified."""
    return {
        "age": [float(x) for x in rng.normal(40, 10, n)],
        "income": [float(x) if x > 0.1 else None for x in rng.gamma(2.0, 1.0, n)],
        "city": [str(x) for x in rng.choice(["york", "bath", "hull"], n, p=[0.6, 0.3, 0.1])],
        "member": [bool(x) for x in rng.random(n) < 0.3],
    }


def certified() -> Benchmark:
    """Give a benchmark of 10,000 rows."""
    rng = np.random.default_rng(3)
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new"},
        input=build_profile(draw(rng, 10_000), rng, ordered=False),
    )


BENCHMARK = certified()


def fault(name: str, values: dict[str, list[Scalar]]) -> dict[str, list[Scalar]]:
    """Damage rows in one way."""
    n = len(values["age"])
    match name:
        case "shifted":
            values["age"] = [float(x) + 5 for x in values["age"] if x is not None]
        case "text":
            values["age"] = [str(x) for x in values["age"]]
        case "infinite":
            values["age"] = [math.inf] * n
        case "missing":
            del values["income"]
        case "nan":
            values["age"] = [math.nan] * n
        case "new city":
            values["city"] = ["leeds" if i % 5 == 0 else x for i, x in enumerate(values["city"])]
        case "lost city":
            values["city"] = ["bath" if x == "hull" else x for x in values["city"]]
        case "containers":
            values["age"] = [[1.0]] * n
        case "huge":
            values["age"] = [10**400] * n
        case _:
            values |= {"extra": [1] * n}
    return values


def run(monitor: InputDrift, ticks: range, damage: str = "") -> list[Finding]:
    """Show 200 rows per tick in requests of 20."""
    rng = np.random.default_rng(ticks.start)
    findings = []
    for tick in ticks:
        for _ in range(10):
            values = draw(rng, 20)
            monitor.observe(made.rows(fault(damage, values) if damage else values))
        findings.append(monitor.judge(float(tick)))
    return findings


def test_unchanged_rows_are_quiet() -> None:
    """Rows as certified stay within tolerance, with next to no evidence."""
    findings = run(InputDrift(SETTINGS, BENCHMARK, ENGINE), range(200))
    assert {finding.verdict for finding in findings} == {Verdict.OK}
    assert max(finding.evidence for finding in findings) < findings[0].threshold / 2


@pytest.mark.parametrize(
    ("damage", "column"),
    [
        ("shifted", "age"),
        ("text", "age"),
        ("infinite", "age"),
        ("nan", "age"),
        ("containers", "age"),
        ("huge", "age"),
        ("missing", "income"),
        ("new city", "city"),
        ("lost city", "city"),
    ],
)
def test_every_fault_is_found_named_and_recovered_from(damage: str, column: str) -> None:
    """Each fault breaches within a few ticks, blames its column alone, is confirmed, and ends."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    run(monitor, range(20))
    bad = run(monitor, range(20, 60), damage)
    first = next(i for i, finding in enumerate(bad) if finding.verdict is Verdict.BREACH)
    assert 2 <= first <= 8
    last = bad[-1]
    assert last.subject == column
    assert {blame.subject for blame in last.blamed} == {column}
    assert last.shared is Verdict.BREACH
    assert last.confirmation > math.log(100)
    assert last.since_s is not None
    assert 16 <= last.since_s <= 22
    good = run(monitor, range(60, 90))
    assert good[-1].verdict is Verdict.OK
    assert sum(finding.verdict is Verdict.BREACH for finding in good) <= 16


def test_effect_is_in_units_people_know() -> None:
    """A shift of half a standard deviation is reported as such, with the medians."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    finding = run(monitor, range(30), "shifted")[-1]
    assert finding.unit == "sd"
    assert finding.effect == pytest.approx(0.5, abs=0.06)
    assert finding.interval is not None
    assert finding.interval[0] < 0.5 < finding.interval[1]
    assert "median 40" in finding.reason
    assert "-> 45" in finding.reason


def test_one_bad_tick_never_breaches() -> None:
    """A single tick, however bad, stays below the threshold."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    run(monitor, range(10))
    findings = [*run(monitor, range(10, 11), "text"), *run(monitor, range(11, 60))]
    assert {finding.verdict for finding in findings} == {Verdict.OK}


def test_shift_below_the_tolerance_never_breaches() -> None:
    """With a tolerance of one standard deviation half of it is forgiven."""
    settings = DriftSettings(tolerance=1.0, unmeasured_design_effect=1.0)
    findings = run(InputDrift(settings, BENCHMARK, ENGINE), range(100), "shifted")
    assert Verdict.BREACH not in {finding.verdict for finding in findings}


def test_ignored_columns_are_not_watched() -> None:
    """A fault in an ignored column does not exist."""
    settings = DriftSettings(ignore=("age",), unmeasured_design_effect=1.0)
    findings = run(InputDrift(settings, BENCHMARK, ENGINE), range(20), "text")
    assert {finding.verdict for finding in findings} == {Verdict.OK}


def test_new_columns_are_ignored_here() -> None:
    """A column that was not certified is not drift."""
    findings = run(InputDrift(SETTINGS, BENCHMARK, ENGINE), range(20), "extra column")
    assert {finding.verdict for finding in findings} == {Verdict.OK}


def test_foreign_rows_are_a_misfit_and_not_drift() -> None:
    """Rows with none of the certified columns mean that the benchmark is the wrong one."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    for tick in range(10):
        monitor.observe(made.rows({"x0": [1.0] * 100, "x1": [2.0] * 100}))
        finding = monitor.judge(float(tick))
    assert finding.verdict is Verdict.UNKNOWN
    assert "benchmark" in finding.reason


def test_outputs_are_not_counted() -> None:
    """Output rows are no input, even with the same columns."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    monitor.observe(made.rows(draw(np.random.default_rng(1), 500), side=Side.OUTPUT))
    assert monitor.judge(1.0).n_current == 0


def test_silence_becomes_unknown_but_keeps_a_breach() -> None:
    """Without rows "within tolerance" is not said any more; a breach stays one."""
    quiet = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    broken = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    run(quiet, range(5))
    run(broken, range(10), "text")
    for tick in range(10, 30):
        verdicts = quiet.judge(float(tick)).verdict, broken.judge(float(tick)).verdict
    assert verdicts == (Verdict.UNKNOWN, Verdict.BREACH)


def test_large_batches_are_thinned() -> None:
    """One request cannot speak for the whole traffic."""
    settings = DriftSettings(max_rows_per_exchange=10)
    monitor = InputDrift(settings, BENCHMARK, ENGINE)
    monitor.observe(made.rows(draw(np.random.default_rng(1), 5000)))
    assert monitor.judge(1.0).n_current == 10


def test_snapshot_goes_on() -> None:
    """A restored monitor has the same evidence; another benchmark's snapshot is refused."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    run(monitor, range(10), "shifted")
    fresh = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    assert fresh.restore(monitor.snapshot())
    ours, theirs = (run(m, range(10, 11), "shifted")[0] for m in (monitor, fresh))
    assert theirs.verdict is Verdict.BREACH
    assert theirs.evidence == pytest.approx(ours.evidence)
    assert theirs.confirmation == pytest.approx(ours.confirmation)
    other = InputDrift(DriftSettings(tolerance=0.3), BENCHMARK, ENGINE)
    assert not other.restore(monitor.snapshot())
    assert not other.restore(b"")


def test_reset_forgets_the_breach() -> None:
    """After a reset unchanged rows are within tolerance at once."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    run(monitor, range(10), "text")
    monitor.reset()
    assert run(monitor, range(10, 11))[0].verdict is Verdict.OK


def test_detail_compares_the_histograms() -> None:
    """The detail gives each column with its effect and both histograms."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    run(monitor, range(20))
    streams = monitor.detail()["streams"]
    assert isinstance(streams, list)
    assert [stream["stream"] for stream in streams][: len(COLUMNS)] == list(COLUMNS)
    for stream in streams:
        histogram = stream["histogram"]
        assert sum(histogram["reference"]) == pytest.approx(1.0, abs=0.01)
        assert sum(histogram["current"]) == pytest.approx(1.0, abs=0.01)
        assert len(histogram["bins"]) == len(histogram["current"])


def test_without_benchmark_or_when_switched_off_nothing_is_known() -> None:
    """Unknown, with the reason, and snapshots that fit nothing."""
    without = InputDrift(SETTINGS, None, ENGINE)
    off = InputDrift(DriftSettings(enabled=False), BENCHMARK, ENGINE)
    for monitor, word in ((without, "certified"), (off, "off")):
        monitor.observe(made.rows({"age": [1.0]}))
        finding = monitor.judge(1.0)
        assert finding.verdict is Verdict.UNKNOWN
        assert word in finding.reason
        assert monitor.snapshot() == b""
        assert not monitor.restore(b"")
        assert "reason" in monitor.detail()
        monitor.reset()


ODD_REFERENCES: dict[str, list[Scalar]] = {
    "constant": [7.0] * 3000,
    "all missing": [None] * 3000,
    "one row": [1.5],
    "infinities": [math.inf, -math.inf, 1.0] * 1000,
    "changes type": [1.0] * 1500 + ["one"] * 1500,
    "a category per row": [f"id-{i}" for i in range(3000)],
    "rising timestamps": [1.6e9 + i for i in range(3000)],
    "falling timestamps": [1.6e9 - i for i in range(3000)],
    "huge": [1e300, -1e300, 1e-300] * 1000,
    "rare value": [0.0] * 2999 + [1.0],
}


@pytest.mark.parametrize("name", ODD_REFERENCES)
@pytest.mark.parametrize("ordered", [False, True])
def test_odd_references_neither_crash_nor_alarm(name: str, *, ordered: bool) -> None:
    """Whatever was certified, the same rows again in any order are no drift."""
    values = ODD_REFERENCES[name]
    rng = np.random.default_rng(1)
    certified = Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={},
        input=build_profile({"odd": values}, rng, ordered=ordered),
    )
    monitor = InputDrift(SETTINGS, certified, ENGINE)
    for tick in range(100):
        again = [values[int(i)] for i in rng.integers(0, len(values), 50)]
        monitor.observe(made.rows({"odd": again}))
        assert monitor.judge(float(tick)).verdict is not Verdict.BREACH
    monitor.detail()


def test_thousands_of_columns_are_watched_up_to_the_bound() -> None:
    """Ten thousand columns are no crash; the bound keeps the heaviest thousand."""
    rng = np.random.default_rng(1)
    wide: dict[str, list[Scalar]] = {f"c{i}": [1.0, 2.0, 3.0, 4.0] for i in range(10_000)}
    certified = Benchmark(created_utc="", models={}, input=build_profile(wide, rng, ordered=False))
    monitor = InputDrift(SETTINGS, certified, ENGINE)
    for tick in range(3):
        monitor.observe(made.rows(dict(wide)))
        finding = monitor.judge(float(tick))
    assert finding.verdict is Verdict.UNKNOWN
    streams = monitor.detail()["streams"]
    assert isinstance(streams, list)
    assert len(streams) == 1000


def test_what_it_knows_can_be_explained() -> None:
    """The blamed column first, with its bins; nothing without a reference."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    rng = np.random.default_rng(12)
    for tick in range(10):
        monitor.observe(
            made.rows(draw(rng, 100) | {"age": [float(x) for x in rng.normal(80, 5, 100)]})
        )
        monitor.judge(float(tick))
    evidence = monitor.evidence()
    assert evidence is not None
    assert (evidence.columns[0].column.name, evidence.columns[0].blamed) == ("age", True)
    assert {profile.name for profile in evidence.profiles} == set(COLUMNS)
    assert InputDrift(SETTINGS, None, ENGINE).evidence() is None


def test_the_hour_is_that_of_utc_and_follows_a_clock_that_is_set_anew() -> None:
    """What is certified for six o'clock is no drift at six; a step of minutes changes nothing."""
    rng = np.random.default_rng(6)
    times = np.arange(0, 6 * 86_400, 60.0)
    wave = np.sin(2 * np.pi * times / 86_400) + rng.normal(size=len(times))
    profile = build_profile({"x": wave.tolist()}, rng, ordered=True, times_s=times.tolist())
    certified = Benchmark(created_utc="", models={}, input=profile)

    def verdicts(hour: float, step_s: float = 0.0) -> list[Verdict]:
        engine = Engine(tick_s=60.0, utc_offset_s=3600.0 * hour)
        monitor = InputDrift(DriftSettings(), certified, engine)
        found = []
        for number in range(30):
            engine.utc_offset_s += step_s
            values = [*(1 + rng.normal(size=100))]
            monitor.observe(made.rows({"x": values}))
            found.append(monitor.judge(60.0 * (number + 1)).verdict)
        return found

    assert verdicts(5.75)[-1] is Verdict.OK
    assert verdicts(6.75, step_s=-90.0)[-1] is Verdict.OK
    assert verdicts(17.75)[-1] is Verdict.BREACH


def test_its_counts_can_be_added_up_over_replicas() -> None:
    """What waits is counted before it is given; without a reference there is nothing to give."""
    monitor = InputDrift(SETTINGS, BENCHMARK, ENGINE)
    monitor.observe(made.rows(draw(np.random.default_rng(1), 7)))
    (watch,) = monitor.pooled().values()
    assert watch.pending.sum() == 7 * len(watch.streams)
    assert InputDrift(SETTINGS, None, ENGINE).pooled() == {}
