"""The supervisor with real children, models and ports: started, asked, reloaded, ended."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from proxy.config import Loaded, load
from proxy.ports import StartError, bind
from proxy.relay.settings import Listen
from proxy.supervisor import Supervisor
from proxy.telemetry.desk import DeskError

GRACE = "lame_duck_s: 0, grace_s: 2"


@pytest.fixture
def free_port() -> int:
    """Give a port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


@pytest.fixture
def taken() -> Iterator[int]:
    """Give a port that somebody listens on."""
    (one,) = bind(Listen(host="127.0.0.1", port=0))
    with one:
        yield one.getsockname()[1]


def written(folder: Path, model: str, *, listen: str = "port: 0", admin: str = "port: 0") -> Loaded:
    """Write and load a configuration for one model."""
    path = folder / "c.yaml"
    path.write_text(
        f"models: {{candidate: {{url: '{model}', health: /ready}}}}\n"
        f"listen: {{host: 127.0.0.1, {listen}, {GRACE}}}\n"
        f"admin: {{host: 127.0.0.1, {admin}}}\n",
        "utf-8",
    )
    return load(path, {})


async def model_server(name: str) -> tuple[web.AppRunner, str]:
    """Start a model that answers with its name; give its runner and address."""
    app = web.Application()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=name)

    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so; the test's time limit ends the waiting."""
    while not is_so():
        await asyncio.sleep(0.02)


