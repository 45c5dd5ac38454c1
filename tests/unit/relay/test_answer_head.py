"""Answer heads: how the body ends, what goes on, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.answer_head import (
    CHUNKED,
    UNTIL_CLOSE,
    AnswerReader,
    BadAnswer,
    read_anew,
    read_carefully,
    read_quickly,
    without_chunking,
)


@pytest.mark.parametrize(
    ("raw", "body_bytes", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 5, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Close\r\n\r\n", 5, False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKED, True),
        (b"HTTP/1.1 200 OK\r\n\r\n", UNTIL_CLOSE, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 5, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", 5, True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 0, True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 0, True),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", 0, True),
    ],
)
def test_framing_follows_the_standard(raw: bytes, body_bytes: int, keep_alive: bool) -> None:
    """Length, chunks or the connection's end: RFC 9112 §6.3 decides."""
    head = read_anew(raw)
    assert (head.body_bytes, head.keep_alive) == (body_bytes, keep_alive)


def test_a_head_without_fields_of_this_hop_is_passed_as_it_is() -> None:
    """Nothing to drop means the very same bytes go on."""
    head = read_anew(b"HTTP/1.1 200 OK\r\nserver: x\r\nContent-Length: 0\r\n\r\n")
    assert head.is_verbatim
    assert head.forward is head.raw


def test_fields_of_this_hop_are_dropped() -> None:
    """`Connection`, what it names, and `Keep-Alive` end here."""
    head = read_anew(
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\nX-B: 2\r\n"
        b"Keep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n"
    )
    assert head.forward == b"HTTP/1.1 200 OK\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n"
    assert not head.is_verbatim


@pytest.mark.parametrize(
    ("fields", "is_stream"),
    [
        (b"Content-Type: text/event-stream\r\nContent-Length: 1\r\n", True),
        (b"Content-Type: Application/X-NDJSON; a=b\r\nTransfer-Encoding: chunked\r\n", True),
        (b"Transfer-Encoding: chunked\r\n", True),
        (b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", False),
        (b"Content-Length: 1\r\n", False),
    ],
)
def test_streams_are_known_by_type_or_by_untyped_chunks(fields: bytes, is_stream: bool) -> None:
    """What is made piece by piece is timed piece by piece."""
    assert read_anew(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n").is_stream == is_stream


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 O\x00K\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_bad_heads_are_refused(raw: bytes) -> None:
    """A head that two readers could take differently goes nowhere."""
    with pytest.raises(BadAnswer):
        read_anew(raw)


def test_only_websockets_are_switched_to() -> None:
    """A 101 to anything else is no tunnel."""
    raw = b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: %b\r\n\r\n"
    assert read_anew(raw % b"WebSocket").is_websocket
    assert not read_anew(raw % b"h2c").is_websocket


def test_chunking_can_be_taken_off_a_head() -> None:
    """For HTTP/1.0 the coding and the announcement of trailers go."""
    forward = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: a\r\nX: 1\r\n\r\n"
    assert without_chunking(forward) == b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\n"


def test_memory_is_bounded_and_right() -> None:
    """Heads that never repeat do not pile up; one that repeats is the same value."""
    reader = AnswerReader()
    for n in range(2000):
        reader.read(b"HTTP/1.1 200 OK\r\nX: %d\r\nContent-Length: 0\r\n\r\n" % n)
    assert len(reader._remembered) <= 512
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    assert reader.read(raw) == reader.read(raw) == read_anew(raw)


FIELDS = st.sampled_from(
    [
        b"Content-Length: 12",
        b"content-length:0",
        b"Content-Length: 1 2",
        b"Content-Type: application/json",
        b"content-type: Text/Event-Stream ; charset=x",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Keep-Alive: 5",
        b"Date: x",
        b"X: \xff",
        b"Bad : x",
        b"Content-Length : 3",
    ]
)


@given(
    start=st.sampled_from(
        [
            b"HTTP/1.1 200 OK",
            b"HTTP/1.1 404",
            b"HTTP/1.0 200 OK",
            b"HTTP/1.1 204 x",
            b"HTTP/1.1 103 x",
            b"HTTP/1.1 2000 x",
        ]
    ),
    fields=st.lists(FIELDS, max_size=5),
)
def test_the_quick_reader_does_what_the_careful_one_does(start: bytes, fields: list[bytes]) -> None:
    """Whatever the quick way takes on, it gives the careful way's value."""
    raw = b"\r\n".join([start, *fields, b"", b""])
    quick = read_quickly(raw)
    if quick is not None:
        assert quick == read_carefully(raw)


def test_ordinary_heads_are_read_quickly() -> None:
    """What model servers send takes the quick way."""
    raw = (
        b"HTTP/1.1 200 OK\r\ndate: x\r\nserver: uvicorn\r\ncontent-length: 2\r\n"
        b"content-type: application/json\r\n\r\n"
    )
    assert read_quickly(raw) is not None
