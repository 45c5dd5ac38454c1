"""Schema: columns that come and go, types that change, bodies that cannot be read."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.schema import Schema
from proxy.monitors.settings import SchemaSettings
from proxy.payload.schema import infer
from proxy.records import Finding, Model, Rows, Scalar, Side, Undecodable, Verdict
from proxy.stats.reference.profile import build_profile

ENGINE = Engine(tick_s=1.0)
RNG = np.random.default_rng(1)
COLUMNS: dict[str, list[Scalar]] = {
    "age": RNG.normal(size=2000).tolist(),
    "city": ["york", "bath"] * 1000,
    "note": [None, 1.0, 1.0, 1.0] * 500,
    "v[0]": [0.5] * 2000,
    "v[1]": [0.5] * 2000,
}
BENCHMARK = Benchmark(
    created_utc="2026-01-01T00:00:00Z",
    models={"candidate": "new"},
    input=build_profile(COLUMNS, RNG, ordered=False),
    schema=infer(Side.INPUT, COLUMNS, []),
)
ANSWERS: dict[str, list[Scalar]] = {
    "class": ["setosa", "virginica"] * 1000,
    "size": RNG.normal(size=2000).tolist(),
    "rank": [None, *[2.5] * 7] * 250,
}


def request(changes: dict[str, list[Scalar] | None] | None = None, n: int = 1) -> Rows:
    """Give one request of `n` rows with other columns; `None` leaves a column out."""
    good: dict[str, list[Scalar]] = {
        "age": [1.0], "city": ["york"], "note": [1.0], "v[0]": [0.5], "v[1]": [0.5],
    }  # fmt: skip
    given = {name: cells * n for name, cells in good.items()} | (changes or {})
    columns = {name: cells for name, cells in given.items() if cells is not None}
    return made.rows(columns)


def answer(
    model: Model = Model.CANDIDATE, changes: dict[str, list[Scalar] | None] | None = None
) -> Rows:
    """Give one answer of one row with other columns; `None` leaves a column out."""
    good: dict[str, list[Scalar] | None] = {"class": ["setosa"], "size": [0.5], "rank": [2.5]}
    given = {name: cells for name, cells in (good | (changes or {})).items() if cells is not None}
    return made.rows(given, model=model, side=Side.OUTPUT)


CERTIFIED_ANSWERS = infer(
    Side.OUTPUT,
    {},
    [answer(changes={name: [cells[at]] for name, cells in ANSWERS.items()}) for at in range(2000)],
)
assert CERTIFIED_ANSWERS is not None
BOTH = replace(
    BENCHMARK,
    outputs={name: build_profile(ANSWERS, RNG, ordered=False) for name in ("candidate", "stable")},
    output_schemas={"candidate": CERTIFIED_ANSWERS, "stable": CERTIFIED_ANSWERS},
)

UNREADABLE = Undecodable(
    exchange_id=1, at_s=0.0, model=Model.CANDIDATE, side=Side.INPUT, reason="not_json", detail=""
)
GOOD = request()
NO_NOTE = request({"note": [None]})
FAULTS: dict[str, Rows | Undecodable] = {
    "column missing": request({"age": None}),
    "column unknown": request({"new": [1]}),
    "wrong width": request({"v[2]": [0.5]}),
    "value of wrong type": request({"age": ["1.0"]}),
    "value out of range": request({"age": [1000.0]}),
    "new category": request({"city": ["(other)"]}),
    "value missing": request({"age": [None]}),
    "body unreadable": UNREADABLE,
}


def run(monitor: Schema, ticks: range, bad: Rows | Undecodable | None = None) -> list[Finding]:
    """Show 50 requests per tick; every other one is `bad`."""
    findings = []
    for tick in ticks:
        for number in range(50):
            monitor.observe(bad if bad is not None and number % 2 else GOOD)
        findings.append(monitor.judge(float(tick)))
    return findings


def test_certified_form_is_quiet() -> None:
    """Requests as certified are OK once there are enough."""
    findings = run(Schema(SchemaSettings(), BENCHMARK, ENGINE), range(100))
    assert [finding.verdict for finding in findings[:2]] == [Verdict.UNKNOWN, Verdict.OK]
    assert {finding.verdict for finding in findings[1:]} == {Verdict.OK}


@pytest.mark.parametrize("form", FAULTS)
def test_each_change_of_form_is_found_named_and_recovered_from(form: str) -> None:
    """Half of the requests malformed: a breach in few ticks, the form named, over afterwards."""
    monitor = Schema(SchemaSettings(), BENCHMARK, ENGINE)
    run(monitor, range(10))
    bad = run(monitor, range(10, 20), FAULTS[form])
    first = next(i for i, finding in enumerate(bad) if finding.verdict is Verdict.BREACH)
    assert 2 <= first <= 5
    assert bad[-1].subject == form
    assert bad[-1].shared is Verdict.BREACH
    good = run(monitor, range(20, 45))
    assert good[-1].verdict is Verdict.OK


def test_the_columns_are_named() -> None:
    """People are told which column is missing, new, or of another type."""
    names = {
        "column missing": "age",
        "column unknown": "new",
        "wrong width": "v",
        "value of wrong type": "age",
        "value out of range": "age",
        "new category": "city",
        "value missing": "age",
        "body unreadable": "not_json",
    }
    for form, column in names.items():
        finding = run(Schema(SchemaSettings(), BENCHMARK, ENGINE), range(10), FAULTS[form])[-1]
        assert f"{form} ({column})" in finding.reason


def test_a_column_that_is_missing_more_often_than_certified_is_found() -> None:
    """A quarter of the values was certified to be missing, and now half of them is."""
    finding = run(Schema(SchemaSettings(), BENCHMARK, ENGINE), range(60), NO_NOTE)[-1]
    assert (finding.verdict, finding.subject) == (Verdict.BREACH, "null rate of note")
    assert "null rate of note: 50.00% of its values" in finding.reason


def test_a_batch_counts_as_one_request_with_the_part_of_its_rows() -> None:
    """One bad row of fifty in every second request is one in a hundred, not every second."""
    few = request({"age": [None] + [1.0] * 49}, n=50)
    findings = run(Schema(SchemaSettings(), BENCHMARK, ENGINE), range(40), few)
    assert findings[-1].verdict is Verdict.OK
    many = request({"age": [None] * 25 + [1.0] * 25}, n=50)
    findings = run(Schema(SchemaSettings(), BENCHMARK, ENGINE), range(40), many)
    assert findings[-1].verdict is Verdict.BREACH
    assert findings[-1].subject == "value missing"


def test_what_was_certified_to_occur_is_quiet() -> None:
    """A null rate as certified, and rare categories as often as certified, are no news."""
    columns = {**COLUMNS, "city": ["york"] * 1900 + [f"c{n}" for n in range(100)]}
    certified = replace(BENCHMARK, schema=infer(Side.INPUT, columns, []))
    monitor = Schema(SchemaSettings(), certified, ENGINE)
    rng = np.random.default_rng(3)
    for tick in range(200):
        for _ in range(50):
            rare: dict[str, list[Scalar] | None] = {"city": ["(other)"]}
            nothing: dict[str, list[Scalar] | None] = {"note": [None]}
            both = (rare if rng.random() < 0.05 else {}) | (nothing if rng.random() < 0.25 else {})
            monitor.observe(request(both))
        assert monitor.judge(float(tick)).verdict is not Verdict.BREACH


def test_names_are_bounded_and_fade() -> None:
    """A client that invents columns cannot fill the memory, and old names are forgotten."""
    monitor = Schema(SchemaSettings(max_new_columns=5), BENCHMARK, ENGINE)
    for number in range(100):
        monitor.observe(request({f"c{number}": [1]}))
    names = monitor.detail()["names"]
    assert isinstance(names, dict)
    assert len(names["column unknown"]) == 5
    run(monitor, range(200))
    assert monitor.detail()["names"]["column unknown"] == []


def test_what_exceeds_our_own_limits_is_not_the_clients_fault() -> None:
    """A body that was cut off by the capture limit says nothing about its form."""
    cut = Undecodable(
        exchange_id=1, at_s=0.0, model=Model.STABLE, side=Side.INPUT, reason="truncated", detail=""
    )
    findings = run(Schema(SchemaSettings(), BENCHMARK, ENGINE), range(20), cut)
    assert findings[-1].verdict is Verdict.OK


BROKEN_ANSWERS: dict[str, tuple[dict[str, list[Scalar] | None], str]] = {
    "output: column missing": ({"size": None}, "size"),
    "output: column unknown": ({"debug": [1]}, "debug"),
    "output: value of wrong type": ({"size": ["0.5"]}, "size"),
    "output: new category": ({"class": ["(other)"]}, "class"),
    "output: value missing": ({"size": [None]}, "size"),
    "output: null rate of rank": ({"rank": [None]}, "rank"),
}
NO_CLASS = answer(changes={"class": None})


def run_answers(
    monitor: Schema, ticks: range, candidate: Rows, stable: Rows | None = None
) -> list[Finding]:
    """Show 50 requests per tick with the candidate's answers, and as many of the stable's."""
    findings = []
    for tick in ticks:
        for _ in range(50):
            monitor.observe(GOOD)
            monitor.observe(candidate)
            if stable is not None:
                monitor.observe(stable)
        findings.append(monitor.judge(float(tick)))
    return findings


@pytest.mark.parametrize("form", BROKEN_ANSWERS)
def test_a_break_of_the_candidates_answers_names_side_and_column(form: str) -> None:
    """The candidate is alone with it while the stable's answers keep their form; then it ends."""
    changes, column = BROKEN_ANSWERS[form]
    monitor = Schema(SchemaSettings(), BOTH, ENGINE)
    good, stable = answer(), answer(Model.STABLE)
    assert run_answers(monitor, range(10), good, stable)[-1].verdict is Verdict.OK
    bad = run_answers(monitor, range(10, 20), answer(changes=changes), stable)[-1]
    assert (bad.verdict, bad.subject) == (Verdict.BREACH, f"output: {column}")
    assert [one.subject for one in bad.blamed] == [form]
    assert form in bad.reason
    assert bad.shared is Verdict.OK
    after = run_answers(monitor, range(20, 50), good, stable)[-1]
    assert (after.verdict, after.shared) == (Verdict.OK, Verdict.OK)


