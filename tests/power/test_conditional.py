"""Columns within predicted classes: the fault that no marginal shows, and silence without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

import made
from proxy.benchmark import Benchmark
from proxy.demo import flights
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.output_drift import OutputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import Case, Scalar, Side, Verdict
from proxy.stats.reference.conditional import Answered, build_conditional
from proxy.stats.reference.profile import build_profile

pytestmark = [pytest.mark.power, pytest.mark.timeout(1200)]

Columns = dict[str, list[Scalar]]
N_REFERENCE = 10_000
GROUPS = ("north", "east", "south", "west", "abroad")


class World:
    """Eight correlated columns and a group; a model that answers with one of three classes.

    `swapped` is the fault: where the group is `north` (a fifth of the rows) the model takes the
    first class for the second and the second, which is as frequent, for the first.
    """

    def __init__(self, seed: int) -> None:
        """Make the correlation of the columns and the model's weights."""
        self.rng = np.random.default_rng(seed)
        mixing = self.rng.normal(size=(8, 8)) * 0.6 + np.eye(8)
        self._mixing = mixing / np.sqrt((mixing**2).sum(axis=0))

    def draw(self, n: int, *, swapped: bool = False, shift: float = 0.0) -> tuple[Columns, Columns]:
        """Give questions and answers."""
        x = self.rng.normal(size=(n, 8)) @ self._mixing
        x[:, 0] += shift
        group = self.rng.integers(0, len(GROUPS), n)
        lean = 1.5 * x[:, 0] + 0.8 * x[:, 1]
        logits = np.stack([lean, -lean, np.full(n, 0.3)], axis=1)
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        if swapped:
            north = group == 0
            p[north] = p[north][:, [1, 0, 2]]
        inputs: Columns = {f"x{i}": x[:, i].tolist() for i in range(8)}
        inputs["group"] = [GROUPS[one] for one in group]
        answers: Columns = {
            "class": [str(one) for one in p.argmax(axis=1)],
            "confidence": p.max(axis=1).tolist(),
        }
        return inputs, answers

    def certify(self) -> Benchmark:
        """Certify the model."""
        return certify(*self.draw(N_REFERENCE), self.rng)

    def case(self, n: int, *, swapped: bool = False, shift: float = 0.0) -> Case:
        """Give one tick of `n` rows."""
        return case_of(self.draw(n, swapped=swapped, shift=shift))


def certify(inputs: Columns, answers: Columns, rng: np.random.Generator) -> Benchmark:
    """Give the benchmark of a model that answered these questions so."""
    profile, outputs = (build_profile(one, rng, ordered=True) for one in (inputs, answers))
    rows = Answered(
        inputs=inputs,
        outputs=answers,
        input_columns=profile.columns,
        output_columns=outputs.columns,
    )
    outputs = structs.replace(outputs, conditional=build_conditional(rows, ordered=True))
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new"},
        input=profile,
        outputs={"candidate": outputs},
    )


def case_of(sides: tuple[Columns, Columns]) -> Case:
    """Give the case of questions and answers."""
    both = [
        made.rows(columns, side=side)
        for side, columns in zip((Side.INPUT, Side.OUTPUT), sides, strict=True)
    ]
    return Case(input=both[0], output=both[1])


def outputs_of(benchmark: Benchmark, max_conditional: int = 16) -> OutputDrift:
    """Give the monitor of the answers, with a year's budget."""
    return OutputDrift(DriftSettings(max_conditional=max_conditional), benchmark, Engine())


def breach(monitor: OutputDrift | InputDrift, case: Case) -> str:
    """Show a tick; give the stream of the breach, empty while there is none."""
    for value in (case.input, case.output, case):
        monitor.observe(value)
    finding = monitor.judge(0.0)
    return finding.subject if finding.verdict is Verdict.BREACH else ""


