"""SageMaker's own serving stack behind the whole sidecar: CSV, JSON, npy, RecordIO, errors."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

PATH = "/invocations"
RECORDIO = "application/x-recordio-protobuf"
WRITER = """
import sys
import numpy as np
from sagemaker_training import recordio
rows = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], "float32")
recordio._write_numpy_to_dense_tensor(sys.stdout.buffer, rows)
"""


@pytest.fixture(scope="module")
def sagemaker(run: Callable[..., Any]) -> Any:
    """Run the server."""
    return run("sagemaker")


def test_the_toolkits_own_types_are_decoded(sagemaker: Any) -> None:
    """CSV without a header, JSON and NumPy, each answered in its own type."""
    npy = io.BytesIO()
    np.save(npy, np.array([[4.9, 3.1, 1.5, 0.1]]))
    for body, kind in (
        (b"5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n", "text/csv"),
        (b"[[4.4, 2.9, 1.4, 0.2]]", "application/json"),
        (npy.getvalue(), "application/x-npy"),
    ):
        answer = sagemaker.post(PATH, body, content_type=kind, accept=kind)
        assert (answer.status, dict(answer.fields)["content-type"]) == (200, kind)
    rows = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [4.4, 2.9, 1.4, 0.2], [4.9, 3.1, 1.5, 0.1]]
    sagemaker.has_rows("input", *({f"x{at}": x for at, x in enumerate(row)} for row in rows))
    sagemaker.metric_becomes(3, "captures_total", side="output", result="decoded")
    found = [one["row"] for one in sagemaker.rows("output")]
    assert sorted(row["class"] for row in found) == ["0", "0", "0", "2"]


def test_recordio_is_decoded_both_ways(sagemaker: Any) -> None:
    """Written by SageMaker's own writer, read and answered by its own classes."""
    before = sagemaker.metric("captures_total", side="output", result="decoded")
    command = [str(sagemaker.programs / "python"), "-c", WRITER]
    body = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    answer = sagemaker.post(PATH, body, content_type=RECORDIO, accept=RECORDIO)
    assert answer.status == 200
    assert answer.body.startswith(b"\x0a\x23\xd7\xce")
    sagemaker.metric_becomes(before + 1, "captures_total", side="output", result="decoded")
    single = {f"x{at}": float(np.float32(x)) for at, x in enumerate([6.7, 3.0, 5.2, 2.3])}
    sagemaker.has_rows("input", single)
    found = [one["row"] for one in sagemaker.rows("output") if "predicted_label" in one["row"]]
    assert sorted((row["predicted_label"], row["class"]) for row in found) == [(0, "0"), (2, "2")]


def test_errors_are_counted_and_not_read(sagemaker: Any) -> None:
    """Bad bodies and types that nobody reads are errors of the server's own."""
    before = sagemaker.settled()
    for body, kind in ((b"{bad", "application/json"), (b"x", "application/x-parquet")):
        assert sagemaker.post(PATH, body, content_type=kind).status == 500
    sagemaker.metric_becomes(2, "requests_total", code="500", route=PATH)
    assert sagemaker.metric("captures_total", side="output") == before
