"""Files of certification: read whole, hashed, and refused with a line number."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from pathlib import Path

import pytest

from proxy.certify.files import MAX_SHOWN, CertifyError, Damage, read_source, write_whole


def test_a_file_is_read_with_the_hash_of_its_bytes(tmp_path: Path) -> None:
    """The hash is that of the file as it lies on the disk; a byte order mark is no text."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    source = read_source(path, "reference sample")
    assert source.text == "a,b\n1,2\n"
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    """`.gz` is read through."""
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"a\n1\n"))
    assert read_source(path, "reference sample").text == "a\n1\n"


def test_blank_lines_are_skipped_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    """Messages must point at the line that an editor shows."""
    path = tmp_path / "lines"
    path.write_text("one\n\n  \ntwo\n")
    assert [(n, line.strip()) for n, line in read_source(path, "file").lines()] == [
        (1, "one"),
        (4, "two"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b" \n\t\n", "is empty"),
        ("rows.csv", b"a\n\xff\n", r"rows\.csv:2: .* not UTF-8"),
        ("rows.csv.gz", b"a,b\n", "not a sound gzip file"),
        ("rows.csv.gz", gzip.compress(b"a,b\n")[:-6], "not a sound gzip file"),
    ],
)
def test_an_unusable_file_is_refused_with_its_reason(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    """Each kind of damage has one clear sentence that names the file."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CertifyError, match=complaint):
        read_source(path, "reference sample")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message has the path and what was looked for."""
    with pytest.raises(CertifyError, match=r"absent\.csv: the reference sample cannot be read"):
        read_source(tmp_path / "absent.csv", "reference sample")


def test_damage_shows_the_first_lines_and_counts_the_others(tmp_path: Path) -> None:
    """A file that is damaged throughout does not flood the terminal."""
    damage = Damage(tmp_path / "f")
    damage.check()
    for line in range(MAX_SHOWN + 3):
        damage.add(line, "bad")
    with pytest.raises(CertifyError) as caught:
        damage.check()
    shown = str(caught.value).splitlines()
    assert shown[0].endswith("f:0: bad")
    assert len(shown) == MAX_SHOWN + 1
    assert shown[-1] == "... and 3 more"


def test_a_file_that_cannot_be_replaced_leaves_nothing_beside_it(tmp_path: Path) -> None:
    """The failure comes before anything stands in the place of the old file."""
    place = tmp_path / "taken"
    place.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        write_whole(place, b"new")
    with pytest.raises(OSError, match="No such file"):
        write_whole(tmp_path / "none" / "file", b"new")
    assert list(tmp_path.iterdir()) == [place]


def test_a_link_keeps_pointing_at_what_is_written(tmp_path: Path) -> None:
    """A configuration that names the link goes on finding the file."""
    path, link = tmp_path / "benchmark-2.json", tmp_path / "benchmark.json"
    path.write_bytes(b"old")
    link.symlink_to(path)
    write_whole(link, b"new")
    assert (link.is_symlink(), path.read_bytes()) == (True, b"new")


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    """A pipe, as a shell gives it, is not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write_whole, args=(pipe, b"content"))
    writer.start()
    assert pipe.read_bytes() == b"content"
    writer.join(10)
    assert pipe.is_fifo()
