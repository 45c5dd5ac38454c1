"""A watcher runs, answers, ends in order, and the next one goes on where it was killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest

from proxy.config import load
from proxy.link.frames import FrameSplitter, read_pulse
from proxy.records import Model, Pulse
from proxy.watcher.process import Watcher, _admin_url

MakeWatcher = Callable[..., Watcher]


def lived(watcher: Watcher, talk: Callable[[aiohttp.ClientSession], Awaitable[None]]) -> int:
    """Run a watcher while `talk` lasts; give its exit code."""

    async def life() -> int:
        running = asyncio.ensure_future(watcher.run())
        path = watcher._run_dir / "watcher.sock"
        while not path.exists() and not running.done():
            await asyncio.sleep(0.01)
        try:
            connector = aiohttp.UnixConnector(str(path))
            async with aiohttp.ClientSession(connector=connector) as session:
                await talk(session)
        finally:
            watcher._ending.set()
            code = await running
        return code

    return asyncio.run(life())


async def nothing(_: aiohttp.ClientSession) -> None:
    """Say nothing."""


def test_it_answers_and_ends_with_zero(make_watcher: MakeWatcher) -> None:
    """The status comes over the unix socket; begin and state are on disk."""
    watcher = make_watcher()

    async def talk(session: aiohttp.ClientSession) -> None:
        async with session.get("http://watcher/api/v1/status") as answer:
            assert answer.status == 200
            assert (await answer.json())["title"] == "churn-2"

    assert lived(watcher, talk) == 0
    first = json.loads(
        (watcher._loaded.state_dir / "journal.jsonl").read_text("utf-8").split("\n")[0]
    )
    assert first["kind"] == "start"
    assert (watcher._loaded.state_dir / "watcher.state").exists()


def test_a_state_that_was_removed_under_it_is_begun_anew(
    make_watcher: MakeWatcher, tmp_path: Path
) -> None:
    """The folder of the sockets lies in it; relays come back to the same paths."""
    given = make_watcher()
    given._journal.close()
    shutil.rmtree(given._loaded.state_dir)
    fresh = Watcher(given._loaded, tmp_path / "gone" / "run", None, given._writer)
    assert lived(fresh, nothing) == 0
    assert (given._loaded.state_dir / "watcher.state").exists()


def test_an_order_over_the_socket_outlives_the_process(make_watcher: MakeWatcher) -> None:
    """Routing and override are taken up by the next life, under the same name of the instance."""
    first = make_watcher()

    async def talk(session: aiohttp.ClientSession) -> None:
        body = {"serving": "stable", "by": "ada", "why": ""}
        async with session.post("http://watcher/api/v1/routing", json=body) as answer:
            assert answer.status == 200

    assert lived(first, talk) == 0
    second = make_watcher()
    assert second._pipeline.routing.serving is Model.STABLE
    assert second._pipeline.posture.override is Model.STABLE
    assert second._hands._instance == first._hands._instance


def test_a_duty_that_fails_ends_the_process_with_one(make_watcher: MakeWatcher) -> None:
    """A bug is seen from outside, and the supervisor starts the watcher again."""
    watcher = make_watcher()
    watcher._pulse_fd = -1  # no such descriptor: writing to it ends the watcher in order
    assert lived(watcher, until_ended(watcher)) == 0
    broken = make_watcher()
    broken._traffic = None  # type: ignore[assignment]  # a bug, as far as the process can tell
    broken._desk = None  # type: ignore[assignment]  # same
    broken._writer = None  # type: ignore[assignment]  # same: the pulse's duty fails on it
    assert lived(broken, until_ended(broken)) == 1


def until_ended(watcher: Watcher) -> Callable[[aiohttp.ClientSession], Awaitable[None]]:
    """Give a talk that waits until the watcher means to end."""

    async def wait(_: aiohttp.ClientSession) -> None:
        await watcher._ending.wait()

    return wait


def test_it_shows_life_once_a_second(make_watcher: MakeWatcher) -> None:
    """The supervisor reads pulses of the right process, not draining."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    watcher = make_watcher(pulse_fd=writing)

    async def talk(_: aiohttp.ClientSession) -> None:
        raw = await asyncio.to_thread(os.read, reading, 65536)
        (body,) = FrameSplitter(max_frame_bytes=65536).feed(raw)
        pulse = read_pulse(body)
        assert (pulse.worker, pulse.pid, pulse.draining) == (-1, os.getpid(), False)

    try:
        assert lived(watcher, talk) == 0
    finally:
        os.close(reading)
        os.close(writing)


def test_a_supervisor_that_is_gone_ends_it(make_watcher: MakeWatcher) -> None:
    """No orphan goes on watching: the pipe tells."""
    reading, writing = os.pipe()
    os.close(reading)
    watcher = make_watcher(pulse_fd=writing)
    try:
        assert lived(watcher, until_ended(watcher)) == 0
    finally:
        os.close(writing)


def test_a_report_that_cannot_be_taken_costs_no_other(
    make_watcher: MakeWatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted under a metric, and told once; the link lives on."""
    watcher = make_watcher()
    pulse = Pulse(
        worker=0,
        pid=1,
        at_s=1.0,
        listening=True,
        draining=False,
        connections=1,
        in_flight={},
        lag_s=0.0,
        epoch=0,
        dropped={},
    )
    bad = msgspec.structs.replace(pulse, worker=1, dropped=None)  # what no relay sends
    watcher._received([bad, pulse, bad])
    assert watcher._pulses[0] == pulse
    assert [one.message for one in caplog.records if "could not be taken in" in one.message] == [
        "a report could not be taken in; others like it are only counted"
    ]
    body, _ = watcher._metrics.render("")
    assert b'stablehand_link_dropped_total{kind="unreadable"} 2' in body


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:9"), ("::1", "http://[::1]:9"), ("0.0.0.0", "http://")],
)
def test_links_lead_to_the_status_page(tmp_path: Path, host: str, url: str) -> None:
    """Whatever the admin port is bound to, the address can be opened."""
    path = tmp_path / "c.yaml"
    path.write_text(
        f"models: {{candidate: {{url: 'http://h'}}}}\nadmin: {{host: '{host}', port: 9}}\n", "utf-8"
    )
    found = _admin_url(load(path, {}))
    assert found.startswith(url)
    assert "0.0.0.0" not in found
