"""Setting the stage: data, trained models, servers, certification, sidecar, traffic, receiver."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
import numpy as np
import yaml

from proxy import benchmark as benchmark_module
from proxy.certify.certify import Load, Order, Progress, certify
from proxy.certify.command import write
from proxy.certify.files import CertifyError
from proxy.certify.recorded import Recorded, write_requests
from proxy.demo.flights import CERTIFICATION, COLUMNS, REPLAY, START, DemoError, Flights, load
from proxy.demo.models import TrainedFiles, train
from proxy.demo.processes import MODEL_NAME, ModelServer, Sidecar, free_port
from proxy.demo.receiver import Receiver
from proxy.demo.traffic import Traffic, request_body
from proxy.records import Model
from proxy.relay.settings import Models, Upstream
from proxy.tasks import TaskGroup
from proxy.telemetry.desk import Status

PREDICT: Final = f"/v1/models/{MODEL_NAME}:predict"
STATUS_TIMEOUT_S: Final = 3.0
SEED: Final = 2013
N_SINGLE: Final = 3000
"""Recorded requests of one row, as the replay sends them: latency is certified with these."""
BATCH_ROWS: Final = 20
"""Rows of every later recorded request: what the models answer is certified on all rows of two
months, and batches make that a matter of seconds."""
_decode_status: Final = msgspec.json.Decoder(Status).decode

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the user chose."""

    folder: Path
    """Where data, models, benchmark, state and logs are kept."""
    start: str = START
    """First day of the replay."""
    rate_per_s: float
    fresh: bool = False
    """Train and certify again."""


@dataclass(slots=True, kw_only=True)
class Company:
    """Everyone who takes part, running."""

    session: aiohttp.ClientSession
    candidate: ModelServer
    stable: ModelServer
    sidecar: Sidecar
    receiver: Receiver
    traffic: Traffic
    admin_url: str
    data_url: str
    folder: Path

    trouble: str = ""
    """Why the status could not be read the last time."""

    async def status(self) -> Status | None:
        """Give the sidecar's status; None when it does not answer, with the reason in `trouble`."""
        try:
            async with self.session.get(f"{self.admin_url}/api/v1/status") as response:
                body = await response.read()
                if response.status == 200:  # noqa: PLR2004 - what HTTP calls done
                    return _decode_status(body)
                self.trouble = f"status {response.status}: {body[:200].decode(errors='replace')}"
        except (aiohttp.ClientError, TimeoutError) as error:
            self.trouble = str(error) or type(error).__name__
        return None

    async def order(self, what: str, body: dict[str, str]) -> None:
        """Do what an operator does: `POST /api/v1/WHAT`.

        Raises:
            DemoError: it was refused.
        """
        url = f"{self.admin_url}/api/v1/{what}"
        async with self.session.post(url, json=body) as response:
            if response.status >= 300:  # noqa: PLR2004 - HTTP: beyond success
                raise DemoError(
                    f"POST {url} was answered {response.status}: {await response.text()}"
                )


@asynccontextmanager
async def set_up(choices: Choices, say: Say, progress: Progress) -> AsyncIterator[Company]:
    """Start everything, give it, and stop everything.

    Raises:
        DemoError: something cannot be had or started.
    """
    say("reading 327,000 flights and their weather")
    flights = load(choices.folder)
    say("training two models on January to May")
    files = train(flights, choices.folder)
    async with AsyncExitStack() as stack:
        logs = choices.folder / "logs"
        servers = {model: ModelServer(f"{model}-server", files.of(model), logs) for model in Model}
        for server in servers.values():
            stack.push_async_callback(server.stop)
            await server.serve()
        say("certifying both models on June and July")
        benchmark = await _certified(choices, flights, files, servers, progress)
        receiver = Receiver()
        stack.push_async_callback(receiver.close)
        await receiver.start()
        timeout = aiohttp.ClientTimeout(total=STATUS_TIMEOUT_S)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        say("starting the sidecar")
        data_url, admin_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        config = write_config(
            choices.folder, servers, (data_url, admin_url, receiver.url), benchmark
        )
        sidecar = Sidecar(config, admin_url, logs)
        stack.push_async_callback(sidecar.stop)
        await sidecar.serve(session)
        replay = flights.between((choices.start, REPLAY[1]))
        traffic = Traffic(
            data_url + PREDICT, replay, np.random.default_rng(SEED), choices.rate_per_s
        )
        tasks = TaskGroup("demo")
        stack.push_async_callback(tasks.close)
        tasks.spawn("traffic", traffic.run())
        yield Company(
            session=session,
            candidate=servers[Model.CANDIDATE],
            stable=servers[Model.STABLE],
            sidecar=sidecar,
            receiver=receiver,
            traffic=traffic,
            admin_url=admin_url,
            data_url=data_url,
            folder=choices.folder,
        )
        await traffic.close()


