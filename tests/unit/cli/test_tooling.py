"""The commands that write for other programs, through the real command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
Typed = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]


def test_the_schema_is_json(typed: Typed) -> None:
    """An editor can read what is printed, unwrapped and without colours."""
    answer = typed("schema")
    assert answer.returncode == 0
    assert json.loads(answer.stdout)["required"] == ["models"]


def test_looking_at_nothing_is_one_line(tmp_path: Path, nobody: str, refused: Refused) -> None:
    """A model that is down is a failure, an address that is none is bad usage; no file is left."""
    path = tmp_path / "c.yaml"
    assert "does not answer" in refused("init", "--model", nobody, "-o", path, code=1)
    assert "give http://HOST:PORT" in refused("init", "--model", "h", "-o", path, code=2)
    assert not path.exists()


def test_what_looking_at_a_model_writes_passes_the_check(tmp_path: Path, typed: Typed) -> None:
    """Any HTTP server will do to begin with."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    path = tmp_path / "c.yaml"
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split()[5]
        answer = typed("init", "--model", f"http://127.0.0.1:{port}", "-o", path)
        server.terminate()
    assert answer.returncode == 0
    assert f"written: {path}; next: stablehand check {path}" in answer.stdout
    assert typed("check", path).returncode == 0
    again = typed("init", "--model", "http://127.0.0.1:1", "-o", path)
    assert again.returncode == 1


def test_the_sidecar_is_added_to_a_manifest_on_standard_output(typed: Typed) -> None:
    """Manifests go to standard output, notes to standard error; input may come by a pipe."""
    manifest = ROOT / "k8s" / "base" / "deployment.yaml"
    answer = typed("inject", "-f", manifest, "--image", "stablehand:9")
    assert answer.returncode == 0
    assert answer.stderr.startswith("note: the sidecar reads stablehand.yaml from the ConfigMap")
    pod = yaml.safe_load(answer.stdout)["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["image"] == "stablehand:9"
    piped = typed("inject", "-f", "-", "--image", "stablehand:9", given=answer.stdout)
    assert piped.stdout == answer.stdout


def test_a_manifest_that_cannot_be_used_is_bad_usage(tmp_path: Path, refused: Refused) -> None:
    """Exit 2 with the file's name, and nothing on standard output that could be applied."""
    path = tmp_path / "d.yaml"
    assert (
        refused("inject", "-f", path, code=2) == f"{path} cannot be read: No such file or directory"
    )
    path.write_text("kind: Service\n", "utf-8")
    assert refused("inject", "-f", path, code=2).startswith(f"{path}: there is no Deployment")
