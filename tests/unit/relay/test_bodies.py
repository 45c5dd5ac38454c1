"""Bodies by length and by the connection's end."""

from __future__ import annotations

from proxy.relay.bodies import LengthScanner, OpenScanner


def test_a_length_is_an_end() -> None:
    """Bytes up to the length go on; the rest is the next message's."""
    scanner, kept = LengthScanner(5), []
    assert scanner.feed(b"abc", kept.append) == b"abc"
    assert not scanner.is_done
    assert scanner.feed(b"defg", kept.append) == b"de"
    assert scanner.is_done
    assert scanner.rest == b"fg"
    assert kept == [b"abc", b"de"]
    assert (scanner.payload_bytes, scanner.n_chunks) == (5, 2)


def test_an_empty_piece_is_no_chunk() -> None:
    """Nothing is counted or kept when nothing came."""
    for scanner in (LengthScanner(5), OpenScanner()):
        kept = []
        assert scanner.feed(b"", kept.append) == b""
        assert (scanner.n_chunks, kept) == (0, [])


def test_an_open_body_never_ends_by_itself() -> None:
    """Only its sender's end ends it."""
    scanner, kept = OpenScanner(), []
    assert scanner.feed(b"abc", kept.append) == b"abc"
    assert not scanner.is_done
    assert (scanner.payload_bytes, scanner.n_chunks, kept) == (3, 1, [b"abc"])
