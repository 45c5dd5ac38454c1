"""A real Prometheus scrapes the door and answers every query of the dashboard."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import aiohttp
import pytest

import made
from proxy.records import (
    AlarmName,
    Fate,
    LabelNews,
    Model,
    Position,
    Pulse,
    Routing,
    Side,
    Stream,
)
from proxy.telemetry.answers import serve_tcp, serve_unix
from proxy.telemetry.api import Api
from proxy.telemetry.desk import ProcessVitals
from proxy.telemetry.door import Door
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.settings import Admin

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = json.loads((ROOT / "config" / "grafana-dashboard.json").read_text("utf-8"))
PATIENCE_S = 60


class Sidecar:
    """Desk and vitals of a sidecar with a little traffic and one of everything."""

    def __init__(self) -> None:
        """Begin with one exchange of each kind; more come with every scrape."""
        self.numbers = Metrics(version="1", config_sha256="0")
        self.numbers.routing(Routing(), "start")
        stream = {"stream": "temp", "effect": 0.1, "unit": "sd", "evidence": 2.0}
        self.numbers.detail(AlarmName.INPUT_DRIFT, {"streams": [stream]})
        self.numbers.disagreement(0.1, (0.05, 0.15))
        self.numbers.alert("pager", "sent")
        self.numbers.capture_result(Side.INPUT, "decoded")

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """Serve a request by each model, then render."""
        for model, position in (
            (Model.CANDIDATE, Position.SERVING),
            (Model.STABLE, Position.SHADOW),
        ):
            self.numbers.observe(
                made.exchange(model=model, position=position, stream=Stream(0.1, 3, 0.05, 0.06))
            )  # fmt: skip
        self.numbers.labels(
            LabelNews(
                fates={Fate.JOINED: 1},
                delays_s=(30.0,),
                figures=(("candidate", "accuracy", "labelled", 0.9),),
                coverage=0.5,
            )
        )
        in_flight = {"candidate/serving": 1}
        now_s = asyncio.get_running_loop().time()
        self.numbers.pulse(
            Pulse(0, 1, now_s, listening=True, draining=False, connections=1, in_flight=in_flight,
                  lag_s=0.001, epoch=0, dropped={})
        )  # fmt: skip
        return self.numbers.render(accept)

    def processes(self) -> dict[str, ProcessVitals]:
        """Give one process."""
        return {"watcher": ProcessVitals(up=True, restarts=0)}

    def reloaded(self) -> bool:
        """Give that the last configuration is in force."""
        return True


def settings(folder: Path, port: int) -> Path:
    """Write a scrape configuration; the labels are those that a pod would have."""
    file = folder / "prometheus.yml"
    file.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: stablehand\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{pod: a}}}}]\n",
        "utf-8",
    )
    return file


async def free_port() -> int:
    """Find a port that nobody listens on."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


async def answers(session: aiohttp.ClientSession, query: str) -> list[object]:
    """Ask Prometheus; an error in the query fails the test."""
    filled = query.replace("$__rate_interval", "1m").replace("$namespace", ".*")
    async with session.get(
        "/api/v1/query", params={"query": filled.replace("$pod", ".*")}
    ) as answer:
        body = await answer.json()
        assert body["status"] == "success", (query, body)
        found: list[object] = body["data"]["result"]
        return found


async def scraped_twice(session: aiohttp.ClientSession) -> bool:
    """Wait until there are rates, for at most `PATIENCE_S`."""
    for _ in range(PATIENCE_S * 4):
        try:
            if await answers(session, "rate(stablehand_requests_total[1m]) > 0"):
                return True
        except aiohttp.ClientError:
            pass  # Prometheus is still starting
        await asyncio.sleep(0.25)
    return False


@pytest.mark.slow
def test_every_query_of_the_dashboard_is_answered(tmp_path: Path) -> None:
    """Scraped through the door, each panel's query runs, and those with data at hand give some."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus here")
    sidecar = Sidecar()

    async def run() -> None:
        behind = await serve_unix(Api(sidecar).application(), tmp_path / "s")  # type: ignore[arg-type]  # only metrics are asked
        door = Door(sidecar, Admin(), tmp_path / "s")  # type: ignore[arg-type]  # only metrics are asked
        runner, port = await serve_tcp(door.application(), "127.0.0.1", 0)
        own = await free_port()
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={settings(tmp_path, port)}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{own}") as session:
                assert await scraped_twice(session)
                empty = [
                    panel["title"]
                    for panel in DASHBOARD["panels"]
                    for target in panel.get("targets", [])
                    if not await answers(session, target["expr"])
                ]
        finally:
            process.terminate()
            await process.wait()
            await runner.cleanup()
            await behind.cleanup()
        rare = {"Failures by reason", "Switches", "Actions", "Lost on the way"}
        of_a_fleet = {"Replicas", "Judged ticks", "Lost to the sum", "Clocks"}
        assert set(empty) <= rare | of_a_fleet

    asyncio.run(run())
