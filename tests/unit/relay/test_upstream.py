"""A connection to a model, move by move; and whatever it sends, in whatever pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.records import Failure

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Kit, Rig


def test_it_returns_to_the_pool_after_a_whole_answer(kit: type[Kit], rig: Rig) -> None:
    """Both messages complete: idle again, and lent again."""
    upstream, _ = rig.stock()
    for _ in range(2):
        rig.client.data_received(kit.GET)
        assert upstream.state is kit.Upstream.HEAD
        upstream.data_received(kit.OK)
        assert upstream.state is kit.Upstream.IDLE
    assert upstream.n_sent == 2


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "LENGTH"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "CHUNKED"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "UNTIL_EOF"),
        (b"HTTP/1.1 103 x\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", "CLOSED"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", "CLOSED"),
        (b"HTTP/1.1 204 x\r\nContent-Length: 2\r\n\r\n", "CLOSED"),
        (b"HTTP/1.1 204 x\r\n\r\n", "IDLE"),
        (b"SSH-2.0", "CLOSED"),
    ],
)
def test_the_framing_decides_where_it_goes(
    kit: type[Kit], rig: Rig, answer: bytes, state: str
) -> None:
    """Each kind of answer leads to its state; what cannot be trusted is not used again."""
    upstream, _ = rig.stock()
    rig.client.data_received(kit.GET)
    upstream.data_received(answer)
    assert upstream.state is kit.Upstream[state]


def test_an_answer_before_the_request_is_complete_costs_the_connection(
    kit: type[Kit], rig: Rig
) -> None:
    """The rest of that request would be taken for the next one."""
    upstream, paper = rig.stock()
    rig.client.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab")
    upstream.data_received(kit.OK)
    assert upstream.state is kit.Upstream.CLOSED
    assert paper.end == "abort"


def test_only_silence_while_an_answer_is_due_counts(rig: Rig) -> None:
    """No deadline while the request still comes or the client is slow; one when it is complete."""
    upstream, _ = rig.stock()
    rig.client.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
    assert upstream.deadline_s == float("inf")
    rig.client.data_received(b"cd")
    assert upstream.deadline_s == pytest.approx(rig.sweep.at_s + 60)
    rig.client.pause_writing()
    assert upstream.deadline_s == float("inf")
    rig.client.resume_writing()
    assert upstream.deadline_s == pytest.approx(rig.sweep.at_s + 60)


def test_an_open_answer_ends_well_only_with_an_orderly_end(kit: type[Kit], rig: Rig) -> None:
    """A FIN ends an answer of open length; anything else breaks it."""
    for orderly in (True, False):
        upstream, _ = rig.stock()
        client, paper = rig.connect()
        client.data_received(kit.GET)
        upstream.data_received(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        if orderly:
            upstream.eof_received()
        upstream.connection_lost(None if orderly else ConnectionResetError())
        assert rig.exchanges[-1].failure is (None if orderly else Failure.TRUNCATED)
        assert paper.end == ("close" if orderly else "abort")


ANSWERS = st.lists(
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\n",
            b"Content-Length: 3\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Connection: close\r\n",
            b"\r\n",
            b"abc",
            b"3\r\nabc\r\n",
            b"0\r\n\r\n",
            b"HTTP/1.1 103 x\r\n\r\n",
            b"HTTP/1.1 204 x\r\n\r\n",
        ]
    )
    | st.binary(max_size=4),
    max_size=8,
).map(b"".join)


def answered(kit: type[Kit], data: bytes, places: list[int]) -> tuple[object, ...]:
    """Let an upstream send `data`, cut at `places`, and end; give what the client saw."""
    rig = kit.Rig()
    upstream, _ = rig.stock()
    rig.client.data_received(kit.GET)
    # As if its body were held no longer: replay is a story of its own.
    rig.client._running._holds = False
    cuts = sorted({min(place, len(data)) for place in places})
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if start < end:
            upstream.data_received(data[start:end])
    if upstream.state is not kit.Upstream.CLOSED:
        upstream.eof_received()
        upstream.connection_lost(None)
    (exchange,) = rig.exchanges
    if exchange.failure is not None:
        # How much had gone on before it broke depends on the pieces; that it broke does not.
        is_begun = exchange.first_byte_s is not None
        assert rig.paper.end == ("abort" if is_begun else "")
        return ("broken",)
    return (exchange.status, exchange.response_bytes, rig.paper.written, rig.client.state)


@settings(max_examples=300, deadline=None)
@given(data=ANSWERS, places=st.lists(st.integers(0, 200), max_size=10))
def test_any_answer_in_any_segmentation_gives_the_same(
    kit_class: type[Kit], data: bytes, places: list[int]
) -> None:
    """A good answer is passed on alike however it is cut; a bad one is bad however it is cut."""
    whole = answered(kit_class, data, [])
    assert answered(kit_class, data, places) == whole
    assert answered(kit_class, data, list(range(len(data)))) == whole