def template_path() -> Path:
    """Give `demo.yaml`: beside this file in an installed package, in `config/` in a clone.

    Raises:
        DemoError: it is in neither.
    """
    here = Path(__file__)
    for path in (here.with_name("demo.yaml"), here.parents[2] / "config" / "demo.yaml"):
        if path.is_file():
            return path
    raise DemoError("demo.yaml is missing from this installation; install stablehand again")


def write_config(
    folder: Path,
    servers: dict[Model, ModelServer],
    urls: tuple[str, str, str],
    benchmark: Path,
) -> Path:
    """Write the sidecar's configuration: the template with the free ports and own paths.

    Args:
        folder: where to write it; the state begins empty.
        servers: the model servers.
        urls: addresses of the data port, the admin door and the alert receiver.
        benchmark: the benchmark file.
    """
    data_url, admin_url, alerts_url = urls
    config = yaml.safe_load(template_path().read_text(encoding="utf-8"))
    config["listen"]["port"] = int(data_url.rpartition(":")[2])
    config["admin"]["port"] = int(admin_url.rpartition(":")[2])
    for model, server in servers.items():
        config["models"][model.value]["url"] = server.url
    config["benchmark"] = str(benchmark.resolve())
    config["alerts"]["receivers"][0]["url"] = alerts_url
    state = folder / "state"
    _empty(state)
    config["state"]["dir"] = str(state.resolve())
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def _empty(folder: Path) -> None:
    """Remove what an earlier run of the sidecar left."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


async def _certified(
    choices: Choices,
    flights: Flights,
    files: TrainedFiles,
    servers: dict[Model, ModelServer],
    progress: Progress,
) -> Path:
    """Give the benchmark of the two models, from the cache when they are the same.

    Raises:
        DemoError: certification failed.
    """
    folder = choices.folder
    path = folder / f"benchmark-{_key(files)}.json"
    if path.is_file() and not choices.fresh:
        return path
    reference, requests = folder / "reference.csv", folder / "requests.jsonl"
    _write_files(flights.between(CERTIFICATION), reference, requests)
    names = {Model.CANDIDATE: "flights-trees", Model.STABLE: "flights-logistic"}
    upstreams = {model: Upstream(name=names[model], url=servers[model].url) for model in Model}
    order = Order(
        models=Models(candidate=upstreams[Model.CANDIDATE], stable=upstreams[Model.STABLE]),
        reference=reference,
        requests=requests,
        load=Load(per_level=1500),
        model_files={model: files.of(model) for model in Model},
    )
    try:
        write(await certify(order, progress, np.random.default_rng(SEED)), path)
    except CertifyError as error:
        raise DemoError(f"certification failed: {error}") from error
    return path


def _key(files: TrainedFiles) -> str:
    """Give a key that changes with the models, and with the form of the benchmark."""
    digest = hashlib.sha256()
    sources = Path(benchmark_module.__file__).parent
    for path in (
        files.candidate,
        files.stable,
        Path(benchmark_module.__file__),
        *sorted((sources / "stats").glob("*.py")),
        *sorted((sources / "certify").glob("*.py")),
        *sorted((sources / "payload").rglob("*.py")),
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _write_files(flights: Flights, reference: Path, requests: Path) -> None:
    """Write what certification reads: the rows as CSV, and the requests that ask about them."""
    rows = flights.rows(0, len(flights))
    with reference.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    starts = [*range(min(N_SINGLE, len(rows))), *range(N_SINGLE, len(rows), BATCH_ROWS)]
    headers = {"content-type": "application/json"}
    recorded = [
        Recorded("POST", PREDICT, headers, request_body(*rows[start:stop]))
        for start, stop in pairwise([*starts, len(rows)])
    ]
    write_requests(requests, recorded)
