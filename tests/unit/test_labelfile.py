"""Files of labels are read line by line; what cannot be read is named with its line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from proxy.labelfile import LabelFileError, LabelLine, cell, read


def lines(folder: Path, text: str, name: str = "labels.csv") -> list[LabelLine]:
    """Write a file and read it."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return list(read(path))


def test_a_csv_with_a_header_is_read(tmp_path: Path) -> None:
    """Columns in any order and case, other columns are left out, empty outcomes too."""
    found = lines(tmp_path, "City,Label,ID,at_utc\nOslo,1,a,2026-01-02T03:04:05Z\n,,b,\n,NaN,c,\n")
    assert found == [LabelLine("a", None, 1, "2026-01-02T03:04:05Z", 2)]
    assert lines(tmp_path, "row,truth\n0,yes\n") == [LabelLine("", 0, "yes", None, 2)]
    assert lines(tmp_path, "id\tlabel\na#1\t0.5\n", "labels.tsv")[0].id == "a#1"
    moment = lines(tmp_path, "id,label,at_utc\na,1,1800000000.5\n")[0].at_utc
    assert moment == 1_800_000_000.5


def test_one_json_object_a_line_is_read(tmp_path: Path) -> None:
    """`truth` is another word for `label`; lists are batches; null is not known yet."""
    text = '{"id": "a", "label": [1, 0]}\n\n{"row": 3, "truth": true}\n{"id": "c", "label": null}\n'
    found = lines(tmp_path, text, "labels.jsonl")
    assert [(one.id, one.row, one.value, one.line) for one in found] == [
        ("a", None, [1, 0], 1),
        ("", 3, True, 3),
    ]


def test_packed_files_and_those_without_a_name_are_told_apart(tmp_path: Path) -> None:
    """By their first character; a mark of the byte order does no harm."""
    packed = tmp_path / "labels.csv.gz"
    packed.write_bytes(gzip.compress(b"id,label\na,1\n"))
    assert [one.value for one in read(packed)] == [1]
    bare = tmp_path / "labels"
    bare.write_bytes(b'\xef\xbb\xbf{"id": "a", "label": 2}\n')
    assert [one.value for one in read(bare)] == [2]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-2.50", -2.5),
        ("1e3", 1000.0),
        ("True", True),
        ("false", False),
        ("007", "007"),
        ("1.2.3", "1.2.3"),
        ("cat", "cat"),
        ("1e999", "1e999"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_cell_is_read_as_what_it_looks_like(text: str, value: object) -> None:
    """Codes with leading zeros stay text."""
    assert cell(text) == value
    assert type(cell(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("a,b\n1,2\n", "l.csv", r"l\.csv:1: the header needs .*it has: a, b"),
        ("", "l.csv", r"l\.csv:1: .*it has: nothing"),
        ("id,label\na\n", "l.csv", r"l\.csv:2: 1 cells"),
        ('id,label\n"a,1\n', "l.csv", r"l\.csv:2: "),
        ("row,label\nx,1\n", "l.csv", r"l\.csv:2: neither an id nor a row"),
        ('{"id": "a"}\n', "l.jsonl", r"l\.jsonl:1: `label` and `id`"),
        ('{"label": 1}\n', "l.jsonl", r"l\.jsonl:1: `label` and `id`"),
        ('{"id": "a", "label": 1}\n{broken\n', "l.jsonl", r"l\.jsonl:2: no label"),
        ('{"x": ' + "[" * 100_000, "l.jsonl", r"l\.jsonl:1: no label"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, text: str, name: str, words: str) -> None:
    """With its number and what is wanted."""
    with pytest.raises(LabelFileError, match=words):
        lines(tmp_path, text, name)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Missing, not text, not packed."""
    with pytest.raises(LabelFileError, match="No such file"):
        list(read(tmp_path / "none.csv"))
    odd = tmp_path / "odd.csv"
    odd.write_bytes(b"id,label\n\xff\xfe,1\n")
    with pytest.raises(LabelFileError, match="not UTF-8"):
        list(read(odd))
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(b"no gzip")
    with pytest.raises(LabelFileError, match="cannot be read"):
        list(read(broken))
    packed = bytearray(gzip.compress(b"id,label\n" + b"a,1\n" * 100))
    packed[10] = 0xFF  # a block of a kind that is not defined
    broken.write_bytes(packed)
    with pytest.raises(LabelFileError, match="not a sound gzip"):
        list(read(broken))


def test_numbers_that_are_too_long_are_text_or_refused_with_their_line(tmp_path: Path) -> None:
    """Python reads no more than some thousand digits."""
    found = lines(tmp_path, f"id,label,at_utc\na,1,1e999\nb,2,{'9' * 5000}\nc,3,true\n")
    assert [one.at_utc for one in found] == ["1e999", "9" * 5000, "true"]
    with pytest.raises(LabelFileError, match=":2: neither an id nor a row"):
        lines(tmp_path, f"row,label\n{'9' * 5000},1\n")
