"""What all connections of one relay share: settings, the switch, the counters, the way out.

Watching ends here: `finished` is the one place where an exchange is recorded, and everything in it
that is not forwarding is inside one guard, because nothing that watches may hurt a request.
"""

from __future__ import annotations

import logging
from ipaddress import ip_address, ip_network
from random import random
from typing import TYPE_CHECKING, Protocol

from proxy.clock import now_s
from proxy.records import Capture, Exchange, Failure, Model, Position, Report, Routing
from proxy.relay.capture import Kept, Sampler, message
from proxy.relay.mirror import Mirror
from proxy.relay.pool import Pool
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
        self.is_short_of_memory = False
        self.n_in_flight = 0
        self.held_bytes = 0
        """Bytes of request bodies held for replay, large ones only."""
        self.clients: set[DownstreamConnection] = set()
        self.dropped: dict[str, int] = {}
        """What was not recorded or copied, by kind."""
        # Read at every request:
        self.replay_body_bytes = settings.listen.replay_body_bytes
        self.server_timing = settings.listen.server_timing
        self.max_chunks = settings.capture.max_chunks
        self.judge_above_bytes = min(
            settings.listen.max_head_bytes, settings.listen.max_target_bytes
        )
        self.captured_fields = frozenset(
            name.lower().encode("latin-1") for name in settings.capture.fields
        )
        self._sampler = Sampler(settings.capture)
        self._mirror = Mirror(self)
        self._readers = tuple(
            RequestReader(settings, is_trusted=is_trusted) for is_trusted in (False, True)
        )
        self._trusted = tuple(ip_network(name) for name in settings.listen.trusted_proxies)
        self._scheme = b"https" if settings.listen.tls is not None else b"http"
        sweep.every_tick(self._sampler.tick)

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
        self.switch.set(routing)

    def sample(self, running: Running) -> None:
        """Decide, when it begins, whether a request's bodies are kept and whether it is copied."""
        if self.is_short_of_memory:
            return
        drawn_p, mirrored_p = self._sampler.probability, self._mirror.probability(running.head)
        is_drawn = self._sampler.draw()
        is_mirrored = mirrored_p > 0 and random() < mirrored_p
        if not (is_drawn or is_mirrored):
            return
        capture, mirror = self.settings.capture, self.settings.mirror
        # Both draws are independent, and each alone has the exchange captured.
        running.capture = drawn_p + mirrored_p - drawn_p * mirrored_p
        running.mirrors = is_mirrored
        limit = max(capture.max_body_bytes, mirror.max_body_bytes if is_mirrored else 0)
        running.kept_request = Kept(limit)
        running.kept_answer = Kept(capture.max_body_bytes)
        running.keep = running.kept_answer.add

    def finished(self, running: Running, failure: Failure | None, identity: bytes) -> None:
        """Record an exchange that is over; copy it if that was drawn."""
        try:
            exchange = self._exchange(running, failure)
            self.reporter.put(exchange)
            if running.capture:
                self.reporter.put(self._captured(running, exchange))
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

    def _exchange(self, running: Running, failure: Failure | None) -> Exchange:
        return Exchange(
            id=running.id,
            pair_id=None,
            model=running.model,
            position=Position.SERVING,
            route=running.head.route,
            started_s=running.started_s,
            connected_s=running.connected_s,
            first_byte_s=running.first_byte_s,
            finished_s=now_s(),
            status=running.status,
            failure=failure,
            failed_over=running.failed_over,
            replayed=running.replayed,
            request_bytes=running.request_bytes,
            response_bytes=running.response_bytes,
            in_flight=running.in_flight,
            stream=None if running.stream is None else running.stream.record(),
            capture=running.capture,
        )

    def _captured(self, running: Running, exchange: Exchange) -> Capture:
        limit = self.settings.capture.max_body_bytes
        request = response = None
        if running.kept_request is not None:
            request = message(
                running.head.raw,
                self.captured_fields,
                running.kept_request,
                limit=limit,
                truncated=not running.request_done,
            )
        if running.kept_answer is not None and running.answer is not None:
            response = message(
                running.answer.raw,
                self.captured_fields,
                running.kept_answer,
                limit=limit,
                truncated=exchange.failure is not None,
            )
            if running.stream is not None:
                response = type(response)(
                    fields=response.fields,
                    body=response.body,
                    truncated=response.truncated,
                    arrivals=tuple(running.stream.arrivals),
                )
        return Capture(
            exchange=exchange,
            target=running.head.target.partition(b"?")[0].decode("latin-1"),
            request=request,
            response=response,
        )

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
