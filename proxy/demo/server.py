"""One model behind HTTP: a small server of the KServe protocols V1 and V2, in its own process.

`python -m proxy.demo.server --model FILE --name NAME` prints the port that it listens on and serves
until it is told to end. It speaks what a KServe model server speaks for this model (predict, infer,
readiness, metadata), and one thing of its own: `POST /demo/hot-fix {"applied": true}` puts the bug
of the demonstration in force, a fix that encodes the columns in alphabetical order although the
model was trained on another.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from aiohttp import web

from proxy.demo.flights import COLUMNS, NUMBERS, DemoError
from proxy.demo.models import SORTED_ORDER, TRAINED_ORDER, Classifier, Floats, read
from proxy.records import Scalar

HOT_FIX_PATH: Final = "/demo/hot-fix"
ORPHAN_CHECK_S: Final = 1.0
_MODEL: Final = web.AppKey("model", Classifier)
_NAME: Final = web.AppKey("name", str)


class V1Request(msgspec.Struct):
    """Body of a V1 prediction: rows by name, or as lists in the order of `COLUMNS`."""

    instances: list[dict[str, Scalar] | list[Scalar]]


class V2Tensor(msgspec.Struct):
    """One input of a V2 inference: a column."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Scalar]


class V2Request(msgspec.Struct):
    """Body of a V2 inference: one tensor for each column."""

    inputs: list[V2Tensor]
    id: str | None = None


class HotFix(msgspec.Struct):
    """Body of the switch."""

    applied: bool


_V1: Final = msgspec.json.Decoder(V1Request)
_V2: Final = msgspec.json.Decoder(V2Request)
_SWITCH: Final = msgspec.json.Decoder(HotFix)
_encode: Final = msgspec.json.Encoder().encode


def make_app(model: Classifier, name: str) -> web.Application:
    """Build the server of one model."""
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app[_MODEL], app[_NAME] = model, name
    app.add_routes(
        [
            # aiohttp has no place for the colon of `{name}:predict` but inside the expression.
            web.post("/v1/models/{name:[^/:]+}:predict", _predict),
            web.get("/v1/models/{name:[^/:]+}", _v1_status),
            web.post("/v2/models/{name:[^/:]+}/infer", _infer),
            web.get("/v2/models/{name:[^/:]+}", _v2_metadata),
            web.get("/v2/models/{name:[^/:]+}/ready", _v2_ready),
            web.get("/v2/health/live", _live),
            web.get("/v2/health/ready", _live),
            web.post(HOT_FIX_PATH, _hot_fix),
        ]
    )
    return app


def _answer(value: object, status: int = 200) -> web.Response:
    return web.Response(body=_encode(value), status=status, content_type="application/json")


def _unknown(request: web.Request) -> web.Response | None:
    """Give the answer to a request for a model that is not here; None when it is."""
    name = request.match_info["name"]
    if name == request.app[_NAME]:
        return None
    return _answer({"error": f"model {name} is not served here"}, status=404)


async def _predict(request: web.Request) -> web.Response:
    if (unknown := _unknown(request)) is not None:
        return unknown
    try:
        body = _V1.decode(await request.read())
        rows = [
            row if isinstance(row, dict) else dict(zip(COLUMNS, row, strict=True))
            for row in body.instances
        ]
    except (msgspec.MsgspecError, ValueError) as error:
        return _answer({"error": f"no valid V1 request: {error}"}, status=400)
    return _answer({"predictions": _predictions(request, rows).tolist()})


async def _infer(request: web.Request) -> web.Response:
    """Answer a V2 inference; its tensors are columns."""
    if (unknown := _unknown(request)) is not None:
        return unknown
    try:
        body = _V2.decode(await request.read())
        names = [tensor.name for tensor in body.inputs]
        columns = [tensor.data for tensor in body.inputs]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    except (msgspec.MsgspecError, ValueError) as error:
        return _answer({"error": f"no valid V2 request: {error}"}, status=400)
    probabilities = _predictions(request, rows)
    output = {
        "name": "probabilities",
        "datatype": "FP64",
        "shape": list(probabilities.shape),
        "data": probabilities.ravel().tolist(),
    }
    answer: dict[str, object] = {"model_name": request.app[_NAME], "outputs": [output]}
    if body.id is not None:
        answer["id"] = body.id
    return _answer(answer)


def _predictions(request: web.Request, rows: list[dict[str, Scalar]]) -> Floats:
    return request.app[_MODEL].predict(rows).round(6)


async def _v1_status(request: web.Request) -> web.Response:
    return _unknown(request) or _answer({"name": request.app[_NAME], "ready": True})


async def _v2_ready(request: web.Request) -> web.Response:
    return _unknown(request) or _answer({"name": request.app[_NAME], "ready": True})


async def _live(_: web.Request) -> web.Response:
    return _answer({"live": True})


async def _v2_metadata(request: web.Request) -> web.Response:
    inputs = [
        {"name": name, "datatype": "FP64" if name in NUMBERS else "BYTES", "shape": [-1]}
        for name in COLUMNS
    ]
    metadata: dict[str, object] = {
        "name": request.app[_NAME],
        "versions": ["1"],
        "platform": "numpy",
        "inputs": inputs,
        "outputs": [{"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]}],
    }
    return _unknown(request) or _answer(metadata)


async def _hot_fix(request: web.Request) -> web.Response:
    try:
        applied = _SWITCH.decode(await request.read()).applied
    except msgspec.MsgspecError as error:
        return _answer({"error": f'give {{"applied": true}} or false: {error}'}, status=400)
    request.app[_MODEL].order = SORTED_ORDER if applied else TRAINED_ORDER
    return _answer({"applied": applied})


async def serve(model: Classifier, name: str, port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM, SIGINT, or the end of the process that started this one."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_app(model, name), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    bound = runner.addresses[0][1]
    sys.stdout.write(f"{bound}\n")
    sys.stdout.flush()
    parent = os.getppid()
    while not stop.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(stop.wait(), ORPHAN_CHECK_S)
        except TimeoutError:
            continue
    await runner.cleanup()


def main(arguments: list[str] | None = None) -> int:
    """Run the server from the command line; give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m proxy.demo.server", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="file written by training")
    parser.add_argument("--name", required=True, help="name of the model in its paths")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: any free one")
    chosen = parser.parse_args(arguments)
    try:
        model = read(chosen.model)
        uvloop.run(serve(model, chosen.name, chosen.port))
    except (DemoError, OSError) as error:
        sys.stderr.write(f"model server: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
