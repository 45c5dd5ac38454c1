"""Request heads: bytes in, a value out; the same value from memory as from the bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.request_head import (
    CHUNKED,
    Refusal,
    RequestReader,
    judge,
)
from proxy.relay.settings import Listen, Models, RelaySettings, Upstream

SETTINGS = RelaySettings(
    models=Models(candidate=Upstream(url="http://127.0.0.1:1")),
    routes=(("predict", ":predict$"), ("v2", "^/v2/")),
)


def reader(*, is_trusted: bool = False, **listen: int) -> RequestReader:
    """Give a reader under the settings of these tests."""
    settings = RelaySettings(
        models=SETTINGS.models, routes=SETTINGS.routes, listen=Listen(**listen)
    )
    return RequestReader(settings, is_trusted=is_trusted)


def test_a_head_says_what_the_relay_must_know() -> None:
    """Method, target, route, body and connection are read from the head."""
    head = reader().read(
        b"POST /v2/m?x HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"
    )
    assert (head.method, head.target, head.host) == (b"POST", b"/v2/m?x", b"a")
    assert (head.route, head.samples, head.body_bytes) == ("v2", True, 7)
    assert not head.keep_alive
    assert head.is_http11
    assert head.forward == (
        b"POST /v2/m?x HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nX-Forwarded-Proto: http\r\n"
        b"X-Forwarded-Host: a\r\nVia: 1.1 stablehand\r\nX-Forwarded-For: "
    )


def test_chunks_have_no_length() -> None:
    """`chunked`, in any case, means that only the end will tell."""
    raw = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
    assert reader().read(raw).body_bytes == CHUNKED


def test_an_announced_body_above_the_limit_is_refused() -> None:
    """`max_body_bytes` is looked at before a byte of the body comes."""
    raw = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"
    with pytest.raises(Refusal) as refused:
        reader(max_body_bytes=10).read(raw)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET", None),
        (b"GET / HTTP/1.1\r\nHo", None),
        (b"\x16\x03", 400),
        (b"a" * 33, 400),
        (b"GET /" + b"a" * 8192, None),
        (b"GET /" + b"a" * 8300, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 65_536, 431),
    ],
)
def test_a_beginning_is_judged_early(data: bytes, status: int | None) -> None:
    """What can come to nothing is refused before its head is complete."""
    if status is None:
        judge(data, Listen())
        return
    with pytest.raises(Refusal) as refused:
        judge(data, Listen())
    assert refused.value.status == status


lines = st.sampled_from(
    [
        b"Host: a",
        b"Host: b",
        b"Content-Length: 3",
        b"Transfer-Encoding: chunked",
        b"Connection: close, x-a",
        b"X-A: 1",
        b"X-Forwarded-For: 9.9.9.9",
        b"Upgrade: websocket",
        b"Connection: upgrade",
        b"TE: trailers",
        b"bad line",
    ]
)


@given(
    start=st.sampled_from([b"GET / HTTP/1.1", b"POST http://h/x HTTP/1.1", b"GET / HTTP/1.0"]),
    fields=st.lists(lines, max_size=6),
    is_trusted=st.booleans(),
)
def test_memory_gives_what_the_bytes_give(
    start: bytes, fields: list[bytes], is_trusted: bool
) -> None:
    """Read anew, read first and read again: three times the same value, or the same refusal."""
    raw = b"\r\n".join([start, *fields, b"", b""])
    one = reader(is_trusted=is_trusted)
    results = []
    for read in (one.read_anew, one.read, one.read):
        try:
            results.append(read(raw))
        except Refusal as refused:
            results.append((refused.status, refused.why))
    assert results[0] == results[1] == results[2]


ordinary = st.sampled_from(
    [
        b"Host: a.b:80",
        b"hOST:\tq",
        b"Host: ",
        b"Content-Length: 12",
        b"content-length: 0012 ",
        b"Connection: Keep-Alive",
        b"connection: close",
        b"X-A: \xff",
        b"Accept: */*",
        b"traceparent: 00-1-2-01",
        b"Via: 1.0 x",
        b"Bad : x",
        b"Host : a",
        b"Content-Length : 3",
        b"TE: trailers",
        b"x_forwarded_for: 1",
        b"X-Hosting: host: b",
    ]
)


@given(
    start=st.sampled_from(
        [
            b"GET /v2/a?b HTTP/1.1",
            b"POST /x:predict HTTP/1.1",
            b"GET / HTTP/1.0",
            b"CONNECT /a HTTP/1.1",
            b"GET /#a HTTP/1.1",
            b"GET http://h/ HTTP/1.1",
            b"G T / HTTP/1.1",
        ]
    ),
    fields=st.lists(ordinary, max_size=7),
    is_trusted=st.booleans(),
)
def test_the_quick_reader_does_what_the_careful_one_does(
    start: bytes, fields: list[bytes], is_trusted: bool
) -> None:
    """Whatever the quick way takes on, it gives the careful way's value, byte by byte."""
    raw = b"\r\n".join([start, *fields, b"", b""])
    one = reader(is_trusted=is_trusted)
    quick = one.read_quickly(raw)
    if quick is not None:
        assert quick == one.read_carefully(raw)


def test_ordinary_heads_are_read_quickly() -> None:
    """The heads that common clients send take the quick way."""
    for connection in (b"", b"Connection: keep-alive\r\n"):
        raw = (
            b"POST /v2/m HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n%bContent-Length: 7\r\n\r\n"
        ) % connection
        assert reader().read_quickly(raw) is not None


@given(fields=st.lists(lines, max_size=6), is_trusted=st.booleans())
def test_what_goes_upstream_is_a_good_head_with_one_framing(
    fields: list[bytes], is_trusted: bool
) -> None:
    """A forwarded head reads as the same request again, and says at most one thing of its body."""
    raw = b"\r\n".join([b"POST / HTTP/1.1", *fields, b"", b""])
    try:
        head = reader(is_trusted=is_trusted).read(raw)
    except Refusal:
        return
    again = reader(is_trusted=True).read(head.forward + b"127.0.0.1\r\n\r\n")
    assert (again.method, again.target, again.body_bytes) == (
        head.method,
        head.target,
        head.body_bytes,
    )
    names = [line.partition(b":")[0].lower() for line in head.forward.split(b"\r\n")[1:]]
    assert names.count(b"host") == names.count(b"x-forwarded-for") == 1
    assert names[-1] == b"x-forwarded-for"


def test_memory_is_bounded() -> None:
    """A client that never repeats a head cannot make the reader grow without end."""
    one = reader()
    for n in range(2000):
        one.read(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n)
    one.read(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 5000 + b"\r\n\r\n")
    assert len(one._remembered) <= 512
    assert all(len(raw) <= 4096 for raw in one._remembered)
