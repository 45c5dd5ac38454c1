"""Field lines: what llhttp refuses, and what ends at this hop."""

from __future__ import annotations

import pytest

from proxy.relay.fields import BadFields, nominated, split_fields, tokens


def test_lines_come_back_byte_by_byte() -> None:
    """Names are lowered for comparing, values are trimmed, and lines stay as they were."""
    block = b"Host: a\r\nX-B:\t c \r\nx-b:\r\n\r\n"
    assert split_fields(block) == [
        (b"host", b"a", b"Host: a"),
        (b"x-b", b"c", b"X-B:\t c "),
        (b"x-b", b"", b"x-b:"),
    ]


def test_no_field_is_no_error() -> None:
    """A head may end behind its start line."""
    assert split_fields(b"\r\n\r\n") == []


@pytest.mark.parametrize(
    "block",
    [
        b"A : b\r\n\r\n",
        b" A: b\r\n\r\n",
        b"A: b\r\n c\r\n\r\n",
        b"A: b\nC: d\r\n\r\n",
        b"A: \x00\r\n\r\n",
        b"A\r\n\r\n",
        b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_is_no_field_is_refused(block: bytes) -> None:
    """The strict grammar of llhttp decides."""
    with pytest.raises(BadFields):
        split_fields(block)


def test_an_offered_upgrade_is_no_error() -> None:
    """Llhttp stops at an upgrade; the lines are good all the same."""
    assert len(split_fields(b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")) == 2


def test_members_are_lowered_and_empty_ones_dropped() -> None:
    """A list field may hold spaces and empty members."""
    assert tokens(b" Close,, \tX-A ,") == [b"close", b"x-a"]


def test_framing_and_identity_cannot_be_nominated() -> None:
    """Naming a field in `Connection` drops it, but none that frames or identifies."""
    dropped = nominated([b"x-a", b"content-length", b"x-forwarded-for", b"host", b"via"])
    assert b"x-a" in dropped
    assert b"keep-alive" in dropped
    assert not dropped & {b"content-length", b"x-forwarded-for", b"host", b"via"}
