"""What is changed for one upstream, where the operator asked for it."""

from __future__ import annotations

import pytest

from proxy.relay.rewrite import body_with_model, rewritten
from proxy.relay.settings import Upstream

HEAD = b"POST /v1/models/a:predict?m=/models/z HTTP/1.1\r\nX: models/a\r\nhost: b\r\nX-Host: c"


def test_without_a_wish_nothing_changes() -> None:
    """An upstream with neither host nor model gets the bytes as they are."""
    plain = Upstream(url="http://a:1")
    assert rewritten(HEAD, plain) == HEAD
    assert body_with_model(b'{"model": "a"}', plain) == b'{"model": "a"}'


def test_the_model_is_renamed_in_the_path_only() -> None:
    """The first `/models/NAME` of the path changes; the query and fields do not."""
    got = rewritten(HEAD, Upstream(url="http://a:1", model=r"n\1"))
    assert got == HEAD.replace(b"/v1/models/a:", rb"/v1/models/n\1:")


def test_the_host_is_replaced_once() -> None:
    """`Host` changes in whatever spelling, and no other field."""
    got = rewritten(HEAD, Upstream(url="http://a:1", host="inner"))
    assert got == HEAD.replace(b"host: b", b"Host: inner")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b' {"model" : "a", "x": 1}', b' {"model" : "n", "x": 1}'),
        (b'{"x": {"model": "a"}}', b'{"x": {"model": "a"}}'),
        (b'{"model": 1}', b'{"model": 1}'),
        (b"\xff\xfe", b"\xff\xfe"),
        (b"", b""),
    ],
)
def test_a_bodys_model_is_renamed_where_it_comes_first(body: bytes, expected: bytes) -> None:
    """Only the first member of a JSON object, and only a string, is renamed."""
    assert body_with_model(body, Upstream(url="http://a:1", model="n")) == expected
