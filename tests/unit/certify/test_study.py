"""A reference is held while it is small and streamed when it is not, with the same result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proxy.certify import study
from proxy.certify.files import CertifyError
from proxy.certify.redaction import Treatments
from proxy.certify.reference import Reference
from proxy.certify.rows import RowMaker
from proxy.certify.study import Studied, Study
from proxy.payload.settings import Payload, Redact
from proxy.records import Scalar
from proxy.stats.reference.column import build_column

N = 20_000


def run(paths: list[Path], time_column: str = "", *, ordered: bool = True) -> Studied:
    """Study files."""
    maker = RowMaker(Payload(), Redact(), None, Treatments(Redact(), {}), {"x", "city"})
    reference = Reference(files=tuple(paths), kinds={})
    return Study(reference, maker, time_column, np.random.default_rng(0)).run(ordered=ordered)


def write(folder: Path, n: int = N, name: str = "r.csv", *, first: int = 0) -> Path:
    """Write rows: their number, a wave, a word, a time."""
    rng = np.random.default_rng(1)
    cells = [
        f"{row},{np.sin(row / 300) + rng.normal():.6f},{'york' if row % 3 else 'bath'},{row}"
        for row in range(first, first + n)
    ]
    path = folder / name
    path.write_text("row,x,city,at\n" + "\n".join(cells) + "\n")
    return path


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let thirty thousand cells be more than fits."""
    monkeypatch.setattr(study, "MAX_HELD_CELLS", 30_000)
    monkeypatch.setattr(study, "MAX_DRAWN_CELLS", 20_000)


def test_a_small_reference_is_held(tmp_path: Path) -> None:
    """All rows, all columns, no sketch."""
    found = run([write(tmp_path)])
    assert (found.n, found.profiles, found.digest, found.times_s) == (N, None, None, None)
    assert found.columns["row"] == list(range(N))
    assert found.warnings == ()


@pytest.mark.usefixtures("small_memory")
def test_a_large_reference_is_counted_exactly_and_drawn_in_blocks(tmp_path: Path) -> None:
    """Shares and design effects are those of all rows; blocks are neighbours, in order."""
    path = write(tmp_path)
    held = run_held(path)
    found = run([path])
    assert found.n == N
    assert found.profiles is not None
    by_name = {profile.name: profile for profile in found.profiles}
    city = build_column("city", held["city"], ordered=True)
    assert by_name["city"] == city
    wave = build_column("x", held["x"], ordered=True)
    assert by_name["x"].masses == pytest.approx(wave.masses, abs=0.003)
    assert by_name["x"].design_effects is not None
    assert wave.design_effects is not None
    assert by_name["x"].design_effects["location"] == pytest.approx(
        wave.design_effects["location"], rel=0.05
    )
    rows = [float(str(row)) for row in found.columns["row"]]
    steps = np.diff(rows)
    assert 15_000 < 4 * len(rows) <= 16 * 1024 * 4
    assert (steps > 0).all()
    assert (steps == 1).mean() > 0.99
    assert any("20,000 rows, more than are held" in text for text in found.warnings)


def run_held(path: Path) -> dict[str, list[Scalar]]:
    """Read all rows of a file at once."""
    columns: dict[str, list[Scalar]] = {}
    for chunk in Reference(files=(path,), kinds={}).chunks():
        for name, cells in chunk.items():
            columns.setdefault(name, []).extend(
                cell for cell in cells if isinstance(cell, str | float)
            )
    return columns


def test_times_are_read_and_rows_sorted(tmp_path: Path) -> None:
    """Two files in the wrong order become one reference in the order of time, and that is said."""
    late, early = write(tmp_path, 50, "1.csv", first=50), write(tmp_path, 50, "2.csv")
    found = run([late, early], "at")
    assert found.times_s == [float(i) for i in range(100)]
    assert found.columns["row"] == list(range(100))
    assert "at" not in found.columns
    assert "go backwards 1 times" in found.warnings[0]


@pytest.mark.usefixtures("small_memory")
def test_a_large_reference_keeps_the_times_of_its_blocks(tmp_path: Path) -> None:
    """Each kept row has its own time."""
    found = run([write(tmp_path)], "at")
    assert found.times_s == found.columns["row"]
    assert found.profiles is not None
    assert {profile.name for profile in found.profiles} == {"row", "x", "city"}


@pytest.mark.usefixtures("small_memory")
def test_a_large_reference_out_of_order_is_refused_with_its_row(tmp_path: Path) -> None:
    """It cannot be sorted here, and certifying it as ordered would be wrong."""
    paths = [write(tmp_path, N // 2, "1.csv", first=N), write(tmp_path, N, "2.csv")]
    with pytest.raises(CertifyError, match=r"go backwards at row 10001, .* too large to be sorted"):
        run(paths, "at")


def test_unreadable_times_are_refused_with_the_row_of_the_whole_reference(tmp_path: Path) -> None:
    """Rows are counted over all files and chunks."""
    path = write(tmp_path, 10)
    other = tmp_path / "other.csv"
    other.write_text("row,x,city,at\n1,2,bath,noon\n")
    with pytest.raises(CertifyError, match=r"1 of 1 rows .* row 11 \('noon'\)"):
        run([path, other], "at")
    with pytest.raises(CertifyError, match="--time when: the reference has no such column"):
        run([path], "when")


def test_a_column_that_turns_out_to_be_text_is_described_from_the_beginning(tmp_path: Path) -> None:
    """The first file had nothing long in it."""
    one, two = tmp_path / "1.csv", tmp_path / "2.csv"
    one.write_text("note\n" + "short\n" * 20)
    two.write_text("note\n" + "this is what we call a text\n" * 20)
    found = run([one, two])
    assert "note" not in found.columns
    assert found.columns["note.words"] == [1] * 20 + [7] * 20
    assert found.text_columns == {"note"}


def test_a_reference_without_rows_is_refused(tmp_path: Path) -> None:
    """A header alone certifies nothing."""
    (tmp_path / "r.csv").write_text("a,b\n")
    with pytest.raises(CertifyError, match="has no rows"):
        run([tmp_path / "r.csv"])
