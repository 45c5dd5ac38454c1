"""Chunked bodies: the end, the payload, what goes on; the same in any segmentation."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.chunks import BadChunks, ChunkScanner

BODY = b"5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"


def scan(pieces: list[bytes], **options: bool) -> tuple[bytes, bytes, bytes] | str:
    """Give what went on, the payload and the rest; or that it was bad."""
    scanner = ChunkScanner(**options)
    out, payload = [], []
    try:
        for piece in pieces:
            if scanner.is_done:
                out.append(b"")
                scanner.rest += piece
            else:
                out.append(scanner.feed(piece, payload.append))
    except BadChunks:
        return "bad"
    if not scanner.is_done:
        return "incomplete"
    assert scanner.payload_bytes == len(b"".join(payload))
    return b"".join(out), b"".join(payload), scanner.rest


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut `data` at the given places."""
    places = sorted({min(place, len(data)) for place in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"),
        ({"trailers": False}, b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n"),
        ({"frames": False}, b"hello0123456789"),
    ],
)
@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=8))
def test_what_goes_on_does_not_depend_on_the_segmentation(
    options: dict[str, object], expected: bytes, cuts: list[int]
) -> None:
    """Extensions go, trailers go on if asked for, frames if understood, however it was cut."""
    assert scan(cut(BODY + b"next", cuts), **options) == (expected, b"hello0123456789", b"next")


def test_a_body_that_needs_no_change_is_passed_as_the_same_object() -> None:
    """Nothing is copied that stays as it is."""
    data = b"5\r\nhello\r\n"
    assert ChunkScanner().feed(data) is data


def test_chunks_are_counted() -> None:
    """Each chunk with payload counts, whatever its pieces."""
    scanner = ChunkScanner()
    for byte in BODY:
        scanner.feed(bytes([byte]))
    assert scanner.n_chunks == 2


class Oracle:
    """What llhttp makes of a body."""

    def __init__(self) -> None:
        self.payload = b""
        self.is_done = False

    def on_body(self, data: bytes) -> None:
        """Collect."""
        self.payload += data

    def on_message_complete(self) -> None:
        """Note the end."""
        self.is_done = True


pieces = st.one_of(
    st.sampled_from(
        [
            *(b"0\r\n", b"1\r\n", b"a\r\n", b"\r\n", b"x", b"5;a=b\r\n", b";", b"\n", b"\r", b" "),
            *(b"X: y\r\n", b"0\r\n\r\n", b"1\r\nx\r\n", b'3;q="a b"\r\nabc\r\n', b"00\r\n\r\n"),
        ]
    ),
    st.binary(max_size=6),
)


@given(data=st.lists(pieces, max_size=10).map(b"".join), cuts=st.lists(st.integers(0, 60)))
def test_llhttp_accepts_whatever_is_accepted_here(data: bytes, cuts: list[int]) -> None:
    """Any bytes: the same verdict in any segmentation, and never more lenient than llhttp."""
    whole = scan([data])
    assert scan(cut(data, cuts)) == whole
    if isinstance(whole, str):
        return
    oracle = Oracle()
    parser = httptools.HttpRequestParser(oracle)
    parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    parser.feed_data(data[: len(data) - len(whole[2])])
    assert oracle.is_done
    assert oracle.payload == whole[1]