def test_a_break_of_both_models_answers_is_shared() -> None:
    """What both do was asked of both, or changed below both."""
    monitor = Schema(SchemaSettings(), BOTH, ENGINE)
    stable = answer(Model.STABLE, {"class": None})
    bad = run_answers(monitor, range(20), NO_CLASS, stable)[-1]
    assert (bad.verdict, bad.subject, bad.shared) == (
        Verdict.BREACH, "output: class", Verdict.BREACH,
    )  # fmt: skip


def test_without_the_stables_answers_nobody_is_told_alone() -> None:
    """No copy was answered, or its form was never certified."""
    alone = replace(BOTH, output_schemas={"candidate": BOTH.output_schemas["candidate"]})
    for certified in (BOTH, alone):
        bad = run_answers(Schema(SchemaSettings(), certified, ENGINE), range(20), NO_CLASS)[-1]
        assert (bad.verdict, bad.shared) == (Verdict.BREACH, Verdict.UNKNOWN)


def test_the_stables_own_break_is_not_held_against_the_candidate() -> None:
    """It is seen, and raises no alarm: nothing is served by it."""
    monitor = Schema(SchemaSettings(), BOTH, ENGINE)
    found = run_answers(monitor, range(20), answer(), answer(Model.STABLE, {"class": None}))[-1]
    assert found.verdict is Verdict.OK
    assert "stable output: column missing" in str(monitor.detail()["stable"])