async def got(url: str) -> str:
    """Give the body that a GET is answered with."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


async def restarted(supervisor: Supervisor) -> None:
    """Kill the watcher and wait until the next one shows life."""
    watcher = supervisor._watcher
    assert watcher is not None
    await until(watcher.is_alive)
    n_starts = watcher.n_starts
    watcher.send(signal.SIGKILL)
    await until(lambda: watcher.n_starts > n_starts and watcher.is_alive())


async def watched(supervisor: Supervisor, was_ready: list[bool]) -> None:
    """Look at the readiness again and again until a reload has ended."""
    while supervisor._is_reloading or not was_ready:
        was_ready.append(supervisor.ready()[0])
        await asyncio.sleep(0.01)


async def notes(supervisor: Supervisor) -> str:
    """Give what the watcher says is to know since its start."""
    connector = aiohttp.UnixConnector(str(supervisor._run_dir / "watcher.sock"))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://watcher/api/v1/status") as answer,
    ):
        return " ".join((await answer.json())["notes"])


def lived(folder: Path, port: int, talk: Callable[[Supervisor], Awaitable[None]]) -> int:
    """Run a supervisor over a model called `first` while `talk` lasts; give its exit code."""

    async def life() -> int:
        first, address = await model_server("first")
        supervisor = Supervisor(written(folder, address, listen=f"port: {port}"))
        running = asyncio.ensure_future(supervisor.run())
        try:
            await until(lambda: supervisor.ready()[0] or running.done())
            await talk(supervisor)
        finally:
            supervisor.drain("the test")
            code = await running
            await first.cleanup()
        return code

    return asyncio.run(life())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_data_port_in_use_is_one_line(tmp_path: Path, taken: int, workers: int) -> None:
    """The start ends before anything is started; sharing the port does not hide the stranger."""
    found = written(tmp_path, "http://127.0.0.1:1", listen=f"port: {taken}, workers: {workers}")
    with pytest.raises(StartError) as caught:
        asyncio.run(Supervisor(found).run())
    assert f"listen: 127.0.0.1:{taken} cannot be listened on" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_admin_port_in_use_gives_the_data_port_back(
    tmp_path: Path, taken: int, free_port: int
) -> None:
    """One line says which port; what was bound before is free again."""
    found = written(
        tmp_path, "http://127.0.0.1:1", listen=f"port: {free_port}", admin=f"port: {taken}"
    )
    with pytest.raises(StartError, match=f"admin: 127.0.0.1:{taken} cannot be listened on"):
        asyncio.run(Supervisor(found).run())
    (again,) = bind(Listen(host="127.0.0.1", port=free_port))
    again.close()


def test_a_host_that_is_no_name_is_one_line(tmp_path: Path) -> None:
    """A name that cannot even be looked up ends the start as any other does."""
    path = tmp_path / "c.yaml"
    path.write_text("models: {candidate: {url: 'http://h'}}\nlisten: {host: '..'}\n", "utf-8")
    with pytest.raises(StartError, match=r"listen: \.\.:8100 cannot be listened on"):
        asyncio.run(Supervisor(load(path, {})).run())


def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """The path, the reason and the key to change."""
    (tmp_path / "state").write_text("a file in the way", "utf-8")
    with pytest.raises(StartError, match=r"state.dir .*/state cannot be used: .*set state.dir"):
        asyncio.run(Supervisor(written(tmp_path, "http://127.0.0.1:1")).run())


def test_what_cannot_be_removed_does_not_spoil_the_end(tmp_path: Path) -> None:
    """A folder of our own in which something else lies stays, and the exit code with it."""
    supervisor = Supervisor(written(tmp_path, "http://127.0.0.1:1"))
    supervisor._run_dir = tmp_path / "apart"
    supervisor._run_dir.mkdir()
    (supervisor._run_dir / "theirs").touch()
    supervisor._remove_run_dir()
    assert (supervisor._run_dir / "theirs").exists()


def test_before_the_start_it_lives_but_is_not_ready(tmp_path: Path) -> None:
    """Liveness grants the first relays their time; readiness names all that is missing."""
    supervisor = Supervisor(written(tmp_path, "http://127.0.0.1:1"))
    assert supervisor.alive() == (True, [])
    assert supervisor.ready() == (
        False,
        ["no relay is listening yet", "no model is ready yet"],
    )
    assert supervisor.processes() == {}
    assert supervisor.reloaded()


def test_a_drain_is_told_in_the_readiness(tmp_path: Path) -> None:
    """Who asked first stands as the reason, and no reload is begun any more."""
    supervisor = Supervisor(written(tmp_path, "http://127.0.0.1:1"))
    told = supervisor.drain("ada")
    assert told == {"draining": True, "because": "drain asked for by ada", "grace_s": 2.0}
    supervisor.drain("bob")
    assert supervisor.ready()[1][0] == "draining (drain asked for by ada)"
    with pytest.raises(DeskError, match="draining") as caught:
        asyncio.run(supervisor.reload("ada"))
    assert caught.value.status == 409


def test_a_reload_with_tls_files_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """New relays could not start with them; the old ones and their settings stay."""
    supervisor = Supervisor(written(tmp_path, "http://127.0.0.1:1"))
    path = supervisor._loaded.path
    text = path.read_text("utf-8")
    tls = "tls: {certificate: none.pem, key: none.pem}, "
    path.write_text(text.replace("listen: {", f"listen: {{{tls}", 1), "utf-8")
    before = supervisor._loaded
    with pytest.raises(DeskError, match=r"none\.pem cannot be read") as caught:
        asyncio.run(supervisor.reload("ada"))
    assert (caught.value.status, caught.value.code) == (422, "bad_config")
    assert supervisor._loaded is before
    assert not supervisor.reloaded()


def test_a_life_with_reloads(tmp_path: Path, free_port: int) -> None:
    """It serves, refuses a bad file, follows a good one to another model, and ends with 0."""
    path = tmp_path / "c.yaml"
    url = f"http://127.0.0.1:{free_port}/v2/models/m/infer"

    async def talk(supervisor: Supervisor) -> None:
        assert await got(url) == "first"
        assert {"relay-0", "watcher"} == set(supervisor.processes())
        assert supervisor.alive() == (True, [])
        unchanged = await supervisor.reload("ada")
        assert unchanged["changed"] is False

        good = path.read_text("utf-8")
        path.write_text(good + "mirorr: {}\n", "utf-8")
        with pytest.raises(DeskError, match=r"mirorr: unknown key; did you mean 'mirror'"):
            await supervisor.reload("ada")
        path.write_text(good + "benchmark: none.json\n", "utf-8")
        with pytest.raises(DeskError, match=r"none.json: it cannot be read") as caught:
            await supervisor.reload("ada")
        assert caught.value.code == "bad_benchmark"
        assert not supervisor.reloaded()
        assert await got(url) == "first"
        await restarted(supervisor)
        assert "No benchmark is configured" in await notes(supervisor)

        second, address = await model_server("second")
        written(tmp_path, address, listen=f"port: {free_port}")
        old_watcher = supervisor._watcher
        was_ready: list[bool] = []
        both = await asyncio.gather(
            supervisor.reload("ada"),
            supervisor.reload("bob"),
            watched(supervisor, was_ready),
            return_exceptions=True,
        )
        assert all(was_ready)  # the old relay listens until the new one does
        assert isinstance(both[0], dict)
        assert both[0]["changed"] is True
        assert isinstance(both[1], DeskError)
        assert both[1].code == "busy"
        assert supervisor.reloaded()
        assert supervisor._watcher is not old_watcher
        assert supervisor.ready() == (True, [])
        await until(supervisor._all_listen)
        await until(lambda: all(child.pid is None for child in supervisor._retired))
        assert await got(url) == "second"
        await second.cleanup()
        await until(lambda: not supervisor.ready()[0])
        assert "no model is ready (candidate: " in supervisor.ready()[1][0]

    assert lived(tmp_path, free_port, talk) == 0


def test_a_second_signal_ends_it_now(tmp_path: Path, free_port: int) -> None:
    """The first one drains; only another signal, not a drain asked for before, cuts what runs."""

    async def talk(supervisor: Supervisor) -> None:
        supervisor.drain("ada")
        supervisor._on_signal(signal.SIGTERM.name)
        assert not supervisor._now.is_set()
        supervisor._on_signal(signal.SIGTERM.name)
        assert supervisor._now.is_set()

    assert lived(tmp_path, free_port, talk) == 0
