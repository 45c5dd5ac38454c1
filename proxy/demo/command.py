"""What `stablehand demo` does: set the stage, play, sum up."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from rich.console import Console
from rich.progress import Progress

from proxy.certify.command import Bars
from proxy.demo.director import play
from proxy.demo.flights import START, DemoError
from proxy.demo.processes import memory_of
from proxy.demo.script import ACTS
from proxy.demo.stage import Choices, Company, set_up
from proxy.demo.traffic import RATE_PER_S
from proxy.demo.view import LiveView, PlainView, show_summary

TOLD: Final = ("input_drift", "disagreement")
"""Alarms whose incidents are worth reading after the demonstration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of the command."""

    folder: Path = Path(".demo")
    """Where data, models, benchmark, state and logs are kept."""
    start: str = START
    """First day of the replay, in August 2013."""
    rate_per_s: float = RATE_PER_S
    is_plain: bool = False
    """Lines instead of a live view."""
    keep: bool = False
    """Leave everything running until Ctrl-C."""
    fresh: bool = False
    """Certify again."""


def run(options: Options, console: Console) -> int:
    """Run the demonstration; give its exit code: 0 only if every act went as it should."""
    try:
        return asyncio.run(_run(options, console))
    except (DemoError, aiohttp.ClientError, OSError) as error:
        console.print(f"demo: {error}", style="red", markup=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("demo: interrupted; everything is stopped")
        return 1


async def _run(options: Options, console: Console) -> int:
    """Set the stage, play, sum up, and stay if asked to; everything is stopped in any case."""
    _end_in_order_on(signal.SIGTERM)
    is_plain = options.is_plain or not console.is_terminal
    view = PlainView(console) if is_plain else LiveView(console)
    choices = Choices(
        folder=options.folder,
        start=options.start,
        rate_per_s=options.rate_per_s,
        fresh=options.fresh,
    )
    bars = Progress(console=console, transient=True, disable=is_plain)
    bars.start()
    try:
        async with set_up(choices, view.say, Bars(bars)) as company:
            bars.stop()
            view.say(_addresses(company))
            with view.drawing():
                reports = await play(ACTS, company, view)
            memory = memory_of(company.sidecar.pid or 0)
            is_good = show_summary(console, reports, company.traffic.tally(), memory)
            for path in await take_reports(company.session, company.admin_url, company.folder):
                console.print(f"the story of an incident, for a browser: {path}", soft_wrap=True)
            if options.keep:
                console.print(f"Everything goes on running; Ctrl-C ends it.\n{_addresses(company)}")
                await _ctrl_c()
    finally:
        bars.stop()
    return 0 if is_good else 1


async def take_reports(session: aiohttp.ClientSession, admin_url: str, folder: Path) -> list[Path]:
    """Write the reports of the incidents that were played; one that there is not is left out."""
    written = []
    for alarm in TOLD:
        url = f"{admin_url}/api/v1/report?alarm={alarm}"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with session.get(url) as response:
                if response.ok:
                    path = folder / f"incident-{alarm}.html"
                    path.write_bytes(await response.read())
                    written.append(path)
    return written


def _end_in_order_on(number: signal.Signals) -> None:
    """Let a signal end this task as Ctrl-C does, so that nothing is left running."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _ctrl_c() -> None:
    """Wait for Ctrl-C. It ends what was kept; the verdict on the acts stands."""
    pressed = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, pressed.set)
    await pressed.wait()


def _addresses(company: Company) -> str:
    return "\n".join(
        (
            f"  status page and API   {company.admin_url}/",
            f"  predictions           {company.traffic.url}",
            f"  candidate's server    {company.candidate.url}",
            f"  stable's server       {company.stable.url}",
            f"  alerts arrive at      {company.receiver.url}",
            f"  configuration, logs   {company.folder}",
        )
    )
