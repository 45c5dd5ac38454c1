"""Parquet: read in batches, as JSON could say it, and refused in words."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxy.certify.columnar import parquet_chunks
from proxy.certify.files import CertifyError
from proxy.certify.tables import CHUNK_ROWS


def everything(_: str) -> bool:
    """Read every column."""
    return True


def test_cells_are_what_json_could_say(tmp_path: Path) -> None:
    """Dates become text, spans seconds, decimals numbers, NaN missing, nested values nested."""
    path = tmp_path / "rows.parquet"
    at = datetime(2013, 1, 2, 3, 4, 5, tzinfo=UTC)
    columns = {
        "x": [1.5, float("nan")],
        "n": [1, None],
        "word": pa.array(["a", "b"]).dictionary_encode(),
        "at": [at, None],
        "day": [date(2013, 1, 2), None],
        "span": [timedelta(minutes=1), None],
        "price": [Decimal("1.25"), None],
        "raw": [b"\x00", None],
        "v": [[1.0, float("nan")], None],
        "o": [{"a": 1}, {"a": None}],
    }
    pq.write_table(pa.table(columns), path)
    assert list(parquet_chunks(path, everything)) == [
        {
            "x": [1.5, None],
            "n": [1, None],
            "word": ["a", "b"],
            "at": ["2013-01-02T03:04:05+00:00", None],
            "day": ["2013-01-02", None],
            "span": [60.0, None],
            "price": [1.25, None],
            "raw": [None, None],
            "v": [[1.0, None], None],
            "o": [{"a": 1}, {"a": None}],
        }
    ]


def test_rows_come_in_batches_of_the_wanted_columns(tmp_path: Path) -> None:
    """A file is never held whole."""
    path = tmp_path / "rows.parquet"
    n = CHUNK_ROWS + 7
    pq.write_table(pa.table({"x": list(range(n)), "y": [0] * n}), path)
    chunks = list(parquet_chunks(path, "x".__eq__))
    assert [len(chunk["x"]) for chunk in chunks] == [CHUNK_ROWS, 7]
    assert {name for chunk in chunks for name in chunk} == {"x"}


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    """A broken file and a missing one, each in one line."""
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(CertifyError, match="no sound Parquet") as refused:
        list(parquet_chunks(path, everything))
    assert "\n" not in str(refused.value)
    with pytest.raises(CertifyError, match="cannot be read"):
        list(parquet_chunks(tmp_path / "gone.parquet", everything))


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way out stands in the message."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CertifyError, match=r"install stablehand\[parquet\]"):
        list(parquet_chunks(tmp_path / "rows.parquet", everything))
