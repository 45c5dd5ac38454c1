"""What an operator can set about the data plane: listener, models, mirroring, sampling.

Plain frozen dataclasses. `config.py` validates them from YAML; the supervisor hands them to each
relay as JSON (`RelaySettings`), which the relay reads with msgspec: no pydantic on the hot path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import ClassVar, Final
from urllib.parse import SplitResult, urlsplit

from proxy.units import (
    STRICT,
    Bytes,
    Count,
    CountOrZero,
    Fraction,
    NonEmpty,
    Port,
    Positive,
    Seconds,
    SecondsOrZero,
)

MIB: Final = 1024 * 1024

CAPTURED_FIELDS: Final = (
    "content-type",
    "content-encoding",
    "inference-header-content-length",
    "x-request-id",
    "traceparent",
    "ce-id",
    "ce-type",
    "ce-specversion",
    "ce-source",
)
"""Header fields that decoders and correlation need. None of them carries a credential."""

_NEVER_CAPTURED: Final = frozenset(
    {"authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key", "api-key"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """TLS on the data port: 1.2 or newer; files are read again when they change.

    Relative names are looked for beside the configuration.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    certificate: NonEmpty
    """PEM file with the certificate chain, leaf first."""
    key: NonEmpty
    """PEM file with the private key, not encrypted."""
    client_ca: str | None = None
    """PEM file with the authorities of client certificates. When set, a client without a
    certificate signed by one of them is refused (mutual TLS). Default: none is asked for."""
    reload_s: Seconds = 10.0
    """How often the files are looked at for a change. Default 10 s: certificate rotation writes
    new files minutes to days before the old ones expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """TLS to an `https` upstream: 1.2 or newer, verified unless switched off.

    Relative names are looked for beside the configuration.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    ca: str | None = None
    """PEM file with the authorities trusted for this upstream. Default: those of the system."""
    certificate: str | None = None
    """PEM file with our client certificate (mutual TLS). Default: none is shown."""
    key: str | None = None
    """PEM file with the key of `certificate`. Default: it stands in the same file."""
    server_name: str | None = None
    """Name that the upstream's certificate must carry. Default: the host of `url`."""
    verify: bool = True
    """Whether the certificate is verified. Off, anyone on the path can read and change traffic:
    for tests only."""
    reload_s: Seconds = 10.0
    """How often the files are looked at for a change. Default 10 s."""

    def __post_init__(self) -> None:
        """Refuse a key without its certificate."""
        if self.key is not None and self.certificate is None:
            raise ValueError("`key` needs `certificate`: name the certificate's file too")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """The data port: where clients connect, and what one client may cost."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    host: NonEmpty = "0.0.0.0"
    """Address to listen on. Default: all of IPv4, since the pod's network reaches it there."""
    port: Port = 8100
    """Port to listen on. Nothing of ours is answered there: it is fully transparent."""
    workers: Count = 1
    """Relay processes that share the port. Default 1: one core relays tens of thousands of
    requests per second, and each worker samples and pools on its own."""
    head_timeout_s: Seconds = 10.0
    """Time a client has to send a request's head, from its first byte. Longer invites slowloris
    attacks; shorter cuts clients on very bad links."""
    idle_timeout_s: Seconds = 75.0
    """How long a connection may stay between requests. Default 75 s, above the 60 s after which
    common load balancers give up a connection, so that they close first and no race arises."""
    body_timeout_s: Seconds = 60.0
    """How long a client may pause in the middle of a request's body before it is cut off."""
    write_timeout_s: Seconds = 60.0
    """How long a client may leave waiting bytes of its answer unread before it is cut off. It
    bounds what slow readers cost: each holds an upstream connection meanwhile."""
    max_connections: Count = 4096
    """Client connections held at once; one more is answered 503 and closed. About 8 KiB each."""
    max_in_flight: Count = 1024
    """Exchanges running at once; one more is answered 503 with `Retry-After` at once. There is no
    queue: a model that is behind gains nothing from a longer line."""
    max_head_bytes: Bytes = 65_536
    """Longest request or answer head. A longer request is answered 431, a longer answer 502."""
    max_target_bytes: Bytes = 8_192
    """Longest request target. A longer one is answered 414."""
    max_body_bytes: CountOrZero = 0
    """Longest request body; a longer one is answered 413. Default 0: no limit, since bodies are
    passed on as they arrive and cost no memory here."""
    replay_body_bytes: Bytes = MIB
    """How much of a request body is held so that it can be sent again when a reused upstream
    connection turns out dead, or, on a known inference path, any connection before a byte of the
    answer. Longer bodies are not replayed."""
    lame_duck_s: SecondsOrZero = 5.0
    """After SIGTERM: how long new connections are still served while readiness says no. Default
    5 s: endpoints take seconds to leave the load balancers' lists."""
    grace_s: Seconds = 30.0
    """After SIGTERM: when whatever still runs is cut. Keep it below the pod's
    `terminationGracePeriodSeconds`."""
    trusted_proxies: tuple[NonEmpty, ...] = ()
    """Networks (CIDR) of proxies in front of us whose `X-Forwarded-*` fields are believed and
    extended. From everyone else they are replaced. Default: nobody is trusted."""
    forwarded: bool = False
    """Whether the standard field `Forwarded` (RFC 7239) is sent upstream beside
    `X-Forwarded-*`. Default off: few model servers read it."""
    server_timing: bool = False
    """Whether answers carry `Server-Timing` with the model's share of the time. Default off: it
    tells clients about the inside, and costs a rebuilt head per answer."""
    tls: ServerTls | None = None
    """TLS on the data port. Default: none; inside a pod the mesh or the ingress ends TLS."""

    def __post_init__(self) -> None:
        """Refuse a network that is none, and a grace time shorter than the lame-duck time."""
        for network in self.trusted_proxies:
            ip_network(network)
        if self.grace_s <= self.lame_duck_s:
            raise ValueError(
                f"grace_s ({self.grace_s:g}) must be longer than lame_duck_s ({self.lame_duck_s:g})"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One model server."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    name: NonEmpty = "model"
    """Name for people and for the benchmark, such as `churn-v7`."""
    url: NonEmpty
    """`http://host:port` or `https://host:port`. The only source of the address that requests go
    to; a path is refused because targets are passed on byte by byte."""
    health: str | None = None
    """Path asked for readiness, such as `/v2/health/ready`. Default: a TCP connect must do."""
    host: str | None = None
    """`Host` sent to this upstream. Default: the client's, untouched."""
    model: str | None = None
    """Name of the model in this server's own paths: `/models/NAME` in a target is rewritten to it,
    and so is the member `model` at the top of a JSON body of a mirrored copy. Default: targets and
    bodies are left alone, so both servers must know the model under the same name."""
    connect_timeout_s: Seconds = 1.0
    """Time for a TCP (and TLS) connection. Default 1 s: a model server is near, and a request
    that cannot reach it goes to the other model at once."""
    response_timeout_s: Seconds = 60.0
    """Longest silence of the upstream while an answer is due: before its first byte, and between
    two pieces of it. Then 504, or the answer is cut. Raise it for models that think longer."""
    max_connections: Count = 1024
    """Connections to this upstream at once; a request that would need one more is answered 503."""
    max_idle: CountOrZero = 64
    """Idle connections kept for reuse. More are closed as they come back."""
    idle_timeout_s: Seconds = 30.0
    """Age at which an idle connection is no longer reused."""
    tls: ClientTls | None = None
    """How an `https` upstream is verified. Default: by the system's authorities."""

    def __post_init__(self) -> None:
        """Refuse an address that is not just scheme, host and port."""
        parts = self.parts
        if "@" in self.url:
            # Not repeated: what stands before it is a password.
            raise ValueError("url: only scheme, host and port; a user does not belong there")
        if parts.scheme not in {"http", "https"} or not parts.hostname or not _has_port(parts):
            raise ValueError(f"url {self.url!r}: give http://HOST:PORT or https://HOST:PORT")
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError(
                f"url {self.url!r}: only scheme, host and port; targets pass through unchanged"
            )
        if self.health is not None and not self.health.startswith("/"):
            raise ValueError(f"health {self.health!r}: give a path that starts with /")

    @property
    def parts(self) -> SplitResult:
        """The parts of `url`."""
        return urlsplit(self.url)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        parts = self.parts
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def is_tls(self) -> bool:
        """Whether the connection is wrapped in TLS."""
        return self.parts.scheme == "https"


def _has_port(parts: SplitResult) -> bool:
    """Tell whether the port of an address is a port, or left out."""
    try:
        return parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The model under watch and the last known good one."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    candidate: Upstream
    """The deployed model that is being watched."""
    stable: Upstream | None = None
    """The previous model. Default: none; then nothing is mirrored, compared or switched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Copies of requests for the model that is not serving. They never delay an answer."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    fraction: Fraction = 0.05
    """Share of requests copied. More pairs show disagreement sooner and cost the shadow more."""
    timeout_s: Seconds = 5.0
    """Longest life of a copy. Then it is dropped and counted."""
    max_in_flight: CountOrZero = 16
    """Copies running at once; one more is dropped and counted. 0 switches mirroring off."""
    max_body_bytes: Bytes = MIB
    """Longest request body that is copied, and longest answer of a copy that is read; more is
    dropped and counted. `max_in_flight` times twice this bounds the memory of mirroring."""
    repeat_fraction: Fraction = 0.0
    """Share of the copies that go to the serving model itself instead: the agreement of a model
    with itself is the noise floor of agreement. Default 0: certification measured it."""
    strip_credentials: bool = False
    """Whether `Authorization`, `Cookie` and API key fields are left out of copies. Default off:
    the shadow is the model that would serve after a switch, and needs them as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Which requests are sampled with their bodies, for drift and for people."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    max_rows_per_s: Positive = 200.0
    """Requests sampled per second at most, on average: below it every request is taken, above it
    a fair draw decides. Tests need thousands, not millions; decoding them costs the watcher."""
    max_body_bytes: Bytes = 65_536
    """Bytes kept of each sampled body. A longer one is cut, marked and not decoded."""
    max_chunks: CountOrZero = 1024
    """Arrival times kept of a sampled stream's chunks."""
    fields: tuple[NonEmpty, ...] = CAPTURED_FIELDS
    """Header fields kept with a sampled body. Credentials are refused."""

    def __post_init__(self) -> None:
        """Refuse fields that carry credentials."""
        bad = sorted({name.lower() for name in self.fields} & _NEVER_CAPTURED)
        if bad:
            raise ValueError(f"fields: {', '.join(bad)} carry credentials and are never captured")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """All that one relay process is told at its start. Made by the supervisor, not by people."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    models: Models
    """The two models."""
    listen: Listen = Listen()
    """The data port."""
    mirror: Mirror = Mirror()
    """Mirroring."""
    capture: Capture = Capture()
    """Sampling."""
    routes: tuple[tuple[str, str], ...] = ()
    """(label, regular expression on the path); the first that matches names the exchange, none
    makes it `other`. Empty: every request is `other`, and captured when it has a body."""
    link_path: str = ""
    """Unix socket of the watcher. Empty: nothing is reported."""
    routing_path: str = ""
    """File with the last `Routing`, read at the start. Empty: the default routing."""
    worker: int = 0
    """Number of this relay among its peers."""
    log_level: NonEmpty = "INFO"
    """Least level that is logged."""
    log_lines: Count = 2_000
    """Lines that may wait for a standard error that nobody reads."""

    def __post_init__(self) -> None:
        """Refuse routes that are no regular expressions."""
        for label, pattern in self.routes:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"route {label}: {pattern!r} is no expression: {error}") from None
