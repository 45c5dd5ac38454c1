"""Copies, on paper: which are made, and of what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.records import Failure, Model, Position, Routing
from proxy.relay.settings import Mirror

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Kit


POST = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody"
ALL = Routing(shadow=Model.STABLE, mirror_fraction=1.0)


def test_a_copy_leaves_after_the_answer(kit: type[Kit]) -> None:
    """Nothing goes to the shadow before the client has its answer."""
    rig = kit.Rig(routing=ALL)
    serving, _ = rig.stock()
    shadow, paper = rig.stock(Model.STABLE, is_shadow=True)
    rig.client.data_received(POST)
    assert paper.written == b""
    serving.data_received(kit.OK)
    assert paper.written.startswith(b"POST / HTTP/1.1\r\nHost: a\r\n")
    assert paper.written.endswith(b"X-Forwarded-For: 10.1.2.3\r\n\r\nbody")
    assert b"X-Stablehand-Mirror: %016x\r\n" % rig.exchanges[0].id in paper.written
    assert b"Expect" not in paper.written
    shadow.data_received(kit.OK)
    assert [one.position for one in rig.exchanges] == [Position.SERVING, Position.SHADOW]


def test_a_copy_ends_at_its_deadline(kit: type[Kit]) -> None:
    """When its time is up it is recorded as a timeout, and its connection closed."""
    rig = kit.Rig(routing=ALL, mirror=Mirror(timeout_s=2))
    serving, _ = rig.stock()
    shadow, _ = rig.stock(Model.STABLE, is_shadow=True)
    rig.client.data_received(POST)
    serving.data_received(kit.OK)
    (copy,) = rig.plane._mirror._running
    assert copy.deadline_s == pytest.approx(rig.sweep.at_s + 2)
    copy.expired()
    assert rig.exchanges[1].failure is Failure.TIMEOUT
    assert shadow.state is kit.Upstream.CLOSED
    assert not rig.plane._mirror._running


def test_no_more_copies_than_allowed(kit: type[Kit]) -> None:
    """At the cap a copy is dropped and counted."""
    rig = kit.Rig(routing=ALL, mirror=Mirror(max_in_flight=1))
    for _ in range(3):
        serving, _ = rig.stock()
        rig.stock(Model.STABLE, is_shadow=True)
        client, _ = rig.connect()
        client.data_received(POST)
        serving.data_received(kit.OK)
    assert rig.plane.dropped == {"mirror_full": 2}


def test_chances_are_combined(kit: type[Kit]) -> None:
    """A request drawn or mirrored is captured: the record carries the chance of either."""
    rig = kit.Rig(routing=Routing(shadow=Model.STABLE, mirror_fraction=0.999999))
    rig.plane.sampler.fit(keep=0.5)
    serving, _ = rig.stock()
    rig.stock(Model.STABLE, is_shadow=True)
    rig.client.data_received(POST)
    serving.data_received(kit.OK)
    assert rig.exchanges[0].capture == pytest.approx(0.5 + 0.999999 - 0.5 * 0.999999)


def test_failed_exchanges_are_not_copied(kit: type[Kit]) -> None:
    """There is nothing to compare with an answer that never was."""
    rig = kit.Rig(routing=ALL)
    serving, _ = rig.stock()
    _, paper = rig.stock(Model.STABLE, is_shadow=True)
    rig.client.data_received(POST)
    serving.data_received(b"nonsense")
    assert paper.written == b""
    assert rig.exchanges[0].failure is Failure.PROTOCOL


def test_with_little_memory_nothing_is_copied(kit: type[Kit]) -> None:
    """Copies and samples go before requests do."""
    rig = kit.Rig(routing=ALL)
    rig.plane.suspend_watching(is_suspended=True)
    serving, _ = rig.stock()
    _, paper = rig.stock(Model.STABLE, is_shadow=True)
    rig.client.data_received(POST)
    serving.data_received(kit.OK)
    assert paper.written == b""
    assert rig.captures == []
    assert rig.exchanges[0].capture == 0.0
