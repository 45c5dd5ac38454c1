"""The model server: KServe V1 and V2 over real HTTP, its switch, and its command line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from proxy.demo.flights import COLUMNS, Flights
from proxy.demo.models import SORTED_ORDER, TRAINED_ORDER, Classifier, read
from proxy.demo.server import HOT_FIX_PATH, main, make_app

PREDICT = "/v1/models/flights:predict"


@asynccontextmanager
async def client_of(model: Classifier) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve a model on loopback, and give a session with its address as base."""
    runner = web.AppRunner(make_app(model, "flights"), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession(base) as session:
            yield session
    finally:
        await runner.cleanup()


def ask(model: Classifier, *calls: tuple[str, str, object]) -> list[tuple[int, object]]:
    """Make calls (method, path, body) one after the other; give statuses and bodies."""

    async def scenario() -> list[tuple[int, object]]:
        answers: list[tuple[int, object]] = []
        async with client_of(model) as session:
            for method, path, body in calls:
                async with session.request(method, path, json=body) as response:
                    answers.append((response.status, await response.json()))
        return answers

    return asyncio.run(scenario())


def test_v1_rows_by_name_and_by_place_get_probabilities(model_file: Path, flights: Flights) -> None:
    """One pair of probabilities for each row, whichever way the row is written."""
    rows = flights.rows(0, 2)
    by_place = [list(row.values()) for row in rows]
    answers = ask(
        read(model_file),
        ("POST", PREDICT, {"instances": rows}),
        ("POST", PREDICT, {"instances": by_place}),
    )
    assert answers == [(200, {"predictions": [[0.2, 0.8], [0.2, 0.8]]})] * 2


def test_v2_tensors_are_columns(model_file: Path, flights: Flights) -> None:
    """The shape of the answer says rows and classes; the id comes back."""
    rows = flights.rows(0, 2)
    inputs = [
        {"name": name, "shape": [2], "datatype": "FP64", "data": [row[name] for row in rows]}
        for name in COLUMNS
    ]
    ((status, body),) = ask(
        read(model_file), ("POST", "/v2/models/flights/infer", {"id": "7", "inputs": inputs})
    )
    assert status == 200
    assert body == {
        "model_name": "flights",
        "id": "7",
        "outputs": [
            {
                "name": "probabilities",
                "datatype": "FP64",
                "shape": [2, 2],
                "data": [0.2, 0.8, 0.2, 0.8],
            }
        ],
    }


def test_health_and_metadata_are_served(model_file: Path) -> None:
    """What a sidecar probes and what tools read."""
    paths = ("/v2/health/live", "/v2/health/ready", "/v2/models/flights/ready",
             "/v1/models/flights", "/v2/models/flights")  # fmt: skip
    answers = ask(read(model_file), *(("GET", path, None) for path in paths))
    assert [status for status, _ in answers] == [200] * 5
    metadata = answers[-1][1]
    assert isinstance(metadata, dict)
    assert [tensor["name"] for tensor in metadata["inputs"]] == list(COLUMNS)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (PREDICT, {"rows": []}, 400),
        (PREDICT, {"instances": [[1, 2]]}, 400),
        (PREDICT, {"instances": "x"}, 400),
        ("/v2/models/flights/infer", {"inputs": [{"name": "a"}]}, 400),
        ("/v1/models/other:predict", {"instances": []}, 404),
        ("/v2/models/other/infer", {"inputs": []}, 404),
        (HOT_FIX_PATH, {"applied": "perhaps"}, 400),
    ],
)
def test_a_wrong_request_gets_its_status_and_a_reason(
    model_file: Path, path: str, body: object, status: int
) -> None:
    """Never a 500: it would count as the model's failure."""
    ((given, answer),) = ask(read(model_file), ("POST", path, body))
    assert given == status
    assert isinstance(answer, dict)
    assert answer["error"]


def test_the_switch_applies_the_hot_fix_and_takes_it_back(model_file: Path) -> None:
    """It changes the order in which the model's columns are encoded."""
    model = read(model_file)
    assert ask(model, ("POST", HOT_FIX_PATH, {"applied": True})) == [(200, {"applied": True})]
    assert model.order == SORTED_ORDER
    ask(model, ("POST", HOT_FIX_PATH, {"applied": False}))
    assert model.order == TRAINED_ORDER


def test_the_process_tells_its_port_and_ends_when_told(model_file: Path) -> None:
    """What the director relies on: one line with the port, exit 0 on SIGTERM."""
    command = [sys.executable, "-m", "proxy.demo.server", "--model", str(model_file)]
    with subprocess.Popen([*command, "--name", "flights"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        process.terminate()
        assert process.wait(20) == 0


def test_a_missing_model_ends_the_process_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, no traceback."""
    assert main(["--model", str(tmp_path / "absent.npz"), "--name", "m"]) == 1
    assert "absent.npz" in capsys.readouterr().err
