"""A look at real small servers becomes a configuration that loads and says what was found."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from proxy import config
from proxy.commands.init import AddressError, InitError, Seen, compose, look, save

KSERVE_V2 = {"/v2": {"name": "triton", "version": "2.1"}, "/v2/health/ready": {}}
KSERVE_V1 = {"/v1/models": {"models": ["churn"]}}
OPENAI = {
    "/v1/models": {"object": "list", "data": [{"id": "llama-3:8b"}, {"id": "b"}]},
    "/health": {},
}
SAGEMAKER = {"/ping": {}}
FASTAPI = {
    "/openapi.json": {
        "openapi": "3.1.0",
        "info": {"title": "Churn service"},
        "paths": {
            "/predict/{tenant}": {"post": {}},
            "/admin/reload": {"post": {}},
            "/v1/models/m:predict": {"post": {}},
            "/v2/models/{model}/infer": {"post": {}},
            "/docs": {"get": {}},
            "/score.json": {"post": {}},
            '/evil"\n: x': {"post": {}},
        },
    },
    "/healthz": {},
}


def looked(answers: Mapping[str, object], *, every_path: bool = False) -> Seen:
    """Look at a server with these answers; other paths are 404, or 200 with `every_path`."""

    async def scenario() -> Seen:
        async def answer(request: web.Request) -> web.Response:
            if request.path in answers:
                return web.json_response(answers[request.path])
            return web.Response(text="<html>", status=200 if every_path else 404)

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            return await look(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        finally:
            await runner.cleanup()

    return asyncio.run(scenario())


def loaded(folder: Path, seen: Seen, stable: Seen | None = None) -> config.Config:
    """Write what was found and load it."""
    path = folder / "c.yaml"
    save(compose(seen, stable), path, force=True)
    return config.load(path, {}).config


@pytest.mark.parametrize(
    ("answers", "speaks", "health", "name"),
    [
        (KSERVE_V2, "Open Inference Protocol (KServe V2), server triton", "/v2/health/ready", None),
        (KSERVE_V1, "KServe V1, models: churn", None, "churn"),
        (OPENAI, "OpenAI's API, models: llama-3:8b, b", "/health", None),
        (SAGEMAKER, "/ping, as servers for SageMaker", "/ping", None),
        (FASTAPI, "OpenAPI, application Churn service", "/healthz", None),
    ],
    ids=["kserve_v2", "kserve_v1", "openai", "sagemaker", "fastapi"],
)
def test_a_server_is_known_by_its_answers(
    tmp_path: Path, answers: Mapping[str, object], speaks: str, health: str | None, name: str | None
) -> None:
    """Protocol, readiness and, where there is one model only, its name stand in the file."""
    seen = looked(answers)
    assert len(seen.speaks) == 1
    assert seen.speaks[0].startswith(speaks)
    found = loaded(tmp_path, seen).models.candidate
    assert (found.url, found.health, found.name) == (seen.url, health, name or "candidate")
    assert f"# Found there: {speaks}" in (tmp_path / "c.yaml").read_text("utf-8")


def test_paths_of_its_own_are_sampled_when_they_look_like_inference(tmp_path: Path) -> None:
    """Unknown POST paths are named, likely ones in force, others as comments; none is invented."""
    seen = looked(FASTAPI)
    assert seen.own_paths == ("/predict/{tenant}", "/admin/reload", "/score.json")
    paths = loaded(tmp_path, seen).payload.paths
    assert set(paths) == {"^/predict/[^/]+$", "^/score[.]json$"}
    (predict, score) = paths
    assert re.search(predict, "/predict/a")
    assert not re.search(predict, "/predict/a/b")
    assert not re.search(score, "/scorexjson")
    assert '    # "^/admin/reload$": json' in (tmp_path / "c.yaml").read_text("utf-8")


def test_a_server_that_answers_everything_proves_nothing(tmp_path: Path) -> None:
    """A page for every path is neither readiness nor a protocol; the file says what to name."""
    seen = looked({}, every_path=True)
    assert seen == Seen(url=seen.url, speaks=(), health=None, names=(), own_paths=())
    assert loaded(tmp_path, seen).models.candidate.health is None
    text = (tmp_path / "c.yaml").read_text("utf-8")
    assert "# Found there: nothing that is known." in text
    assert '# payload:\n#   paths:\n#     "^/predict$": json' in text
    assert "nobody looks at it" in text


def test_a_stable_model_is_looked_at_too(tmp_path: Path) -> None:
    """Both stand in the file, and mirroring with them."""
    found = loaded(tmp_path, looked(KSERVE_V2), looked(KSERVE_V1))
    assert found.models.stable is not None
    assert found.models.stable.name == "churn"
    assert found.mirror.fraction == 0.05
    assert not found.policy.dry_run


@pytest.mark.parametrize(
    "odd",
    ["x\n  host: evil", '"', "é\ud800", "#", "a" * 500, 7, None, {"a": 1}, "${file:/etc/passwd}"],
)
def test_what_a_server_says_cannot_break_the_file(tmp_path: Path, odd: object) -> None:
    """Names and titles are cut to harmless words: a model server does not write configuration."""
    answers = {
        "/v2": {"name": odd},
        "/v1/models": {"data": [{"id": odd}, odd]},
        "/openapi.json": {"openapi": "3", "info": {"title": odd}, "paths": {str(odd): {"post": 1}}},
    }
    found = loaded(tmp_path, looked(answers))
    assert found.models.candidate.host is None
    assert re.fullmatch(r"[A-Za-z0-9 ._/:@+-]{1,60}", found.models.candidate.name)
    assert not found.payload.paths


def test_nobody_there_is_one_line() -> None:
    """The model is not running: which address, why, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    with pytest.raises(InitError, match=f"http://127.0.0.1:{port} does not answer .*running"):
        asyncio.run(look(f"http://127.0.0.1:{port}"))


def test_a_server_that_speaks_something_else_is_one_line() -> None:
    """Another protocol on the port is told as such."""

    async def scenario() -> None:
        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail ready\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await look(f"http://127.0.0.1:{port}")

    with pytest.raises(InitError, match="does not speak HTTP"):
        asyncio.run(scenario())


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://h", "http://h/path", "http://[::1"])
def test_what_is_no_address_is_bad_usage(url: str) -> None:
    """Nothing is sent anywhere."""
    with pytest.raises(AddressError):
        asyncio.run(look(url))


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    """Work of hours is not written over by a habit; `--force` is a decision."""
    path = tmp_path / "c.yaml"
    path.write_text("precious", "utf-8")
    with pytest.raises(AddressError, match="is there already; choose another -o, or --force"):
        save("new", path, force=False)
    assert path.read_text("utf-8") == "precious"
    save("new", path, force=True)
    assert path.read_text("utf-8") == "new"
    with pytest.raises(InitError, match=r"none/c.yaml cannot be written: No such file"):
        save("new", tmp_path / "none" / "c.yaml", force=False)
