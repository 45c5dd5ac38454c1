"""What a client is told beside the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Kit

CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("request_head", "answer", "connection"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None, None),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", None, b"close"),
        (b"GET / HTTP/1.0\r\n\r\n", None, b"close"),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", None, b"keep-alive"),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", CHUNKS, b"close"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", CHUNKS, None),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"close"),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", None, b"close"),
    ],
)
def test_a_connection_ends_when_its_framing_or_its_client_says_so(
    kit: type[Kit], request_head: bytes, answer: bytes | None, connection: bytes | None
) -> None:
    """The field is added only where the connection does not simply go on."""
    rig = kit.Rig()
    upstream, _ = rig.stock()
    rig.client.data_received(request_head)
    upstream.data_received(answer or kit.OK)
    said = rig.paper.written.partition(b"Connection: ")[2].partition(b"\r\n")[0] or None
    assert said == connection
