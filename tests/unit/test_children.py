"""A child is restarted when it dies, heard through its pipe, and let go when told."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import textwrap
from pathlib import Path

from proxy.children import Child, Launch

PULSING = """
import sys, time
from proxy.link.frames import pulse_frame
from proxy.records import Pulse
import os
while True:
    pulse = Pulse(0, os.getpid(), time.monotonic(), True, False, 0, {}, 0.0, 0, {})
    os.write(int(sys.argv[1]), pulse_frame(pulse))
    time.sleep(0.05)
"""


def a_child(tmp_path: Path, source: str) -> Child:
    """Give a child that runs `source` with the pulse descriptor as its argument."""
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(source), encoding="utf-8")
    return Child("test", lambda: Launch(arguments=(sys.executable, str(script), "{pulse}")))


async def until_alive(child: Child, other_than: int | None = None) -> int:
    """Wait for a pulse of a process other than `other_than` and give its pid."""
    while not child.is_alive() or child.pulse is None or child.pulse.pid == other_than:
        await asyncio.sleep(0.01)
    return child.pulse.pid


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    """After SIGKILL a new process with a new pid pulses."""

    async def scenario() -> tuple[int, int, int | None]:
        child = a_child(tmp_path, PULSING)
        keeping = asyncio.ensure_future(child.keep())
        first = await until_alive(child)
        os.kill(first, signal.SIGKILL)
        second = await until_alive(child, other_than=first)
        child.stop()
        await keeping
        return first, second, child.ended

    first, second, ended = asyncio.run(scenario())
    assert first != second
    assert ended == -signal.SIGTERM


def test_a_child_that_dies_at_once_is_retried_and_can_be_stopped(tmp_path: Path) -> None:
    """A child that cannot live is started again and again, and `stop` ends the retrying."""

    async def scenario() -> Child:
        child = a_child(tmp_path, "raise SystemExit(7)")
        keeping = asyncio.ensure_future(child.keep())
        while child.n_starts < 2 or child.pid is not None:
            await asyncio.sleep(0.01)
        child.stop()
        await keeping
        return child

    child = asyncio.run(scenario())
    assert child.ended == 7
    assert not child.is_alive()


def test_a_command_that_does_not_exist_is_an_exit_of_one(tmp_path: Path) -> None:
    """A missing program is a failed start, not a crash of the supervisor."""

    async def scenario() -> int | None:
        child = Child("none", lambda: Launch(arguments=(str(tmp_path / "missing"),)))
        keeping = asyncio.ensure_future(child.keep())
        while child.ended is None:
            await asyncio.sleep(0.01)
        child.stop()
        await keeping
        return child.ended

    assert asyncio.run(scenario()) == 1


def test_a_host_without_descriptors_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """What a launch needs may not be there: it is tried again, as after any other end."""
    working = a_child(tmp_path, PULSING)._launch
    tries: list[int] = []

    def launch() -> Launch:
        tries.append(1)
        if len(tries) == 1:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return working()

    async def scenario() -> int:
        child = Child("test", launch)
        keeping = asyncio.ensure_future(child.keep())
        async with asyncio.timeout(30):
            pid = await until_alive(child)
        child.stop()
        await keeping
        return pid

    assert asyncio.run(scenario())
    assert len(tries) == 2


def test_bytes_that_are_no_pulse_do_not_count_as_life(tmp_path: Path) -> None:
    """A child that writes rubbish to its pipe is not alive, and is not killed for it either."""
    rubbish = """
    import os, sys, time
    os.write(int(sys.argv[1]), b"\\x00\\x00\\x00\\x01\\xc0")
    time.sleep(60)
    """

    async def scenario() -> tuple[bool, bool]:
        child = a_child(tmp_path, rubbish)
        keeping = asyncio.ensure_future(child.keep())
        while child.pid is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        state = child.is_alive(), child.pid is not None
        child.stop()
        await keeping
        return state

    assert asyncio.run(scenario()) == (False, True)
