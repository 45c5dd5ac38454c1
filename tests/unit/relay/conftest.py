"""A data plane without sockets: transports that only write down what is done to them."""

from __future__ import annotations

import pytest

from proxy.records import Capture, Exchange, Model, Report, Routing
from proxy.relay.downstream import DownstreamConnection
from proxy.relay.plane import Plane
from proxy.relay.settings import Listen, Mirror, Models, RelaySettings, Upstream
from proxy.relay.states import DownstreamState, UpstreamState
from proxy.relay.sweep import Sweep
from proxy.relay.upstream import UpstreamConnection

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class PaperTransport:
    """A transport of paper."""

    def __init__(self) -> None:
        self.written = b""
        self.is_paused = False
        self.has_ended_writing = False
        self.end = ""
        """How it was ended: `close`, `abort`, or not at all."""

    def write(self, data: bytes) -> None:
        """Write down."""
        assert not self.end, "written to after its end"
        self.written += data

    def writelines(self, pieces: list[bytes]) -> None:
        """Write down."""
        self.write(b"".join(pieces))

    def write_eof(self) -> None:
        """Note it."""
        self.has_ended_writing = True

    def can_write_eof(self) -> bool:
        """Tell that it can."""
        return True

    def pause_reading(self) -> None:
        """Note it."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Note it."""
        self.is_paused = False

    def set_write_buffer_limits(self, high: int) -> None:
        """Accept any limit."""

    def is_closing(self) -> bool:
        """Tell whether it was ended."""
        return bool(self.end)

    def close(self) -> None:
        """Note it."""
        self.end = self.end or "close"

    def abort(self) -> None:
        """Note it."""
        self.end = self.end or "abort"

    def get_extra_info(self, name: str) -> object:
        """Give an address, and itself as the socket."""
        return ("10.1.2.3", 4567) if name == "peername" else self

    def setsockopt(self, *_option: object) -> None:
        """Accept any option."""


class Rig:
    """One client's connection, and idle connections to each model, on paper."""

    def __init__(
        self,
        listen: Listen | None = None,
        routing: Routing | None = None,
        mirror: Mirror | None = None,
    ) -> None:
        upstream = Upstream(url="http://127.0.0.1:1")
        settings = RelaySettings(
            models=Models(candidate=upstream, stable=upstream),
            listen=listen or Listen(),
            mirror=mirror or Mirror(),
        )
        self.sweep = Sweep()
        self.plane = Plane(settings, self.sweep, routing or Routing())
        self.plane.reporter = self
        self.reports: list[Report] = []
        self.lent: list[UpstreamConnection] = []
        self.client, self.paper = self.connect()

    def put(self, record: Report) -> bool:
        """Write down."""
        self.reports.append(record)
        return True

    @property
    def exchanges(self) -> list[Exchange]:
        """The records so far."""
        return [report for report in self.reports if isinstance(report, Exchange)]

    @property
    def captures(self) -> list[Capture]:
        """The samples so far."""
        return [report for report in self.reports if isinstance(report, Capture)]

    def connect(self) -> tuple[DownstreamConnection, PaperTransport]:
        """Connect a client."""
        client, paper = DownstreamConnection(self.plane), PaperTransport()
        client.connection_made(paper)
        return client, paper

    def stock(
        self, model: Model = Model.CANDIDATE, *, is_shadow: bool = False
    ) -> tuple[UpstreamConnection, PaperTransport]:
        """Put an idle connection into a pool."""
        switch = self.plane.switch
        pool = (switch._shadow if is_shadow else switch._serving)[model]
        connection, paper = UpstreamConnection(pool), PaperTransport()
        connection.connection_made(paper)
        pool.give_back(connection)
        self.lent.append(connection)
        return connection, paper


class Kit:
    """What tests of this directory use, in one fixture: they are no package to import from."""

    Rig = Rig
    OK = OK
    GET = GET
    Downstream = DownstreamState
    Upstream = UpstreamState


@pytest.fixture
def kit() -> type[Kit]:
    """The paper kit."""
    return Kit


@pytest.fixture
def rig() -> Rig:
    """A rig under default settings."""
    return Rig()


@pytest.fixture(scope="session")
def kit_class() -> type[Kit]:
    """The paper kit, for property tests: hypothesis wants fixtures that live longer."""
    return Kit
