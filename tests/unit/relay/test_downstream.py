"""A client's connection, move by move; and the same whatever its bytes' segmentation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.relay.settings import Listen

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Kit, Rig


def test_a_request_and_its_answer(kit: type[Kit], rig: Rig) -> None:
    """Head in, head out with our fields; answer in, the same bytes out; then it waits again."""
    upstream, paper = rig.stock()
    rig.client.data_received(kit.GET)
    assert rig.client.state is kit.Downstream.ANSWER
    assert paper.written.startswith(b"GET / HTTP/1.1\r\nHost: a\r\n")
    assert paper.written.endswith(b"X-Forwarded-For: 10.1.2.3\r\n\r\n")
    upstream.data_received(kit.OK)
    assert rig.paper.written == kit.OK
    assert rig.client.state is kit.Downstream.WAIT


def test_a_body_is_followed_to_its_end(kit: type[Kit], rig: Rig) -> None:
    """The body goes on as it comes, and what follows it belongs to the next request."""
    _, paper = rig.stock()
    rig.client.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab")
    assert rig.client.state is kit.Downstream.BODY
    rig.client.data_received(b"cd")
    rig.client.data_received(b"efGET")
    assert rig.client.state is kit.Downstream.ANSWER
    assert paper.written.endswith(b"\r\n\r\nabcdef")


def test_backpressure_goes_both_ways(rig: Rig) -> None:
    """A full client pauses the upstream, a full upstream pauses the client."""
    upstream, paper = rig.stock()
    rig.client.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab")
    upstream.pause_writing()
    assert rig.paper.is_paused
    upstream.resume_writing()
    assert not rig.paper.is_paused
    rig.client.pause_writing()
    assert paper.is_paused
    rig.client.resume_writing()
    assert not paper.is_paused


def test_each_state_has_its_end_of_time(kit: type[Kit], rig: Rig) -> None:
    """Silence closes, a head that drips is told 408, a body that stops is cut."""
    rig.client.expired()
    assert (rig.client.state, rig.paper.end, rig.paper.written) == (
        kit.Downstream.CLOSING,
        "close",
        b"",
    )
    dripping, paper = rig.connect()
    dripping.data_received(b"GET / HT")
    dripping.expired()
    assert paper.written.startswith(b"HTTP/1.1 408 ")
    assert dripping.state is kit.Downstream.LINGER
    dripping.expired()
    assert dripping.state is kit.Downstream.CLOSING
    rig.stock()
    stuck, paper = rig.connect()
    stuck.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab")
    stuck.expired()
    assert (stuck.state, paper.end) == (kit.Downstream.CLOSED, "abort")
    assert rig.lent[-1].state is kit.Upstream.CLOSED


def test_a_dripping_head_gains_no_time(rig: Rig) -> None:
    """Every further byte of a head leaves its deadline where the first one put it."""
    rig.client.data_received(b"G")
    deadline_s = rig.client.deadline_s
    rig.sweep.at_s += 5
    rig.client.data_received(b"E")
    assert rig.client.deadline_s == deadline_s


def test_quiet_is_between_requests(kit: type[Kit], rig: Rig) -> None:
    """Only a connection that waits, and has sent nothing of a request, is quiet."""
    rig.sweep.at_s += 3
    assert rig.client.quiet_s(rig.sweep.at_s) == pytest.approx(3)
    upstream, _ = rig.stock()
    rig.client.data_received(kit.GET)
    assert rig.client.quiet_s(rig.sweep.at_s) == 0
    upstream.data_received(kit.OK)
    rig.sweep.at_s += 2
    assert rig.client.quiet_s(rig.sweep.at_s) == pytest.approx(2)
    rig.client.data_received(b"G")
    assert rig.client.quiet_s(rig.sweep.at_s) == 0


def test_after_an_early_answer_the_rest_is_swallowed(kit: type[Kit], rig: Rig) -> None:
    """The answer is sent, writing ends, and what still comes is dropped without a word."""
    upstream, _ = rig.stock()
    rig.client.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab")
    upstream.data_received(b"HTTP/1.1 413 x\r\nContent-Length: 0\r\n\r\n")
    assert rig.client.state is kit.Downstream.LINGER
    assert rig.paper.has_ended_writing
    written = rig.paper.written
    rig.client.data_received(b"cdefghi")
    assert rig.paper.written == written
    assert b"Connection: close" in written


REQUESTS = st.lists(
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"3\r\nabc\r\n0\r\n\r\n",
            b"2;x=y\r\nab\r\n",
            b"0\r\nX-T: 1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
            b"GET / HTTP/1.0\r\n\r\n",
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET http://h/x HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\r\n",
            b"\n",
            b"GET ",
            b"Host: a\r\n",
            b"\x00\xff",
        ]
    )
    | st.binary(max_size=4),
    max_size=6,
).map(b"".join)


async def relayed(kit: type[Kit], data: bytes, cuts: list[int]) -> tuple[bytes, bool, bytes]:
    """Feed `data`, cut at `cuts`; give the answers, whether it ended, what upstreams got whole."""
    rig = kit.Rig(Listen())
    for _ in range(30):
        rig.stock()
    places = sorted({min(place, len(data)) for place in cuts})
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        if start == end:
            continue
        rig.client.data_received(data[start:end])
        for _ in range(20):
            for upstream in rig.lent:
                if upstream.state is kit.Upstream.HEAD and upstream.request_done:
                    upstream.data_received(
                        kit.OK if upstream.owner.is_head is False else kit.OK[:-2]
                    )
            await asyncio.sleep(0)
    is_over = rig.client.state >= kit.Downstream.LINGER
    # What a request that was refused in its middle has sent depends on where it was cut.
    sent = b"" if is_over else b"".join(one.transport.written for one in rig.lent)
    return rig.paper.written, is_over, sent


@settings(max_examples=300, deadline=None)
@given(data=REQUESTS, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_any_bytes_in_any_segmentation_give_the_same(
    kit_class: type[Kit], data: bytes, cuts: list[int]
) -> None:
    """Whole, cut anywhere, or byte by byte: the client reads the same, and ends the same."""

    async def scenario() -> None:
        whole = await relayed(kit_class, data, [])
        assert await relayed(kit_class, data, cuts) == whole
        assert await relayed(kit_class, data, list(range(len(data)))) == whole

    asyncio.run(scenario())
