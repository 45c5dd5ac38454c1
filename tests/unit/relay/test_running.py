"""An exchange: what it counts, holds and lets go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.records import Failure, Model, Routing

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Kit, Rig


POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n"


def test_everything_is_given_back_at_the_end(kit: type[Kit], rig: Rig) -> None:
    """Counters and held bytes return to zero, whichever way an exchange ends."""
    ends = [
        (lambda _client, upstream: upstream.data_received(kit.OK), None),
        (lambda client, _upstream: client.eof_received(), Failure.CLIENT_GONE),
        (lambda client, _upstream: client.connection_lost(None), Failure.CLIENT_GONE),
        (lambda _client, upstream: upstream.expired(), Failure.TIMEOUT),
        (lambda _client, upstream: upstream.data_received(b"nonsense"), Failure.PROTOCOL),
    ]
    for end, failure in ends:
        upstream, _ = rig.stock()
        client, _ = rig.connect()
        client.data_received(POST + b"x" * 40_000)
        assert rig.plane.n_in_flight == 1
        assert rig.plane.held_bytes == 40_000
        end(client, upstream)
        assert rig.plane.n_in_flight == 0
        assert rig.plane.held_bytes == 0
        assert not any(rig.plane.switch.in_flight().values())
        assert rig.exchanges[-1].failure is failure


def test_a_body_is_held_no_longer_than_it_may_be_needed(rig: Rig) -> None:
    """The first byte of an answer frees the request's body."""
    upstream, _ = rig.stock()
    rig.client.data_received(POST + b"x" * 40_000)
    upstream.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    assert rig.plane.held_bytes == 0
    assert rig.plane.n_in_flight == 1


def test_held_bodies_together_are_bounded(rig: Rig) -> None:
    """When all bodies together are too long to hold, they are passed on and not held."""
    rig.plane.held_bytes = 32 << 20
    _, paper = rig.stock()
    rig.client.data_received(POST + b"x" * 20_000)
    rig.client.data_received(b"x" * 20_000)
    assert rig.plane.held_bytes == 32 << 20
    assert paper.written.count(b"x") == 40_000
    rig.plane.held_bytes = 0


def test_a_running_exchange_ends_where_it_began(kit: type[Kit], rig: Rig) -> None:
    """A new routing is for new requests; one that runs keeps its model."""
    candidate, _ = rig.stock(Model.CANDIDATE)
    stable, _ = rig.stock(Model.STABLE)
    rig.client.data_received(kit.GET)
    rig.plane.set_routing(Routing(serving=Model.STABLE, epoch=1))
    candidate.data_received(kit.OK)
    rig.client.data_received(kit.GET)
    stable.data_received(kit.OK)
    assert [one.model for one in rig.exchanges] == [Model.CANDIDATE, Model.STABLE]


def test_in_flight_counts_itself(kit: type[Kit], rig: Rig) -> None:
    """The record says how many ran on this model when it began."""
    for _ in range(3):
        rig.stock()
        client, _ = rig.connect()
        client.data_received(kit.GET)
    for upstream in rig.lent:
        upstream.data_received(kit.OK)
    assert sorted(one.in_flight for one in rig.exchanges) == [1, 2, 3]


def test_draining_asks_clients_to_close(kit: type[Kit], rig: Rig) -> None:
    """While the relay leaves, every answer says `Connection: close`, and the connection ends."""
    upstream, _ = rig.stock()
    rig.client.data_received(kit.GET)
    rig.plane.is_draining = True
    upstream.data_received(kit.OK)
    assert b"Connection: close\r\n" in rig.paper.written
    assert rig.paper.end == "close"
