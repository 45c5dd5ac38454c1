"""A relay as the supervisor starts it: descriptors, signals, pulses, exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from proxy.link.frames import FrameSplitter, read_pulse
from proxy.records import Model, Pulse, Routing

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Answerer:
    """A model server in a thread, which waits before each answer while `holds` is set."""

    def __init__(self, answer: bytes = OK) -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.proceed = threading.Event()
        self.proceed.set()
        self.n_requests = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            pending = b""
            while data := connection.recv(65_536):
                pending += data
                while b"\r\n\r\n" in pending:
                    pending = pending.partition(b"\r\n\r\n")[2]
                    self.n_requests += 1
                    self.proceed.wait(10)
                    connection.sendall(self._answer)

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()


class RelayProcess:
    """A running relay."""

    def __init__(
        self,
        settings: dict[str, object],
        *,
        n_files: int | None = None,
        stderr: int = subprocess.PIPE,
    ) -> None:
        """Start it and wait for its first pulse; with `n_files` as many descriptors at most."""
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listening.getsockname()[1]
        settings_read, settings_write = os.pipe()
        self._pulse_read, pulse_write = os.pipe()
        self.process = subprocess.Popen(
            [
                *([] if n_files is None else ["prlimit", f"--nofile={n_files}"]),
                *(sys.executable, "-m", "proxy.relay", "--settings-fd", str(settings_read)),
                *("--listen-fd", str(self.listening.fileno()), "--pulse-fd", str(pulse_write)),
            ],
            pass_fds=(settings_read, self.listening.fileno(), pulse_write),
            stderr=stderr,
        )
        os.write(settings_write, json.dumps(settings).encode())
        for fd in (settings_read, settings_write, pulse_write):
            os.close(fd)
        self._splitter = FrameSplitter()
        self._pulses: list[Pulse] = []
        self.pulse()
        # From here on the relay alone holds the listening socket.
        self.listening.close()

    def pulse(self) -> Pulse:
        """Wait for the next pulse."""
        while not self._pulses:
            data = os.read(self._pulse_read, 65_536)
            assert data, "the relay ended without another pulse"
            self._pulses += [read_pulse(body) for body in self._splitter.feed(data)]
        return self._pulses.pop(0)

    def connect(self) -> socket.socket:
        """Connect a client."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def term(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> int:
        """Wait for the end and give the exit code."""
        return self.process.wait(15)

    def close(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
        os.close(self._pulse_read)


def ask(client: socket.socket, raw: bytes = GET) -> bytes:
    """Send a request and read an answer of known shape."""
    client.sendall(raw)
    return answer(client)


def answer(client: socket.socket) -> bytes:
    """Read one answer, whose body is short."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = client.recv(65_536)
        if not data:
            return received
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length:
        body += client.recv(65_536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def model() -> Iterator[Answerer]:
    """A model server."""
    answerer = Answerer()
    yield answerer
    answerer.close()


@contextlib.contextmanager
def relay(
    model: Answerer, *, n_files: int | None = None, **settings: object
) -> Iterator[RelayProcess]:
    """Run a relay in front of `model`."""
    listen = {"lame_duck_s": 0.6, "grace_s": 3.0}
    listen |= settings.pop("listen", {})  # type: ignore[arg-type]  # a mapping, where given
    url = f"http://127.0.0.1:{model.port}"
    made = {"models": {"candidate": {"url": url}}, "listen": listen, **settings}
    running = RelayProcess(made, n_files=n_files)
    try:
        yield running
    finally:
        running.close()


def test_it_serves_and_gives_signs_of_life(model: Answerer) -> None:
    """The first pulse comes when it listens; later ones count what is going on."""
    with relay(model, worker=3) as running:
        with running.connect() as client:
            assert ask(client).endswith(b"ok")
            pulse = running.pulse()
            assert pulse.worker == 3
            assert pulse.pid == running.process.pid
            assert pulse.listening
            assert not pulse.draining
            assert pulse.connections == 1
            assert pulse.in_flight == {"candidate/serving": 0, "candidate/shadow": 0}
        assert 0 <= pulse.lag_s < 60


def test_it_drains_without_losing_a_request(model: Answerer) -> None:
    """After SIGTERM new connections are served and told to close; what runs finishes; exit 0."""
    with relay(model) as running:
        old, slow = running.connect(), running.connect()
        assert b"Connection: close" not in ask(old)
        model.proceed.clear()
        slow.sendall(GET)
        while model.n_requests < 2:
            time.sleep(0.01)
        running.term()
        while not running.pulse().draining:
            pass
        model.proceed.set()
        assert b"Connection: close" in answer(slow)
        with running.connect() as late:
            assert b"Connection: close" in ask(late)
        assert b"Connection: close" in ask(old)
        assert old.recv(1) == b""
        assert running.end() == 0
        with pytest.raises(OSError, match="refused"):
            running.connect()
        old.close()
        slow.close()


def test_a_stream_may_finish_while_it_drains(model: Answerer) -> None:
    """A request that runs longer than the lame-duck time is not cut before the grace time."""
    with relay(model) as running, running.connect() as client:
        model.proceed.clear()
        client.sendall(GET)
        while model.n_requests < 1:
            time.sleep(0.01)
        running.term()
        time.sleep(1.2)
        assert running.process.poll() is None
        model.proceed.set()
        assert answer(client).endswith(b"ok")
        assert running.end() == 0


def test_what_hangs_is_cut_at_the_grace_time(model: Answerer) -> None:
    """A request that never ends cannot keep the relay from ending."""
    with relay(model, listen={"lame_duck_s": 0.0, "grace_s": 0.5}) as running:
        with running.connect() as client:
            model.proceed.clear()
            client.sendall(GET)
            while model.n_requests < 1:
                time.sleep(0.01)
            running.term()
            assert running.end() == 0
        model.proceed.set()


def test_a_second_signal_ends_it_now(model: Answerer) -> None:
    """The second SIGTERM waits for nothing."""
    with relay(model, listen={"lame_duck_s": 8.0, "grace_s": 9.0}) as running:
        running.term()
        while not running.pulse().draining:
            pass
        running.term()
        assert running.end() == 0


def test_it_reads_the_last_routing(model: Answerer, tmp_path: Path) -> None:
    """A relay that starts again goes on where the last routing led; a damaged file is no harm."""
    path = tmp_path / "routing"
    stable = Answerer(OK.replace(b"ok", b"st"))
    models = {
        "candidate": {"url": f"http://127.0.0.1:{model.port}"},
        "stable": {"url": f"http://127.0.0.1:{stable.port}"},
    }
    routing = Routing(serving=Model.STABLE, shadow=None, mirror_fraction=0.0, epoch=4)
    for content, expected in ((msgspec.msgpack.encode(routing), b"st"), (b"\xc1damaged", b"ok")):
        path.write_bytes(content)
        with (
            relay(model, models=models, routing_path=str(path)) as running,
            running.connect() as client,
        ):
            assert ask(client).endswith(expected)
    stable.close()


def test_running_out_of_files_heals_by_itself(model: Answerer) -> None:
    """With no descriptor left it neither dies nor spins, and serves again when some come free."""
    with relay(model, n_files=40) as running:
        held = []
        for _ in range(80):
            with contextlib.suppress(OSError):
                held.append(running.connect())
        running.pulse()
        for client in held:
            client.close()
        for _ in range(50):
            with contextlib.suppress(OSError), running.connect() as client:
                if ask(client).endswith(b"ok"):
                    break
            time.sleep(0.1)
        else:
            pytest.fail("it never served again")
        assert running.process.poll() is None


def test_bad_settings_are_one_line_and_exit_2() -> None:
    """Settings that are none end the process at once, with a line that says so."""
    done = subprocess.run(
        [sys.executable, "-m", "proxy.relay", "--settings-fd", "0"],
        input=b'{"models": {}}',
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"candidate" in done.stderr


def test_a_port_in_use_is_one_line_and_exit_1() -> None:
    """A port that someone else has ends the process with a line that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = {
            "models": {"candidate": {"url": "http://127.0.0.1:1"}},
            "listen": {"host": "127.0.0.1", "port": port},
        }
        done = subprocess.run(
            [sys.executable, "-m", "proxy.relay", "--settings-fd", "0"],
            input=json.dumps(settings).encode(),
            capture_output=True,
            check=False,
            timeout=20,
        )
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert str(port).encode() in done.stderr


def test_it_stays_small(model: Answerer) -> None:
    """After some thousand requests of 64 KiB the process is below 48 MiB."""
    with relay(model) as running:
        raw = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n" + b"x" * 65_536
        with running.connect() as client:
            for _ in range(2000):
                assert ask(client, raw).endswith(b"ok")
        status = Path(f"/proc/{running.process.pid}/status").read_text("utf-8")
        rss_kib = int(status.partition("VmRSS:")[2].split()[0])
        assert rss_kib < 48 * 1024


def test_a_log_that_nobody_reads_stops_no_request(tmp_path: Path) -> None:
    """With a full pipe for standard error and warnings to write, answers and the end still come."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_end, b"x" * 65_536)
    os.set_blocking(write_end, True)
    link_path = tmp_path / "link"
    n_damaged = 0
    with socket.socket(socket.AF_UNIX) as watcher:
        watcher.bind(str(link_path))
        watcher.listen()
        upstream = Answerer()
        running = RelayProcess(
            {
                "models": {"candidate": {"url": f"http://127.0.0.1:{upstream.port}"}},
                "listen": {"lame_duck_s": 0.0},
                "link_path": str(link_path),
            },
            stderr=write_end,
        )
        try:
            while n_damaged < 3:
                # A frame that is no routing: the relay logs a warning and connects again.
                connection, _ = watcher.accept()
                connection.sendall(b"\0\0\0\1\xc1")
                connection.close()
                n_damaged += 1
            with running.connect() as client:
                assert all(ask(client) == OK for _ in range(20))
            running.term()
            assert running.end() == 0
        finally:
            running.close()
            upstream.close()
            os.close(read_end)
            os.close(write_end)
