"""Records are filled by position: each value must stand where its name says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.records import Failure, Message, Model, Position, Routing, Stream
from proxy.relay.recording import exchange_of

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Kit, Rig

POST = b"POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Type: x/y\r\nContent-Length: 4\r\n\r\nbody"
STREAM = (
    b"HTTP/1.1 201 x\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nevent\r\n"
)


def test_every_value_stands_under_its_name(kit: type[Kit], rig: Rig) -> None:
    """A record is compared field by field with what the exchange holds."""
    upstream, _ = rig.stock()
    rig.client.data_received(POST)
    running = rig.client._running
    upstream.data_received(STREAM)
    running.failed_over, running.replayed, running.capture = True, False, 0.25
    record = exchange_of(running, Failure.TIMEOUT)
    assert record.id == running.id
    assert record.pair_id is None
    assert (record.model, record.position) == (Model.CANDIDATE, Position.SERVING)
    assert record.route == "other"
    assert record.started_s == running.started_s
    assert record.connected_s == running.connected_s
    assert record.first_byte_s == running.first_byte_s
    assert record.finished_s >= running.first_byte_s
    assert (record.status, record.failure) == (201, Failure.TIMEOUT)
    assert (record.failed_over, record.replayed) == (True, False)
    assert (record.request_bytes, record.response_bytes, record.in_flight) == (4, 5, 1)
    assert isinstance(record.stream, Stream)
    assert record.capture == 0.25
    upstream.connection_lost(None)
    assert rig.exchanges[0].failure is Failure.TRUNCATED
    assert rig.client.state is kit.Downstream.CLOSED


def test_both_sides_of_a_pair_are_recorded(kit: type[Kit]) -> None:
    """The copy's record names its serving exchange; its sample holds the answer only."""
    rig = kit.Rig(routing=Routing(shadow=Model.STABLE, mirror_fraction=1.0))
    serving, _ = rig.stock()
    shadow, _ = rig.stock(Model.STABLE, is_shadow=True)
    rig.client.data_received(POST)
    serving.data_received(kit.OK)
    shadow.data_received(STREAM)
    shadow.data_received(b"0\r\n\r\n")
    first, second = rig.captures
    assert first.target == second.target == "/a"
    assert first.request == Message({"content-type": "x/y"}, b"body", truncated=False)
    assert first.response == Message({}, b"ok", truncated=False)
    assert second.request is None
    assert second.response.body == b"event"
    assert len(second.response.arrivals) == 1
    copy = second.exchange
    assert (copy.pair_id, copy.model, copy.position) == (
        first.exchange.id,
        Model.STABLE,
        Position.SHADOW,
    )
    assert (copy.status, copy.failure, copy.response_bytes) == (201, None, 5)
    assert (copy.failed_over, copy.replayed, copy.capture) == (False, False, 1.0)
    assert copy.started_s <= copy.connected_s <= copy.first_byte_s <= copy.finished_s
    assert copy.stream.n_chunks == 1