def test_a_break_of_requests_beside_that_of_answers_is_shared() -> None:
    """Answers to malformed requests are nobody's fault here."""
    monitor = Schema(SchemaSettings(), BOTH, ENGINE)
    for tick in range(20):
        for _ in range(50):
            monitor.observe(FAULTS["column missing"])
            monitor.observe(NO_CLASS)
            monitor.observe(answer(Model.STABLE))
        found = monitor.judge(float(tick))
    assert (found.verdict, found.shared) == (Verdict.BREACH, Verdict.BREACH)
    assert {one.subject for one in found.blamed} == {"column missing", "output: column missing"}


def test_answers_that_cannot_be_read_are_broken_as_often_as_certified() -> None:
    """None was certified: an alarm that says why. Half were: no news."""
    unreadable = replace(UNREADABLE, side=Side.OUTPUT, reason="not_json")
    monitor = Schema(SchemaSettings(), BOTH, ENGINE)
    half = replace(BOTH.output_schemas["candidate"], unreadable=0.5)
    tolerant = Schema(SchemaSettings(), replace(BOTH, output_schemas={"candidate": half}), ENGINE)
    for tick in range(30):
        for one in (unreadable, answer()) * 25:
            monitor.observe(one)
            tolerant.observe(one)
        found, tolerated = monitor.judge(float(tick)), tolerant.judge(float(tick))
    assert (found.verdict, found.subject) == (Verdict.BREACH, "output: not_json")
    assert tolerated.verdict is Verdict.OK


