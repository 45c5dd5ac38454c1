"""JSON Pointer, with `*`."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.payload.pointers import Pointer

RFC = {
    "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6,
    " ": 7, "m~n": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", RFC),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
        ("/foo/2", None),
        ("/foo/-1", None),
        ("/foo/" + "9" * 40, None),
        ("/nope/deeper", None),
        ("/foo/*", ["bar", "baz"]),
    ],
)
def test_the_examples_of_the_standard_are_found(pointer: str, value: Any) -> None:
    """RFC 6901, section 5; what is not there is `None`."""
    assert Pointer.of(pointer).find(RFC) == value


def test_a_star_reaches_every_child() -> None:
    """`*` stands for any key and any index, also more than once."""
    body: Any = {"rows": [{"a": {"s": 1}}, {"b": {"s": 2}}, 3]}
    Pointer.of("/rows/*/*/s").replace(body, lambda value: -value if isinstance(value, int) else 0)
    assert body == {"rows": [{"a": {"s": -1}}, {"b": {"s": -2}}, 3]}


def test_dropping_removes_keys_and_empties_places() -> None:
    """A key goes, an element of an array becomes null, the whole body becomes null."""
    body: Any = {"a": 1, "b": [1, 2]}
    assert Pointer.of("/a").drop(body) == {"b": [1, 2]}
    assert Pointer.of("/b/0").drop(body) == {"b": [None, 2]}
    assert Pointer.of("/*").drop(body) == {}
    assert Pointer.of("").drop(body) is None
    assert Pointer.of("/x/y").drop({"x": 1}) == {"x": 1}
