"""Schema: columns that come and go, types that change, bodies that cannot be read."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.schema import Schema
from proxy.monitors.settings import SchemaSettings
from proxy.records import Finding, Model, Rows, Scalar, Side, Undecodable, Verdict
from proxy.stats.profile import build_profile

ENGINE = Engine(tick_s=1.0)
RNG = np.random.default_rng(1)
BENCHMARK = Benchmark(
    created_utc="2026-01-01T00:00:00Z",
    models={"candidate": "new"},
    input=build_profile(
        {"age": list(RNG.normal(size=2000)), "city": ["york", "bath"] * 1000}, RNG, ordered=False
    ),
)


def request(columns: dict[str, list[Scalar]]) -> Rows:
    """Give one request."""
    return Rows(
        exchange_id=1,
        at_s=0.0,
        model=Model.CANDIDATE,
        side=Side.INPUT,
        columns=tuple(columns),
        values=tuple(columns.values()),
        n=1,
    )


UNREADABLE = Undecodable(
    exchange_id=1, at_s=0.0, model=Model.CANDIDATE, side=Side.INPUT, reason="not_json", detail=""
)
GOOD = request({"age": [1.0], "city": ["york"]})
FAULTS: dict[str, Rows | Undecodable] = {
    "column missing": request({"city": ["york"]}),
    "column unknown": request({"age": [1.0], "city": ["york"], "new": [1]}),
    "value of wrong type": request({"age": ["1.0"], "city": ["york"]}),
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
    names = {"column missing": "age", "column unknown": "new", "value of wrong type": "age"}
    for form, column in names.items():
        finding = run(Schema(SchemaSettings(), BENCHMARK, ENGINE), range(10), FAULTS[form])[-1]
        assert f"{form} ({column})" in finding.reason


def test_names_are_bounded_and_fade() -> None:
    """A client that invents columns cannot fill the memory, and old names are forgotten."""
    monitor = Schema(SchemaSettings(max_new_columns=5), BENCHMARK, ENGINE)
    for number in range(100):
        monitor.observe(request({"age": [1.0], "city": ["york"], f"c{number}": [1]}))
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
    ):
        assert run(unsure, range(3), UNREADABLE)[-1].verdict is Verdict.UNKNOWN
        assert not unsure.restore(unsure.snapshot())
        assert "reason" in unsure.detail()
        unsure.reset()
