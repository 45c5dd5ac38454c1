"""What all connections of one relay share: settings, the switch, the counters, the way out.

Watching ends here: `finished` is the one place where an exchange is recorded, and everything in it
that is not forwarding is inside one guard, because nothing that watches may hurt a request.
"""

from __future__ import annotations

import logging
from ipaddress import ip_address, ip_network
from random import random
from typing import TYPE_CHECKING, Protocol

from proxy.records import Failure, Model, Report, Routing
from proxy.relay.capture import FieldPicker, Kept, Sampler
from proxy.relay.mirror import Mirror
from proxy.relay.pool import Pool
from proxy.relay.recording import capture_of, exchange_of
from proxy.relay.request_head import RequestReader
from proxy.relay.settings import RelaySettings
from proxy.relay.sweep import Sweep
from proxy.relay.switch import Switch

if TYPE_CHECKING:
    from proxy.relay.downstream import DownstreamConnection
    from proxy.relay.running import Running

log = logging.getLogger(__name__)


class Reporter(Protocol):
    """The way to the watcher."""

    def put(self, record: Report) -> bool:
        """Take a record, or drop it; never wait."""


class Nowhere:
    """The way to no watcher: for a relay that runs alone."""

    dropped: dict[str, int] = {}  # noqa: RUF012  # always empty

    def put(self, record: Report) -> bool:  # noqa: ARG002  # nothing is done with it
        """Drop it, uncounted: nobody asked for it."""
        return True


class Plane:
    """One relay's data plane, without its sockets."""

    def __init__(self, settings: RelaySettings, sweep: Sweep, routing: Routing) -> None:
        """Relay under `settings`, beginning with `routing`."""
        self.settings = settings
        self.listen = settings.listen
        self.sweep = sweep
        self.reporter: Reporter = Nowhere()
        models = {Model.CANDIDATE: settings.models.candidate}
        if settings.models.stable is not None:
            models[Model.STABLE] = settings.models.stable
        limit = settings.listen.max_head_bytes
        self.switch = Switch(
            {model: Pool(upstream, sweep, limit) for model, upstream in models.items()},
            {model: Pool(upstream, sweep, limit) for model, upstream in models.items()},
            routing,
        )
        self.is_draining = False
        self.n_in_flight = 0
        self.held_bytes = 0
        """Bytes of request bodies held for replay, large ones only."""
        self.clients: set[DownstreamConnection] = set()
        self.dropped: dict[str, int] = {}
        """What was not recorded or copied, by kind."""
        self.max_clients = settings.listen.max_connections
        """More than these are refused."""
        # Read at every request:
        self.replay_body_bytes = settings.listen.replay_body_bytes
        self.server_timing = settings.listen.server_timing
        self.max_chunks = settings.capture.max_chunks
        self.judge_above_bytes = min(
            settings.listen.max_head_bytes, settings.listen.max_target_bytes
        )
        self.fields = FieldPicker(settings.capture.fields)
        self.sampler = Sampler(settings.capture)
        self._fit_copying()
        self._mirror = Mirror(self)
        self._readers = tuple(
            RequestReader(settings, is_trusted=is_trusted) for is_trusted in (False, True)
        )
        self._trusted = tuple(ip_network(name) for name in settings.listen.trusted_proxies)
        self._scheme = b"https" if settings.listen.tls is not None else b"http"
        sweep.every_tick(self.sampler.tick)

    @property
    def n_clients(self) -> int:
        """Give the number of client connections."""
        return len(self.clients)

    def joined(self, client: DownstreamConnection) -> None:
        """Take a new client's connection in."""
        self.clients.add(client)
        self.sweep.add(client)

    def left(self, client: DownstreamConnection) -> None:
        """Forget a client's connection."""
        self.clients.discard(client)
        self.sweep.discard(client)

    def identity(self, address: str) -> tuple[bytes, RequestReader]:
        """Give the end of every head of a client at `address`, and the reader for its heads."""
        end = address.encode("latin-1", "replace")
        if self.listen.forwarded:
            node = b'"[%b]"' % end if b":" in end else end
            end += b"\r\nForwarded: for=%b;proto=%b" % (node, self._scheme)
        return end + b"\r\n\r\n", self._readers[self._is_trusted(address)]

    def _is_trusted(self, address: str) -> bool:
        if not self._trusted:
            return False
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)

    def set_routing(self, routing: Routing) -> None:
        """Take a newer routing."""
        if self.switch.set(routing):
            self._fit_copying()

    def _fit_copying(self) -> None:
        routing = self.switch.routing
        is_on = routing.shadow is not None and self.settings.mirror.max_in_flight > 0
        self.sampler.fit(copy=routing.mirror_fraction if is_on else 0.0)

    def suspend_watching(self, *, is_suspended: bool) -> None:
        """Keep and copy nothing while memory is short: samples go before requests do."""
        self.sampler.is_suspended = is_suspended
        self.sampler.fit()

    def sample(self, running: Running) -> None:
        """Decide, when it begins, whether a request's bodies are kept and whether it is copied."""
        sampler = self.sampler
        sampler.n_seen += 1
        drawn = random()
        if drawn < sampler.either:
            self._take(running, drawn)

    def _take(self, running: Running, drawn: float) -> None:
        """Keep what passes, and perhaps copy it; `drawn` is below `Sampler.either`."""
        sampler, head = self.sampler, running.head
        keep, copy = sampler.keep, sampler.copy
        is_kept, is_copied = drawn < keep, drawn < keep * copy or drawn >= keep
        if head.is_copy or head.upgrades:
            copy, is_copied = 0.0, False
        if is_kept:
            sampler.kept()
        elif not is_copied:
            return
        # What is copied is always kept as well: the chance is that of either.
        running.capture = keep + copy - keep * copy
        running.mirrors = is_copied
        limit = self.settings.capture.max_body_bytes
        longest = max(limit, self.settings.mirror.max_body_bytes) if is_copied else limit
        running.kept_request = Kept(longest)
        running.kept_answer = kept = Kept(limit)
        running.keep = kept.add

    def finished(self, running: Running, failure: Failure | None, identity: bytes) -> None:
        """Record an exchange that is over; copy it if that was drawn."""
        try:
            exchange = exchange_of(running, failure)
            self.reporter.put(exchange)
            if running.capture:
                limit = self.settings.capture.max_body_bytes
                self.reporter.put(capture_of(running, exchange, self.fields, limit))
                if running.mirrors and failure is None:
                    self._copy(running, identity)
        except Exception:
            # Whatever is wrong here, the request is done and must stay so.
            log.exception("recording an exchange failed")
            self.drop("exchange")

    def report(self, record: Report) -> None:
        """Pass a record to the watcher."""
        self.reporter.put(record)

    def drop(self, kind: str) -> None:
        """Count something that was not recorded or copied."""
        self.dropped[kind] = self.dropped.get(kind, 0) + 1

    def _copy(self, running: Running, identity: bytes) -> None:
        kept = running.kept_request
        if kept is None or kept.n_bytes > self.settings.mirror.max_body_bytes or kept.truncated:
            self.drop("mirror_request_too_long")
        else:
            self._mirror.copy(running, kept.body(), identity)

    async def close(self) -> None:
        """Drop copies and close the pools; clients are the server's business."""
        self._mirror.close()
        await self.switch.close()
