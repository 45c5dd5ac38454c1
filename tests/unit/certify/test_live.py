"""A benchmark of live traffic: everything that was seen, and a warning about what it is worth."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

import made
from proxy.benchmark import dump, load
from proxy.certify.certify import Silence
from proxy.certify.files import CertifyError
from proxy.certify.live import Lately, certify_lately
from proxy.monitors.settings import DriftSettings, Monitors
from proxy.payload.learning import Learned
from proxy.records import Model, Rows, Scalar, Side

N = 1500


def body(
    number: int, side: Side, columns: dict[str, list[Scalar]], model: Model = Model.CANDIDATE
) -> Rows:
    """Give the rows of one side of one exchange; the stable model got a copy."""
    return made.rows(
        columns,
        exchange_id=number if model is Model.CANDIDATE else 10_000 + number,
        at_s=float(number),
        model=model,
        side=side,
        pair_id=number if model is Model.STABLE else None,
    )


def lately(n: int = N) -> Lately:
    """Give what was collected of `n` requests, every third of which was mirrored."""
    rng = np.random.default_rng(0)
    bodies: list[Rows] = []
    for i in range(n):
        x = float(rng.normal())
        secret: Scalar = "rare" if i == 3 else "york"
        bodies.append(body(i, Side.INPUT, {"x": [x], "city": [secret]}))
        bodies.append(body(i, Side.OUTPUT, {"p": [x / 2]}))
        if i % 3 == 0:
            bodies.append(body(i, Side.OUTPUT, {"p": [x / 2 + 0.01]}, Model.STABLE))
    timings = [(float(rng.lognormal(-3, 0.1)), 1, 80) for _ in range(n)]
    return Lately(
        bodies=bodies,
        timings={"candidate": timings, "stable": timings[:5]},
        answers={"candidate": n, "stable": 5},
        failed={"candidate": {"server": 2}},
        names={"candidate": "churn-2"},
        utc_offset_s=1.7e9,
    )


def test_everything_that_was_seen_is_certified() -> None:
    """Inputs, answers of both models, agreement, latency, failures; a file that can be read."""
    found = certify_lately(lately(), Silence(), np.random.default_rng(0))
    assert load(dump(found)) == found
    assert (found.input.n, found.input.ordered) == (N, True)
    assert {model: profile.n for model, profile in found.outputs.items()} == {
        "candidate": N,
        "stable": N // 3,
    }
    assert found.agreement is not None
    assert found.agreement.n == N // 3
    assert set(found.latency) == {"candidate"}
    assert found.errors["candidate"].failed == {"server": 2}
    assert found.self_test is not None
    assert found.sample is not None
    assert found.models == {"candidate": "churn-2"}
    assert len(found.sha256["reference"]) == 64


def test_the_certificate_says_what_it_is_worth() -> None:
    """It certifies today, capacity is not known, and rare strings do not enter."""
    found = certify_lately(lately(), Silence(), np.random.default_rng(0))
    told = " ".join(found.warnings)
    assert "1,500 rows of live traffic in 25.0 minutes" in told
    assert "not that this is right" in told
    assert "latency of: stable" in told
    assert "Capacity was not measured" in told
    assert "quality is not certified" in told
    assert "taught" not in told
    assert b"rare" not in dump(found).replace(b"rarely", b"")


def signs(n: int) -> list[Rows]:
    """Give questions and classes of both models; the stable model is asked every second time."""
    rng = np.random.default_rng(2)
    bodies: list[Rows] = []
    for i in range(n):
        x = float(rng.normal())
        answer: dict[str, list[Scalar]] = {"class": ["up" if x > 0 else "down"]}
        bodies.append(body(i, Side.OUTPUT, answer))
        bodies.append(body(i, Side.INPUT, {"x": [x]}))
        if i % 2 == 0:
            bodies.append(body(i, Side.OUTPUT, answer, Model.STABLE))
    return bodies


def test_what_belongs_to_each_class_is_certified_of_both_models() -> None:
    """Questions meet answers by exchange, those of a shadow by what it copies."""
    found = certify_lately(Lately(bodies=signs(N)), Silence(), np.random.default_rng(0))
    for model, n in (("candidate", N), ("stable", N // 2)):
        within = found.outputs[model].conditional
        assert within is not None
        by_name = {stream.profile.name: stream.profile for stream in within.streams}
        assert set(by_name) == {"x | class = up", "x | class = down"}
        assert sum(one.n for one in by_name.values()) == n
        assert min(by_name["x | class = up"].edges) > 0 > max(by_name["x | class = down"].edges)
    assert load(dump(found)) == found


def test_what_was_learned_and_what_was_lost_is_certified() -> None:
    """Words stand in the file; bodies that could not be read are as frequent as they were."""
    learned = Learned(text_columns=("t",), vocabularies={"t": (1, 2)})
    rows = signs(N)
    unread = {"input": N, "candidate": N // 4}
    one = Lately(bodies=rows, learned=learned, n_taught=250, unread=unread)
    found = certify_lately(one, Silence(), np.random.default_rng(0))
    assert found.learned == learned
    assert found.schema is not None
    assert found.schema.unreadable == pytest.approx(0.5)
    assert found.output_schemas["candidate"].unreadable == pytest.approx(0.2)
    assert found.output_schemas["stable"].unreadable == 0
    told = " ".join(found.warnings)
    assert "250 exchanges taught the words" in told
    assert "375 answers of the candidate model could not be read" in told
    assert set(found.sha256) == {"reference", "candidate", "stable"}


def test_the_self_test_uses_the_settings_that_will_watch() -> None:
    """A column that is not watched is not promised to be seen."""
    monitors = Monitors(tick_s=20.0, input=DriftSettings(ignore=("city",)))
    columns = [body(i, Side.INPUT, {"x": [float(i)], "city": ["york"]}) for i in range(N)]
    one = Lately(bodies=columns, monitors=monitors, expected_run_length_s=2e6)
    found = certify_lately(one, Silence(), np.random.default_rng(0))
    assert found.self_test is not None
    assert found.self_test.replayed is not None
    assert found.self_test.replayed.budget_ticks == pytest.approx(1e5)
    assert {one.column for one in found.self_test.detectable} == {"x"}


def test_traffic_that_cannot_be_read_is_no_reference() -> None:
    """The way out stands in the message."""
    only_answers = Lately(bodies=[body(1, Side.OUTPUT, {"p": [1.0]})])
    with pytest.raises(CertifyError, match="no input row was read"):
        certify_lately(only_answers, Silence(), np.random.default_rng(0))


def test_answers_that_follow_the_hour_are_certified_by_it() -> None:
    """Four days of traffic: inputs and answers have a season; their times were seen."""
    rng = np.random.default_rng(1)
    bodies: list[Rows] = []
    for i in range(4 * 24 * 12):
        x = float(rng.normal(size=1)[0] + np.sin(2 * np.pi * i / 288))
        for side, name in ((Side.INPUT, "x"), (Side.OUTPUT, "p")):
            one = body(i, side, {name: [x, x + float(rng.normal())]})
            bodies.append(structs.replace(one, at_s=300.0 * i))
    found = certify_lately(Lately(bodies=bodies), Silence(), np.random.default_rng(0))
    seasons = found.outputs["candidate"].seasons
    assert found.input.seasons is not None
    assert seasons is not None
    assert [one.name for one in seasons.columns] == ["p"]


@pytest.mark.parametrize(("weight", "clocks"), [(1.0, ["hour"]), (3.0, [])])
def test_hours_that_were_sampled_more_thinly_make_no_clock(
    weight: float, clocks: list[str]
) -> None:
    """A clock is judged by how busy hours are, which such samples do not show."""
    rng = np.random.default_rng(2)
    bodies: list[Rows] = []
    for i in range(12 * 144):
        hour = i // 6 % 24
        columns: dict[str, list[Scalar]] = {"hour": [float(hour)], "x": [float(rng.normal())]}
        one = structs.replace(body(i, Side.INPUT, columns), at_s=600.0 * i)
        bodies.append(structs.replace(one, weight=weight if 8 <= hour < 16 else 1.0))
    found = certify_lately(Lately(bodies=bodies), Silence(), np.random.default_rng(0))
    seasons = found.input.seasons
    assert [clock.name for clock in (() if seasons is None else seasons.clocks)] == clocks
