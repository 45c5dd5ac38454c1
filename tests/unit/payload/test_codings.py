"""Content codings undone within a bound."""

from __future__ import annotations

import gzip
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.payload.codings import undo
from proxy.payload.reasons import Reason, Unreadable

BOMB = gzip.compress(b"\0" * 50_000_000)


def raw_deflate(data: bytes) -> bytes:
    """Compress without any header, as some servers call `deflate`."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_gzip_and_deflate_come_back(data: bytes) -> None:
    """What was packed is given, for every way of writing deflate."""
    assert undo(gzip.compress(data), "gzip", 2000) == (data, (), True)
    assert undo(zlib.compress(data), "deflate", 2000) == (data, (), True)
    assert undo(raw_deflate(data), "deflate", 2000)[0] == data
    assert undo(zlib.compress(gzip.compress(data)), "gzip, deflate", 4000)[0] == data
    assert undo(data, "identity", 0) == (data, (), True)


def test_a_bomb_is_stopped_at_the_limit() -> None:
    """50 MB of zeros in 50 kB are not unpacked beyond the limit."""
    with pytest.raises(Unreadable) as caught:
        undo(BOMB, "gzip", 65_536)
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("coding", "data", "reason"),
    [
        ("gzip", b"not gzip", Reason.BAD_CODING),
        ("gzip", BOMB[:20] + b"\xff" * 20, Reason.BAD_CODING),
        ("compress", b"x", Reason.CODING_UNAVAILABLE),
        ("gzip, gzip, gzip, gzip", b"x", Reason.BAD_CODING),
    ],
)
def test_what_cannot_be_undone_has_a_reason(coding: str, data: bytes, reason: Reason) -> None:
    """Damage, unknown codings and absurd stacks of them are told apart."""
    with pytest.raises(Unreadable) as caught:
        undo(data, coding, 1000)
    assert caught.value.reason is reason


def test_a_body_cut_short_is_told() -> None:
    """The part that came is given, with the remark that the end is missing."""
    packed = gzip.compress(bytes(range(256)) * 10)
    data, _, whole = undo(packed[: len(packed) // 2], "gzip", 10_000)
    assert not whole
    assert (bytes(range(256)) * 10).startswith(data)


def test_arrivals_are_moved_into_the_unpacked_body() -> None:
    """The offset of each chunk of a compressed stream becomes that of what it unpacks to."""
    packer = zlib.compressobj(wbits=31)
    first = packer.compress(b"a" * 100) + packer.flush(zlib.Z_SYNC_FLUSH)
    second = packer.compress(b"b" * 50) + packer.flush()
    data, arrivals, _ = undo(first + second, "gzip", 1000, ((1.0, 0), (2.0, len(first))))
    assert data == b"a" * 100 + b"b" * 50
    assert arrivals == ((1.0, 0), (2.0, 100))


def test_brotli_is_bounded() -> None:
    """Brotli comes back, damage is told, and a bomb is stopped at the limit."""
    brotli = pytest.importorskip("brotli")
    assert undo(brotli.compress(b"hello" * 10), "br", 50) == (b"hello" * 10, (), True)
    with pytest.raises(Unreadable) as caught:
        undo(brotli.compress(b"\0" * 10_000_000), "br", 1000)
    assert caught.value.reason is Reason.TOO_LARGE
    with pytest.raises(Unreadable) as caught:
        undo(b"\xff\xff\xff\xff", "br", 1000)
    assert caught.value.reason is Reason.BAD_CODING
    assert undo(brotli.compress(bytes(range(256)))[:-10], "br", 1000)[2] is False


def test_zstd_is_bounded() -> None:
    """Zstandard comes back, damage is told, and a bomb is stopped at the limit."""
    zstandard = pytest.importorskip("zstandard")
    packer = zstandard.ZstdCompressor()
    assert undo(packer.compress(b"hello" * 10), "zstd", 50)[0] == b"hello" * 10
    with pytest.raises(Unreadable) as caught:
        undo(packer.compress(b"\0" * 10_000_000), "zstd", 1000)
    assert caught.value.reason is Reason.TOO_LARGE
    with pytest.raises(Unreadable) as caught:
        undo(b"nothing of the kind", "zstd", 1000)
    assert caught.value.reason is Reason.BAD_CODING


@pytest.mark.parametrize(("coding", "module"), [("br", "brotli"), ("zstd", "zstandard")])
def test_a_missing_library_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, coding: str, module: str
) -> None:
    """Without the extra the body is counted, and nothing else happens."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Unreadable) as caught:
        undo(b"x", coding, 1000)
    assert caught.value.reason is Reason.CODING_UNAVAILABLE
