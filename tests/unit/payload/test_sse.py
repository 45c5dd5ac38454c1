"""Server-sent events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.sse import Event, events, is_framed


def test_the_grammar_of_the_standard() -> None:
    """Names, several data lines, comments, ids and the one space after the colon."""
    stream = (
        b"\xef\xbb\xbf: comment\n\nevent: add\ndata: 7\ndata:  8\nid: 1\nretry: 9\n\n"
        b"data\n\nevent: none\n\ndata:x\r\n\r\n"
    )
    found = [(event.name, event.data) for event in events(stream)]
    assert found == [("add", b"7\n 8"), ("", b""), ("", b"x")]


def test_an_event_that_is_not_complete_is_not_given() -> None:
    """What was cut off within an event is no event."""
    assert list(events(b"data: a\n\ndata: b\n")) == [Event("", b"a", 9)]
    assert list(events(b"data: a")) == []


@given(st.lists(st.text("abc :é", min_size=1).map(str.encode), min_size=1, max_size=6))
def test_events_end_where_the_next_begins(data: list[bytes]) -> None:
    """The offsets cut the stream exactly at its events."""
    pieces = [b"data: " + one + b"\n\n" for one in data]
    ends = [event.end for event in events(b"".join(pieces))]
    assert ends == [sum(map(len, pieces[: i + 1])) for i in range(len(pieces))]


def test_bare_text_is_not_framed() -> None:
    """A body without any field line is text under a false media type."""
    assert not is_framed(b"tok0 tok1 tok2")
    assert is_framed(b"data: x\n\n")
    assert is_framed(b"event: x\n")
    assert is_framed(b": ping\n")
