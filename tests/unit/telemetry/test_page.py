"""The page: one document that runs nothing but itself and shows names as text."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import shutil
from pathlib import Path

import msgspec
import pytest

from proxy.telemetry.answers import serve_tcp
from proxy.telemetry.api import Api
from proxy.telemetry.desk import Desk, Status
from proxy.telemetry.page import page

MAX_PAGE_BYTES = 64 * 1024
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def inline(tag: str) -> str:
    """Give what stands inside the only element of this kind."""
    (found,) = re.findall(f"<{tag}>(.*?)</{tag}>", page().body.decode(), re.DOTALL)
    assert isinstance(found, str)
    return found


def test_the_policy_names_exactly_the_inline_parts() -> None:
    """The browser runs the script and the style of the page by their hashes, nothing else."""
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(inline(tag).encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in page().policy
    assert "unsafe" not in page().policy
    assert "default-src 'none'" in page().policy


def test_the_page_is_whole_and_asks_nobody_else() -> None:
    """No placeholder is left, no address of another host is in it, and it is small."""
    body = page().body.decode()
    assert "/*STYLE*/" not in body
    assert "/*SCRIPT*/" not in body
    assert set(re.findall(r"https?://[a-z0-9.]+", body)) <= {"http://www.w3.org"}
    assert re.findall(r"fetch\((.*?),", body) == ['"/api/v1/status"']
    assert len(page().body) < MAX_PAGE_BYTES


def test_the_page_has_no_way_to_run_text() -> None:
    """No markup from strings, no inline handlers or styles, no evaluation."""
    body = page().body.decode()
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert word not in body
    html = (Path(page.__code__.co_filename).parent / "static" / "page.html").read_text("utf-8")
    assert not re.search(r"\son\w+=|\sstyle=", html)


def test_the_script_uses_fields_that_exist() -> None:
    """Every field the script reads of the status is one the desk promises."""
    promised = {field.name for field in msgspec.structs.fields(Status)}
    read = set(re.findall(r"\b(?:status|s)\.([a-z_0-9]+)", inline("script")))
    assert read - {"go"} <= promised
    assert {"headline", "alarms", "streams", "timeline", "agreement", "routing"} <= promised & (
        read | set(re.findall(r"function draw\w+\(\{ (.*?) \}", inline("script")))
    )


@pytest.mark.slow
def test_a_browser_draws_it_and_a_hostile_name_stays_text(desk: Desk, tmp_path: Path) -> None:
    """In a real browser every section is drawn, offline, and markup in a name is only shown."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium here")

    class HostileDesk:
        """A desk whose every text is hostile."""

        def status(self) -> Status:
            status = desk.status()
            replace = msgspec.structs.replace
            return replace(
                status,
                title=EVIL,
                headline=EVIL,
                alarms=tuple(replace(alarm, words=EVIL) for alarm in status.alarms),
                streams=tuple(replace(one, subject=EVIL, summary=EVIL) for one in status.streams),
                timeline=tuple(replace(entry, text=EVIL) for entry in status.timeline),
            )

    async def run() -> tuple[str, str]:
        runner, port = await serve_tcp(Api(HostileDesk()).application(), "127.0.0.1", 0)  # type: ignore[arg-type]  # only status is asked
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            "--virtual-time-budget=5000",
            "--dump-dom",
        ]
        browser = await asyncio.create_subprocess_exec(
            chromium,
            *flags,
            f"--user-data-dir={tmp_path}",
            f"http://127.0.0.1:{port}/",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, log = await asyncio.wait_for(browser.communicate(), 90)
        await runner.cleanup()
        return out.decode(), log.decode()

    dom, log = asyncio.run(run())
    assert "CONSOLE" not in log, log
    title = re.findall("<title>(.*?)</title>", dom, re.DOTALL)[0]
    assert "&lt;img" in title
    assert "stablehand" in title
    drawn = dom.split("<main>")[1].split("<script>")[0]
    assert "<img" not in drawn
    for words in ("Agreement of the two models", "Drift, most suspect first", "What clients wait"):
        assert words in drawn
    assert drawn.count("&lt;img src=x") >= 4
