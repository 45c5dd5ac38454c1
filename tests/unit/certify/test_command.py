"""The command: a file written whole, and what was measured told."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress

from proxy.benchmark import Benchmark, load
from proxy.certify.certify import Order
from proxy.certify.command import MAX_NOTES, Bars, run, show, write
from proxy.certify.files import CertifyError
from proxy.relay.settings import Models, Upstream
from proxy.stats.reference.floors import ErrorFloor
from proxy.stats.reference.latency import Timing, build_latency
from proxy.stats.reference.profile import build_profile


def benchmark(n_warnings: int = 0) -> Benchmark:
    """Make a small benchmark of a candidate that answers in 1 to 500 ms."""
    timings = [Timing(latency_s=ms / 1000, in_flight=1, request_bytes=10) for ms in range(1, 501)]
    return Benchmark(
        created_utc="2026-01-01T00:00:00.000Z",
        models={"candidate": "m-2"},
        input=build_profile({"x": list(range(2000))}, np.random.default_rng(0), ordered=False),
        latency={"candidate": build_latency(timings, ordered=False)},
        errors={"candidate": ErrorFloor(n=700, failed={"server": 3})},
        capacity_per_s={"candidate": {"1": 50.0, "4": 180.0}},
        warnings=tuple(f"warning {n}" for n in range(n_warnings)),
    )


def shown(one: Benchmark) -> str:
    """Give what people are shown."""
    console = Console(file=StringIO(), width=120)
    show(one, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_benchmark_is_written_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    """What is on the disk can be loaded; nothing is left beside it."""
    path = tmp_path / "benchmark.json"
    path.write_text("old")
    write(benchmark(), path)
    assert load(path.read_bytes()) == benchmark()
    assert list(tmp_path.iterdir()) == [path]


def test_names_are_shown_as_they_are() -> None:
    """Models and columns may be called anything: no markup, no escape, no crash at the end."""
    hostile = "a[/b] [red]c \x1b[2J"
    one = msgspec.structs.replace(benchmark(), models={"candidate": hostile}, warnings=(hostile,))
    assert shown(one).count("a[/b] [red]c \u241b[2J") == 2


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder stands where the file should go; the part that was written is taken away."""
    place = tmp_path / "taken"
    place.mkdir()
    with pytest.raises(CertifyError, match="cannot be written"):
        write(benchmark(), place)
    assert list(tmp_path.iterdir()) == [place]


def test_a_missing_folder_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    """Nobody waits for a minute of load to learn of a typing error; the model is never asked."""
    order = Order(
        models=Models(candidate=Upstream(url="http://127.0.0.1:1")),
        reference=tmp_path / "absent.csv",
        requests=tmp_path / "absent.jsonl",
    )
    with pytest.raises(CertifyError, match=r"is a folder; name the file"):
        run(order, tmp_path, Console(file=StringIO()))
    with pytest.raises(CertifyError, match="the folder does not exist"):
        run(order, tmp_path / "nowhere" / "benchmark.json", Console(file=StringIO()))


def test_people_are_told_what_was_measured() -> None:
    """Name, answers, failures, quantiles of an unloaded model, capacity, size of the reference."""
    text = shown(benchmark())
    for expected in ("candidate (m-2)", "700", "3", "180", "2,000 rows of 1 columns"):
        assert expected in text
    median_ms = float(next(word for word in text.split() if word.startswith(("25", "24"))))
    assert 245 <= median_ms <= 260


def test_many_warnings_are_cut_and_counted() -> None:
    """The file has them all."""
    text = shown(benchmark(n_warnings=MAX_NOTES + 5))
    assert f"warning {MAX_NOTES - 1}" in text
    assert f"warning {MAX_NOTES}" not in text
    assert "and 5 more notes in the file" in text


def test_bars_move_by_one_for_each_answer() -> None:
    """A stage knows how many answers it waits for."""
    progress = Progress(console=Console(file=StringIO()))
    step = Bars(progress).begin("stage", 3)
    step()
    step()
    assert (progress.tasks[0].completed, progress.tasks[0].total) == (2, 3)
