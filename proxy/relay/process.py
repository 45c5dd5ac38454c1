"""One relay process: reads its settings, serves, and leaves when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Final

import msgspec
import uvloop

from proxy import logs
from proxy.clock import now_s
from proxy.link.sender import LinkSender
from proxy.records import Model, Routing
from proxy.relay import malloc
from proxy.relay.plane import Nowhere, Plane
from proxy.relay.pulse import Heart
from proxy.relay.server import Server, ServerState
from proxy.relay.settings import RelaySettings
from proxy.relay.shedding import Relief, Shedding
from proxy.relay.sweep import Sweep
from proxy.relay.switch import read_routing

log = logging.getLogger(__name__)

_LINK_BYTES: Final = 8 * 1024 * 1024
"""Most that waits for a slow watcher; a relay must stay small."""
_LINK_RECORDS: Final = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one relay; give the process's exit code."""
    parser = ArgumentParser(prog="python -m proxy.relay", description="One relay process.")
    parser.add_argument("--settings-fd", type=int, required=True, help="RelaySettings as JSON")
    parser.add_argument("--listen-fd", type=int, help="a bound and listening socket")
    parser.add_argument("--pulse-fd", type=int, help="a pipe for pulse frames")
    chosen = parser.parse_args(arguments)
    try:
        with open(chosen.settings_fd, "rb") as file:  # noqa: PTH123  # a descriptor has no path
            settings = msgspec.json.decode(file.read(), type=RelaySettings)
    except (OSError, msgspec.MsgspecError) as error:
        problem = f"the settings on fd {chosen.settings_fd} are not usable: {error}"
        print(problem, file=sys.stderr)  # noqa: T201  # what they say about logging is not known
        return 2
    # A standard error that nobody reads must not stop requests.
    writer = logs.start("relay", level=settings.log_level, max_lines=settings.log_lines)
    try:
        return _run(settings, chosen.listen_fd, chosen.pulse_fd)
    finally:
        writer.close()


def _run(settings: RelaySettings, listen_fd: int | None, pulse_fd: int | None) -> int:
    try:
        listening = _listening(settings, listen_fd)
    except OSError as error:
        listen = settings.listen
        log.error("cannot listen on %s:%d: %s", listen.host, listen.port, error)  # noqa: TRY400  # the trace tells operators nothing
        return 1
    tune()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, listening, pulse_fd))


def _listening(settings: RelaySettings, fd: int | None) -> socket.socket:
    """Give the socket that was handed over, or one of our own (to run without a supervisor)."""
    if fd is not None:
        return socket.socket(fileno=fd)
    host = settings.listen.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, settings.listen.port))
    listening.listen()
    return listening


def tune() -> None:
    """Set the process up for its one job; what the system refuses stays as it is."""
    malloc.tune()
    with contextlib.suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Exchanges are freed by their reference counts. What lives from now on is not looked at again,
    # and the collector looks at the rest ten times less often.
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)


async def serve(settings: RelaySettings, listening: socket.socket, pulse_fd: int | None) -> int:
    """Serve until told to end."""
    stable = settings.models.stable
    sweep = Sweep()
    default = Routing(
        shadow=None if stable is None else Model.STABLE,
        mirror_fraction=0.0 if stable is None else settings.mirror.fraction,
    )
    plane = Plane(settings, sweep, read_routing(settings.routing_path, default))
    link: LinkSender | None = None
    if settings.link_path:
        link = LinkSender(
            settings.link_path,
            plane.set_routing,
            max_bytes=_LINK_BYTES,
            max_records=_LINK_RECORDS,
        )
        plane.reporter = link
        link.start()
        # What the watcher cannot take is better not drawn than drawn and lost.
        sweep.every_tick(Relief(plane.sampler, link).tick)
    server = Server(plane, listening)
    try:
        await server.start()
    except OSError as error:
        log.error("the data port cannot be served: %s", error)  # noqa: TRY400  # one line says it
        return 1
    sweep.every_tick(Shedding(plane).tick)
    sweep.every_tick(malloc.Trimmer(plane).tick)
    heart = Heart(plane, server, link or Nowhere(), pulse_fd)
    sweep.start()
    _on_signals(server, heart)
    heart.beat(now_s())
    await server.wait()
    heart.beat(now_s())
    sweep.stop()
    if link is not None:
        await link.close()
    return 0


def _on_signals(server: Server, heart: Heart) -> None:
    """Drain at the first signal, end at the second."""

    def leave() -> None:
        if server.state == ServerState.SERVING:
            server.drain()
            heart.beat(now_s())
        else:
            server.end()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave)
