"""Against the real Alertmanager: it accepts, shows, groups, keeps alive and resolves our alerts."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import aiohttp
import msgspec
import pytest

import made
from proxy.actuators.notice import Notice
from proxy.actuators.notify import Notifier
from proxy.actuators.settings import AlertsSettings, Receiver

Listening = Callable[..., AbstractAsyncContextManager["Inbox"]]
BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="no Alertmanager is installed"),
]
CONFIGURATION = """
route: {{receiver: ops, group_by: [candidate], group_wait: 1s, group_interval: 1s}}
receivers: [{{name: ops, webhook_configs: [{{url: "http://127.0.0.1:{port}/am"}}]}}]
"""


class Alert(msgspec.Struct):
    """What is looked at of an alert that Alertmanager shows."""

    labels: dict[str, str]


class Inbox(Protocol):
    """What a test sees of a receiver; the real one is in conftest.py."""

    port: int
    bodies: list[bytes]


def notice(**changes: object) -> Notice:
    """Make a notice of now."""
    now = datetime.now(UTC)
    times = {"since_utc": (now - timedelta(minutes=1)).isoformat(), "at_utc": now.isoformat()}
    return made.notice(**(times | changes))


@contextmanager
def alertmanager(folder: Path, webhook_port: int, port: int) -> Iterator[str]:
    """Run Alertmanager on the loopback; give its address."""
    assert BINARY is not None
    config = folder / "alertmanager.yml"
    config.write_text(CONFIGURATION.format(port=webhook_port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                BINARY,
                f"--config.file={config}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


async def alerts(session: aiohttp.ClientSession, url: str) -> list[Alert]:
    """Ask which alerts are active; nothing while it starts."""
    try:
        async with session.get(f"{url}/api/v2/alerts") as answer:
            return msgspec.json.decode(await answer.read(), type=list[Alert])
    except aiohttp.ClientError:
        return []


async def names(session: aiohttp.ClientSession, url: str) -> set[str]:
    """Give the names of the active alerts."""
    return {it.labels["alertname"] for it in await alerts(session, url)}


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.05)


def test_alertmanager_takes_groups_and_resolves_our_alerts(
    tmp_path: Path, unused_port: int, listening: Listening
) -> None:
    """Two replicas with one trouble are one alert per alarm, in one group, until both end it."""

    async def run() -> None:
        async with listening() as inbox, aiohttp.ClientSession() as session:
            with alertmanager(tmp_path, inbox.port, unused_port) as url:
                door = Receiver(
                    name="am", type="alertmanager", url=url, allow_http=True, allow_private=True
                )
                settings = AlertsSettings(receivers=(door,), retry_max_s=0.2)
                results: list[str] = []
                replicas = [
                    Notifier(
                        settings, tmp_path / str(number), count=lambda _, it: results.append(it)
                    )
                    for number in range(2)
                ]
                for number, replica in enumerate(replicas):
                    replica.start()
                    replica.offer(notice(id=f"{number}/x", source=f"pod-{number}"))
                await until(lambda: results.count("sent") == 2)
                active = await names(session, url)
                assert active == {"StablehandDisagreement", "StablehandOutputDrift"}
                assert len(await alerts(session, url)) == 2
                await until(lambda: bool(inbox.bodies))
                told = msgspec.json.decode(inbox.bodies[0])
                assert told["status"] == "firing"
                assert len(told["alerts"]) == 2
                for number, replica in enumerate(replicas):
                    replica.offer(notice(id=f"{number}/end", kind="resolved"))
                await until(lambda: results.count("sent") == 4)
                await until(lambda: b'"status":"resolved"' in inbox.bodies[-1])
                assert await names(session, url) == set()
                assert "rejected" not in results
                for replica in replicas:
                    await replica.close()

    asyncio.run(run())
