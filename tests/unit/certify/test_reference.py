"""Reference samples: cells become the values that requests carry, damage is named by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.certify.files import CertifyError
from proxy.certify.reference import CellKind, Reference, read_reference


def read(tmp_path: Path, name: str, text: str, **kinds: CellKind) -> Reference:
    """Write a reference sample and read it."""
    path = tmp_path / name
    path.write_text(text)
    return read_reference(path, kinds)


def test_csv_cells_are_read_by_column(tmp_path: Path) -> None:
    """Numbers, truth values, text and missing cells, each as a column of its own kind."""
    text = "age, city,member\n31,Bern,true\n,,FALSE\nNaN,7,true\n"
    reference = read(tmp_path, "r.csv", text)
    assert reference.columns == {
        "age": [31.0, None, None],
        "city": ["Bern", None, "7"],
        "member": [True, False, True],
    }
    assert reference.n == 3


def test_requests_decide_whether_digits_are_a_number(tmp_path: Path) -> None:
    """A code with leading zeros stays text where requests send text."""
    guessed = read(tmp_path, "r.csv", "zip\n01234\n")
    told = read(tmp_path, "r.csv", "zip\n01234\n", zip=CellKind.TEXT)
    assert guessed.columns == {"zip": [1234.0]}
    assert told.columns == {"zip": ["01234"]}


def test_text_among_numbers_stays_text(tmp_path: Path) -> None:
    """A wrong type in the reference is measured, not hidden."""
    reference = read(tmp_path, "r.csv", "x\n1\nn/k\n", x=CellKind.NUMBER)
    assert reference.columns == {"x": [1.0, "n/k"]}


def test_tabs_separate_the_cells_of_a_tsv_file(tmp_path: Path) -> None:
    """The suffix decides the delimiter."""
    assert read(tmp_path, "r.tsv", "a\tb\n1,5\t2\n").columns == {"a": ["1,5"], "b": [2.0]}


def test_json_lines_keep_their_types_and_know_missing_keys(tmp_path: Path) -> None:
    """A key that comes late is missing before."""
    text = '{"a": 1, "b": "x"}\n\n{"a": null, "c": true}\n'
    reference = read(tmp_path, "r.jsonl", text)
    assert reference.columns == {"a": [1, None], "b": ["x", None], "c": [None, True]}


def test_a_file_without_a_known_suffix_is_told_by_its_first_character(tmp_path: Path) -> None:
    """`{` begins JSON lines, anything else CSV."""
    assert read(tmp_path, "sample", '{"a": 1}\n').columns == {"a": [1]}
    assert read(tmp_path, "sample", "a\n1\n").columns == {"a": [1.0]}


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("r.csv", "a,b\n1,2\n3\n4,5,6\n", r"r\.csv:3: 1 cells.*\n.*r\.csv:4: 3 cells"),
        ("r.csv", 'a\n"x', r"r\.csv:2: unexpected end"),
        ("r.csv", "a,a\n1,2\n", r"r\.csv:1: the header"),
        ("r.csv", "a,\n1,2\n", r"r\.csv:1: the header"),
        ("r.csv", "a,b\n", "has no rows"),
        ("r.jsonl", '{"a": 1}\nnot json\n', r"r\.jsonl:2: no flat JSON object"),
        ("r.jsonl", '{"a": [1]}\n', r"r\.jsonl:1: no flat JSON object"),
        ("r.jsonl", "[1]\n", r"r\.jsonl:1: no flat JSON object"),
    ],
)
def test_damaged_rows_are_refused_with_file_and_line(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    """Nothing is skipped in silence: a reference that lost rows certifies something else."""
    with pytest.raises(CertifyError, match=complaint):
        read(tmp_path, name, text)