def test_a_break_of_answers_survives_a_restart() -> None:
    """With what is known of the stable's."""
    monitor = Schema(SchemaSettings(), BOTH, ENGINE)
    run_answers(monitor, range(20), NO_CLASS, answer(Model.STABLE))
    fresh = Schema(SchemaSettings(), BOTH, ENGINE)
    assert fresh.restore(monitor.snapshot())
    found = run_answers(fresh, range(20, 26), NO_CLASS, answer(Model.STABLE))[-1]
    assert (found.verdict, found.subject, found.shared) == (
        Verdict.BREACH, "output: class", Verdict.OK,
    )  # fmt: skip
    assert not Schema(SchemaSettings(), BENCHMARK, ENGINE).restore(monitor.snapshot())
    assert not fresh.restore(b"damaged")


def test_answers_are_watched_without_a_schema_of_requests() -> None:
    """Requests that nobody can read do not hide what is answered."""
    only = replace(BOTH, schema=None)
    found = run_answers(Schema(SchemaSettings(), only, ENGINE), range(20), NO_CLASS)[-1]
    assert (found.verdict, found.subject) == (Verdict.BREACH, "output: class")


def test_evidence_about_another_form_is_not_taken_over() -> None:
    """The same kinds of breaks are counted, but against other ranges and categories."""
    monitor = Schema(SchemaSettings(), BENCHMARK, ENGINE)
    run(monitor, range(3), UNREADABLE)
    columns = {**COLUMNS, "age": [float(value) for value in range(2000)]}
    other = replace(BENCHMARK, schema=infer(Side.INPUT, columns, []))
    assert not Schema(SchemaSettings(), other, ENGINE).restore(monitor.snapshot())


def test_snapshot_reset_and_unknown() -> None:
    """A breach survives a restart; a reset forgets it; without a certificate all is unknown."""
    monitor = Schema(SchemaSettings(), BENCHMARK, ENGINE)
    run(monitor, range(10), UNREADABLE)
    fresh = Schema(SchemaSettings(), BENCHMARK, ENGINE)
    assert fresh.restore(monitor.snapshot())
    assert run(fresh, range(10, 11), UNREADABLE)[-1].verdict is Verdict.BREACH
    monitor.reset()
    assert run(monitor, range(10, 14))[-1].verdict is Verdict.OK
    for unsure in (
        Schema(SchemaSettings(enabled=False), BENCHMARK, ENGINE),
        Schema(SchemaSettings(), None, ENGINE),
        Schema(SchemaSettings(), replace(BENCHMARK, schema=None), ENGINE),
    ):
        assert run(unsure, range(3), UNREADABLE)[-1].verdict is Verdict.UNKNOWN
        assert not unsure.restore(unsure.snapshot())
        assert "reason" in unsure.detail()
        unsure.reset()
