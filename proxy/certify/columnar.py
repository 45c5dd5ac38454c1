"""Reference rows as Parquet, read in batches; it needs pyarrow, the extra `parquet`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isnan
from pathlib import Path

from proxy.certify.files import CertifyError
from proxy.certify.tables import Accepts, Cell, chunk_rows
from proxy.payload.parse import Json


def parquet_chunks(path: Path, accepts: Accepts) -> Iterator[dict[str, Sequence[Cell]]]:
    """Read a Parquet file, a batch of rows at a time.

    Raises:
        CertifyError: pyarrow is not installed, or the file cannot be read.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, large, and rarely wanted
        import pyarrow.parquet as pq  # noqa: PLC0415 - same
    except ImportError:
        raise CertifyError(
            f"{path}: Parquet needs pyarrow: install stablehand[parquet], or give the rows as CSV"
        ) from None
    try:
        # Without buffering ahead, a batch costs its own pages and not its row group.
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=65_536) as file:
            names = [name for name in file.schema_arrow.names if accepts(name)]
            size = chunk_rows(len(names))
            for batch in file.iter_batches(batch_size=size, columns=names, use_threads=False):
                yield {
                    str(name): [_plain(cell) for cell in column.to_pylist()]
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
    except (pa.ArrowException, ValueError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CertifyError(f"{path}: the reference sample is no sound Parquet: {told}") from error
    except OSError as error:
        why = error.strerror or str(error).splitlines()[0]
        raise CertifyError(f"{path}: the reference sample cannot be read: {why}") from error


def _plain(cell: object) -> Json:
    """Give a cell as JSON could say it: text for dates, seconds for spans, missing for NaN."""
    if isinstance(cell, float):
        return None if isnan(cell) else cell
    if cell is None or isinstance(cell, bool | int | str):
        return cell
    if isinstance(cell, list | tuple):
        return [_plain(one) for one in cell]
    if isinstance(cell, dict):
        return {str(key): _plain(value) for key, value in cell.items()}
    return _text(cell)


def _text(cell: object) -> Json:
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    return float(cell) if isinstance(cell, Decimal) else None