def test_a_swap_in_one_group_is_found_within_a_thousand_rows() -> None:
    """Swapped labels of a fifth of the rows: median 400 rows, in nine of ten cases 1,000, by name.

    Without columns within classes five times as many rows show nothing.
    """
    rows = []
    for seed in range(20):
        world = World(seed)
        benchmark = world.certify()
        monitor, blind = outputs_of(benchmark), outputs_of(benchmark, max_conditional=0)
        subject, n = "", 0
        while not subject and n < 5000:
            subject = breach(monitor, world.case(20, swapped=True))
            n += 20
        assert " | class = " in subject
        rows.append(n)
        assert not any(breach(blind, world.case(100, swapped=True)) for _ in range(n // 20))
    assert np.median(rows) <= 400
    assert np.quantile(rows, 0.9) <= 1000


def test_no_false_alarm_in_half_a_million_correlated_rows() -> None:
    """Five references, 100,000 rows each, eight correlated columns: no breach at all."""
    for seed in range(100, 105):
        world = World(seed)
        monitor = outputs_of(world.certify())
        assert not any(breach(monitor, world.case(100)) for _ in range(1000))


def test_drifting_inputs_are_found_before_what_they_do_to_the_classes() -> None:
    """When a column shifts, input drift alarms no later, so that the data are blamed."""
    for seed in range(200, 210):
        world = World(seed)
        benchmark = world.certify()
        monitor = outputs_of(benchmark)
        inputs = InputDrift(DriftSettings(), benchmark, Engine())
        seen = False
        while not seen:
            case = world.case(20, shift=0.5)
            seen = bool(breach(inputs, case))
            assert seen or " | class = " not in breach(monitor, case)


# Real departures, judged by a model of their delay.

MIXED = ("UA", "DL", "EV")
CERTIFIED = 20_000
HEALTHY_ROWS = 200_000
TICK_ROWS = 100


class Departures:
    """All departures in random order, and the probability that each arrives late."""

    def __init__(self, folder: Path) -> None:
        """Shuffle them: what is measured here is not the season."""
        part = flights.load(folder)
        rows = [row for row in part.rows(0, len(part)) if row["departure_delay"] is not None]
        self.rng = np.random.default_rng(1)
        self._rows = [rows[int(place)] for place in self.rng.permutation(len(rows))]
        delay = np.array([float(row["departure_delay"] or 0.0) for row in self._rows])
        self._late = 1 / (1 + np.exp(-(delay - 15) / 10))
        self._carriers = np.array([str(row["carrier"]) for row in self._rows])

    def columns(self, start: int, stop: int, mixed: str = "") -> tuple[Columns, Columns]:
        """Give questions and answers; the answers of the carrier `mixed` are dealt anew."""
        late = self._late[start:stop].copy()
        own = np.flatnonzero(self._carriers[start:stop] == mixed)
        late[own] = self.rng.permutation(late[own])
        inputs: Columns = {
            name: [row[name] for row in self._rows[start:stop]] for name in flights.COLUMNS
        }
        return inputs, {
            "class": [str(int(one > 0.5)) for one in late],
            "confidence": np.maximum(late, 1 - late).tolist(),
        }


@pytest.fixture(scope="module")
def departures(tmp_path_factory: pytest.TempPathFactory) -> Departures:
    """Give all departures."""
    return Departures(tmp_path_factory.mktemp("flights"))


def test_answers_dealt_anew_within_one_carrier_are_found(departures: Departures) -> None:
    """Which flight is late is wrong for one carrier, how many are is right: 2,000 rows each.

    Before that, 200,000 departures raise no alarm.
    """
    benchmark = certify(*departures.columns(0, CERTIFIED), departures.rng)
    monitor = outputs_of(benchmark)
    healthy = range(CERTIFIED, CERTIFIED + HEALTHY_ROWS, TICK_ROWS)
    assert not any(
        breach(monitor, case_of(departures.columns(start, start + TICK_ROWS))) for start in healthy
    )
    for carrier in MIXED:
        monitor = outputs_of(benchmark)
        subject, start = "", healthy.stop
        while not subject:
            subject = breach(monitor, case_of(departures.columns(start, start + 100, carrier)))
            start += TICK_ROWS
        assert subject.startswith("departure_delay | class = ")
        assert start - healthy.stop <= 2000
