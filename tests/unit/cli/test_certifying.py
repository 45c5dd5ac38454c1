"""Certifying through the real command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Typed = Callable[..., subprocess.CompletedProcess[str]]


def test_certifying_a_model_that_is_not_there_is_one_line(
    tmp_path: Path, nobody: str, typed: Typed
) -> None:
    """Exit 1 with the address, before anything is written."""
    path = tmp_path / "c.yaml"
    path.write_text(f"models: {{candidate: {{url: '{nobody}'}}}}\n", "utf-8")
    (tmp_path / "rows.csv").write_text("x0,x1\n" + "1,2\n" * 500, "utf-8")
    request = {"path": "/v1/models/m:predict", "body": {"instances": [[1, 2]]}}
    (tmp_path / "requests.jsonl").write_text(f"{json.dumps(request)}\n" * 50, "utf-8")
    benchmark = tmp_path / "b.json"
    answer = typed(
        *("certify", path, "--reference", tmp_path / "rows.csv"),
        *("--requests", tmp_path / "requests.jsonl", "-o", benchmark),
    )
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert nobody.removeprefix("http://") in line
    assert not benchmark.exists()
