"""The command: what cannot be had is said in one sentence, with exit code 1."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from proxy.demo.arrays import write_arrays
from proxy.demo.command import Options, run
from proxy.demo.flights import COLUMNS, Flights
from proxy.demo.models import train


def test_a_model_that_cannot_be_read_ends_the_demonstration_with_a_sentence(
    flights: Flights, tmp_path: Path
) -> None:
    """The cached model is damaged: its server does not start; nothing is left running."""
    pytest.importorskip("sklearn")
    cached = {name: flights.columns[name] for name in COLUMNS}
    write_arrays(
        tmp_path / "flights.npz", {**cached, "departed": flights.departed, "late": flights.late}
    )
    files = train(flights, tmp_path)
    files.candidate.write_bytes(b"damaged")
    console = Console(file=StringIO(), width=200)
    assert run(Options(folder=tmp_path, is_plain=True), console) == 1
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "candidate-server does not start" in text
    assert "Traceback" not in text
