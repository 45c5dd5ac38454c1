"""Odd references and odd traffic: a clear word at certification, then neither crash nor alarm."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import made
from proxy.certify.inputs import Inputs, Source, study_inputs
from proxy.certify.lesson import Lesson
from proxy.certify.recorded import Recorded
from proxy.monitors.settings import DriftSettings
from proxy.payload.settings import Payload, Redact
from proxy.records import Scalar
from proxy.stats.basis.demands import Certainty
from proxy.stats.promise.resampling import Subject
from proxy.stats.promise.self_test import self_test
from proxy.stats.watches.drift import profile_watch

Draw = Callable[[np.random.Generator, int], list[Scalar]]
N = 5000
TICKS = 3000
ROWS = 40
CERTAINTY = Certainty(run_length_ticks=3_153_600.0)
RULE = DriftSettings(learn_s=5000.0).rule()


def mixed(rng: np.random.Generator, n: int) -> list[Scalar]:
    """Draw numbers and text, as many of each."""
    words = rng.choice(["low", "high"], n).tolist()
    numbers = rng.normal(size=n).tolist()
    return [number if rng.random() < 0.5 else word for number, word in
            zip(numbers, words, strict=True)]  # fmt: skip


def with_infinities(rng: np.random.Generator, n: int) -> list[Scalar]:
    """Draw numbers of which one in twenty is infinite."""
    values = rng.normal(size=n)
    values[rng.random(n) < 0.03] = np.inf
    values[rng.random(n) < 0.02] = -np.inf
    return values.tolist()


KINDS: dict[str, tuple[Draw, str]] = {
    "constant": (lambda _, n: [7.0] * n, "always the same value"),
    "constant word": (lambda _, n: ["on"] * n, "always the same value"),
    "missing": (lambda _, n: [None] * n, "has no value; only missing values"),
    "infinite": (with_infinities, "are infinite, too large or of another type"),
    "mixed": (mixed, "are infinite, too large or of another type"),
    "ids": (
        lambda rng, n: [f"u{i:x}z" for i in rng.integers(0, 10**12, n)],
        "has no value that repeats",
    ),
}


def certified(folder: Path, columns: dict[str, list[Scalar]], *, ordered: bool) -> Inputs:
    """Certify a reference of these columns, written as CSV."""
    path = folder / "r.csv"
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerows([columns, *zip(*columns.values(), strict=True)])
    first = {name: values[0] for name, values in columns.items()}
    body = json.dumps({"instances": [first]}).encode()
    asked = [Recorded("POST", "/v1/models/m:predict", {"content-type": "application/json"}, body)]
    source = Source(
        paths=(path,), payload=Payload(), redact=Redact(), ordered=ordered, time_column=""
    )
    lesson = Lesson(learned=None, taught=frozenset())
    return study_inputs(source, asked, lesson, np.random.default_rng(0))


def alarms(inputs: Inputs, draw: Callable[[int], dict[str, list[Scalar]]]) -> list[str]:
    """Run a long stream of traffic like the reference; give what was blamed."""
    watch = profile_watch(inputs.profile, RULE, CERTAINTY)
    if watch is None:
        return []
    for tick in range(TICKS):
        rows = draw(ROWS)
        # Time stands still, runs and goes back: a clock that was set must not matter.
        utc_s = 1.7e9 + 10.0 * (tick % 700)
        watch.count(made.rows(rows, exchange_id=tick))
        watch.tick(utc_s)
        if watch.watch.breach is not None:
            return [watch.watch.streams[stream].name for stream in watch.watch.blamed()]
    return []


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize("kind", KINDS)
def test_odd_columns_are_told_and_never_alarm_by_themselves(
    tmp_path: Path, kind: str, *, ordered: bool
) -> None:
    """Beside a sound column, three thousand ticks of the same odd values."""
    draw, word = KINDS[kind]
    rng = np.random.default_rng(1)
    reference = {"sound": rng.normal(size=N).tolist(), "odd": draw(rng, N)}
    inputs = certified(tmp_path, reference, ordered=ordered)
    assert any(text.startswith("odd: ") and word in text for text in inputs.profile.warnings)
    assert not any(text.startswith("sound") for text in inputs.profile.warnings)
    assert not alarms(inputs, lambda n: {"sound": rng.normal(size=n).tolist(), "odd": draw(rng, n)})


@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_a_handful_of_rows_promises_nothing_and_never_alarms(tmp_path: Path, n: int) -> None:
    """One row of reference cannot tell what is normal, and does not pretend to."""
    rng = np.random.default_rng(n)

    def draw(size: int) -> dict[str, list[Scalar]]:
        return {
            "x": rng.normal(size=size).tolist(),
            "city": rng.choice(["york", "bath", "ely"], size).tolist(),
            "member": (rng.random(size) < 0.3).tolist(),
        }

    inputs = certified(tmp_path, draw(n), ordered=True)
    assert f"only {n} reference rows" in inputs.profile.warnings[0]
    found = self_test(
        Subject(columns=inputs.columns, profile=inputs.profile),
        rng, RULE, CERTAINTY, lambda: None,
    )  # fmt: skip
    assert found.replayed is None
    assert n == 30 or any("no shift of" in text for text in found.warnings)
    assert not alarms(inputs, draw)


def test_a_column_that_changes_its_type_in_service_is_found(tmp_path: Path) -> None:
    """Silence about odd references must not be blindness: numbers that become text alarm."""
    rng = np.random.default_rng(3)
    inputs = certified(tmp_path, {"x": rng.normal(size=N).tolist()}, ordered=True)
    assert alarms(inputs, lambda n: {"x": [f"{v:.3f}" for v in rng.normal(size=n)]}) == ["x"]


def test_thousands_of_columns_are_certified_and_watched_up_to_the_limit(tmp_path: Path) -> None:
    """Those of requests come first; what is left out is said, and traffic stays quiet."""
    rng = np.random.default_rng(4)
    wide: dict[str, list[Scalar]] = {
        f"c{i}": values for i, values in enumerate(rng.normal(size=(1500, 200)).tolist())
    }
    path = tmp_path / "r.jsonl"
    rows = [dict(zip(wide, row, strict=True)) for row in zip(*wide.values(), strict=True)]
    path.write_text("\n".join(map(json.dumps, rows)))
    body = json.dumps({"instances": [{"c1499": 1.0}]}).encode()
    asked = [Recorded("POST", "/v1/models/m:predict", {"content-type": "application/json"}, body)]
    source = Source(
        paths=(path,), payload=Payload(), redact=Redact(), ordered=False, time_column=""
    )
    inputs = study_inputs(
        source, asked, Lesson(learned=None, taught=frozenset()), np.random.default_rng(0)
    )
    assert len(inputs.profile.columns) == 257
    assert "columns of the reference were left out" in inputs.warnings[0]
    watch = profile_watch(inputs.profile, RULE, CERTAINTY)
    assert watch is not None
    assert len(watch.watch.streams) <= RULE.max_columns
