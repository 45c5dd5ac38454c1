"""What it costs to read a reference that does not fit into memory: time and peak memory.

Writes a reference of so many rows and 12 columns (numbers, repeated numbers, words, truth values,
gaps) into a folder of its own, reads it in a process of its own, and tells how long both passes
took and how much memory the process had at most.

    python -m bench.certify --rows 5000000 --form csv
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from proxy.certify.inputs import Source, study_inputs
from proxy.certify.lesson import Teacher
from proxy.certify.recorded import Recorded
from proxy.payload.settings import Payload, Redact

N_NUMBERS = 7
WRITE_ROWS = 100_000
KIB = 1024


def table(rng: np.random.Generator, n: int) -> dict[str, list[object]]:
    """Draw rows, column by column."""
    columns: dict[str, object] = {f"x{i}": rng.normal(i, 1, n) for i in range(N_NUMBERS)}
    columns["hour"] = rng.integers(0, 24, n)
    columns["city"] = rng.choice(["york", "bath", "ely", "wells"], n, p=[0.6, 0.2, 0.15, 0.05])
    columns["customer"] = rng.integers(0, 10**9, n).astype("U10")
    columns["member"] = rng.random(n) < 0.3  # noqa: PLR2004  # the share of members
    gaps = rng.normal(size=n).astype(object)
    gaps[rng.random(n) < 0.05] = None  # noqa: PLR2004  # same
    return {
        name: np.asarray(values).tolist() for name, values in (columns | {"gaps": gaps}).items()
    }


def write(path: Path, n: int) -> None:
    """Write a reference of `n` rows, a part at a time."""
    rng = np.random.default_rng(0)
    sizes = [min(WRITE_ROWS, n - at) for at in range(0, n, WRITE_ROWS)]
    if path.suffix == ".parquet":
        write_parquet(path, [*sizes], rng)
        return
    with path.open("w") as file:
        file.write(",".join(table(rng, 1)) + "\n")
        for size in sizes:
            rows = zip(*table(rng, size).values(), strict=True)
            lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
            file.write("\n".join(lines) + "\n")


def write_parquet(path: Path, sizes: list[int], rng: np.random.Generator) -> None:
    """Write Parquet; the process that measures must not have loaded its library for this."""
    import pyarrow as pa  # noqa: PLC0415  # see above
    import pyarrow.parquet as pq  # noqa: PLC0415  # same

    with pq.ParquetWriter(path, pa.table(table(rng, WRITE_ROWS)).schema) as writer:
        for size in sizes:
            writer.write_table(pa.table(table(rng, size)))


def peak_mib() -> int:
    """Give the most memory that this process had; `ru_maxrss` would count its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) // KIB


def read(path: Path, answer: multiprocessing.Queue[dict[str, float]]) -> None:
    """Study the reference, and tell what it cost."""
    row = {name: values[0] for name, values in table(np.random.default_rng(0), 1).items()}
    body = json.dumps({"instances": [row]}).encode()
    requests = [
        Recorded("POST", "/v1/models/m:predict", {"content-type": "application/json"}, body)
    ]
    source = Source(paths=(path,), payload=Payload(), redact=Redact(), ordered=True, time_column="")
    before_mib = peak_mib()
    began = time.perf_counter()
    lesson = Teacher(source.payload, source.redact, requests).lesson()
    inputs = study_inputs(source, requests, lesson, np.random.default_rng(0))
    used = resource.getrusage(resource.RUSAGE_SELF)
    answer.put(
        {
            "rows": inputs.profile.n,
            "columns": len(inputs.profile.columns),
            "wall_s": round(time.perf_counter() - began, 1),
            "cpu_s": round(used.ru_utime + used.ru_stime, 1),
            "peak_mib": peak_mib(),
            "imports_mib": before_mib,
        }
    )


def main() -> None:
    """Measure one form of file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--form", choices=("csv", "parquet"), default="csv")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"reference.{given.form}"
        write(path, given.rows)
        size_mib = path.stat().st_size // KIB**2
        context = multiprocessing.get_context("spawn")
        answer: multiprocessing.Queue[dict[str, float]] = context.Queue()
        child = context.Process(target=read, args=(path, answer))
        child.start()
        child.join()
        if child.exitcode:
            raise SystemExit(child.exitcode)
        told = answer.get()
    print(json.dumps({"form": given.form, "file_mib": size_mib} | told))


if __name__ == "__main__":
    main()
