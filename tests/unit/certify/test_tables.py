"""Rows as text: cells become the values that requests carry, damage is named by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.certify.files import CertifyError
from proxy.certify.tables import CHUNK_ROWS, Cell, CellKind, chunk_rows, csv_chunks, json_chunks


def everything(_: str) -> bool:
    """Read every column."""
    return True


def read(tmp_path: Path, name: str, text: str, **kinds: CellKind) -> dict[str, list[Cell]]:
    """Write a file of rows and read it, its chunks put together."""
    path = tmp_path / name
    path.write_text(text)
    if name.endswith("json"):
        chunks = json_chunks(path, everything)
    else:
        chunks = csv_chunks(path, kinds, everything, "\t" if name.endswith("tsv") else ",")
    columns: dict[str, list[Cell]] = {}
    for chunk in chunks:
        for column, cells in chunk.items():
            columns.setdefault(column, []).extend(cells)
    return columns


def test_csv_cells_are_read_by_column(tmp_path: Path) -> None:
    """Numbers, truth values, text and missing cells, each as a column of its own kind."""
    text = "age, city,member\n31,Bern,true\n\n,,FALSE\nNaN,7,true\n"
    assert read(tmp_path, "r.csv", text) == {
        "age": [31.0, None, None],
        "city": ["Bern", None, "7"],
        "member": [True, False, True],
    }
    assert read(tmp_path, "n.csv", "x\n1\nnan\ninf\n") == {"x": [1.0, None, float("inf")]}


def test_requests_decide_whether_digits_are_a_number(tmp_path: Path) -> None:
    """A code with leading zeros stays text where requests send text."""
    assert read(tmp_path, "r.csv", "zip\n01234\n") == {"zip": [1234.0]}
    assert read(tmp_path, "r.csv", "zip\n01234\n", zip=CellKind.TEXT) == {"zip": ["01234"]}


def test_text_among_numbers_stays_text(tmp_path: Path) -> None:
    """A wrong type in the reference is measured, not hidden."""
    assert read(tmp_path, "r.csv", "x\n1\nn/k\n", x=CellKind.NUMBER) == {"x": [1.0, "n/k"]}


def test_tabs_separate_the_cells_of_a_tsv_file(tmp_path: Path) -> None:
    """The delimiter is the caller's."""
    assert read(tmp_path, "r.tsv", "a\tb\n1,5\t2\n") == {"a": ["1,5"], "b": [2.0]}


def test_long_files_come_in_chunks_whose_kinds_agree(tmp_path: Path) -> None:
    """What the first chunk told about a column holds for all."""
    cells = [str(i) for i in range(CHUNK_ROWS)] + ["late text", "3"]
    found = read(tmp_path, "r.csv", "x\n" + "\n".join(cells) + "\n")["x"]
    assert len(found) == CHUNK_ROWS + 2
    assert found[-2:] == ["late text", 3.0]
    rows = "\n".join(json.dumps({"x": i}) for i in range(CHUNK_ROWS + 1))
    assert read(tmp_path, "r.json", rows)["x"] == list(range(CHUNK_ROWS + 1))


def test_wide_rows_come_in_small_chunks() -> None:
    """Memory is bounded by cells, but a chunk is never empty."""
    assert chunk_rows(1) == chunk_rows(0) == CHUNK_ROWS
    assert chunk_rows(10_000) == 40
    assert chunk_rows(10**9) == 16


def test_json_lines_keep_their_types_and_know_missing_keys(tmp_path: Path) -> None:
    """A key that comes late is missing before; nested values stay; NaN is missing."""
    text = '{"a": 1, "b": "x"}\n\n{"a": NaN, "c": [true, {"d": 1}]}\n'
    assert read(tmp_path, "r.json", text) == {
        "a": [1, None],
        "b": ["x", None],
        "c": [None, [True, {"d": 1}]],
    }


def test_columns_that_are_not_accepted_are_not_read(tmp_path: Path) -> None:
    """They cost no memory."""
    (tmp_path / "r.csv").write_text("a,b\n1,2\n")
    (tmp_path / "r.json").write_text('{"a": 1, "b": 2}\n')
    (csv,) = csv_chunks(tmp_path / "r.csv", {}, "a".__eq__, ",")
    (lines,) = json_chunks(tmp_path / "r.json", "a".__eq__)
    assert csv == lines == {"a": [1]}


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("r.csv", "a,b\n1,2\n3\n4,5,6\n", r"r\.csv:3: 1 cells.*\n.*r\.csv:4: 3 cells"),
        ("r.csv", 'a\n"x', r"r\.csv:2: unexpected end"),
        ("r.csv", "a,a\n1,2\n", r"r\.csv:1: the header"),
        ("r.csv", "a,\n1,2\n", r"r\.csv:1: the header"),
        ("r.csv", "\n \n", "is empty"),
        ("r.json", "\n", "is empty"),
        ("r.json", '{"a": 1}\nnot json\n', r"r\.json:2: no JSON object"),
        ("r.json", "[1]\n", r"r\.json:1: no JSON object .*got `list`"),
        ("r.json", '{"a":' * 100 + "1" + "}" * 100 + "\n{", r"r\.json:2: no JSON object"),
    ],
)
def test_damaged_rows_are_refused_with_file_and_line(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    """Nothing is skipped in silence: a reference that lost rows certifies something else."""
    with pytest.raises(CertifyError, match=complaint):
        read(tmp_path, name, text)
