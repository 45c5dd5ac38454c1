"""The commands that write something, and those that begin something, through the real command."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def nobody() -> str:
    """Give an address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"http://127.0.0.1:{one.getsockname()[1]}"


@pytest.fixture
def taken() -> Iterator[int]:
    """Give a port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one.getsockname()[1]


def typed(*words: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run `python -m proxy` with some words and some input."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *map(str, words)],
        cwd=ROOT,
        input=given,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def one_line(answer: subprocess.CompletedProcess[str], code: int) -> str:
    """Give the only line of a refusal, after its exit code was looked at."""
    assert answer.returncode == code, answer.stderr
    (line,) = answer.stderr.splitlines()
    assert answer.stdout == ""
    return line


def test_an_unknown_command_is_bad_usage() -> None:
    """Exit 2, and no stack trace."""
    answer = typed("rnu")
    assert answer.returncode == 2
    assert "rnu" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("key", ["listen", "admin"])
def test_a_port_in_use_is_one_line(tmp_path: Path, taken: int, key: str) -> None:
    """`run` ends with 1 and says which port, and what to do; nothing is left running."""
    path = tmp_path / "c.yaml"
    other = "admin" if key == "listen" else "listen"
    path.write_text(
        "models: {candidate: {url: 'http://127.0.0.1:1'}}\n"
        f"{key}: {{host: 127.0.0.1, port: {taken}}}\n{other}: {{host: 127.0.0.1, port: 0}}\n",
        "utf-8",
    )
    line = one_line(typed("run", path), 1)
    assert line.startswith(f"{key}: 127.0.0.1:{taken} cannot be listened on: Address already in")


def test_certifying_a_model_that_is_not_there_is_one_line(tmp_path: Path, nobody: str) -> None:
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


def test_routing_without_a_sidecar_is_one_line(nobody: str) -> None:
    """Exit 1; so is a door that is another program's."""
    line = one_line(typed("route", "stable", "--admin", nobody), 1)
    assert line.startswith(f"{nobody} does not answer (")
    line = one_line(typed("samples", "--out", "-", "--admin", nobody), 1)
    assert line.startswith(f"{nobody} does not answer (")


def test_looking_at_nothing_is_one_line(tmp_path: Path, nobody: str) -> None:
    """A model that is down is a failure, an address that is none is bad usage; no file is left."""
    path = tmp_path / "c.yaml"
    assert "does not answer" in one_line(typed("init", "--model", nobody, "-o", path), 1)
    assert "give http://HOST:PORT" in one_line(typed("init", "--model", "h", "-o", path), 2)
    assert not path.exists()


def test_what_looking_at_a_model_writes_passes_the_check(tmp_path: Path) -> None:
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


def test_the_sidecar_is_added_to_a_manifest_on_standard_output() -> None:
    """Manifests go to standard output, notes to standard error; input may come by a pipe."""
    manifest = ROOT / "k8s" / "base" / "deployment.yaml"
    answer = typed("inject", "-f", manifest, "--image", "stablehand:9")
    assert answer.returncode == 0
    assert answer.stderr.startswith("note: the sidecar reads stablehand.yaml from the ConfigMap")
    pod = yaml.safe_load(answer.stdout)["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["image"] == "stablehand:9"
    piped = typed("inject", "-f", "-", "--image", "stablehand:9", given=answer.stdout)
    assert piped.stdout == answer.stdout


def test_a_manifest_that_cannot_be_used_is_bad_usage(tmp_path: Path) -> None:
    """Exit 2 with the file's name, and nothing on standard output that could be applied."""
    path = tmp_path / "d.yaml"
    assert (
        one_line(typed("inject", "-f", path), 2)
        == f"{path} cannot be read: No such file or directory"
    )
    path.write_text("kind: Service\n", "utf-8")
    assert one_line(typed("inject", "-f", path), 2).startswith(f"{path}: there is no Deployment")
