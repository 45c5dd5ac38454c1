"""What the dialects of the OpenAI family share: contents, usage, streams of JSON events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proxy.payload.body import Body
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.sse import events

_DONE: Final = b"[DONE]"


def as_object(value: Json) -> dict[str, Json]:
    """Give `value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """Give `value` when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Json) -> str:
    """Give `value` when it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def content(value: Json) -> tuple[str, int]:
    """Give the text of a message's content (a string, or parts) and how many images it holds."""
    if isinstance(value, str):
        return value, 0
    parts = [as_object(part) for part in as_list(value)]
    texts = [as_text(part.get("text")) or as_text(part.get("content")) for part in parts]
    images = sum("image" in as_text(part.get("type")) for part in parts)
    return "\n".join(text for text in texts if text), images


def refuse_error(found: dict[str, Json]) -> None:
    """Refuse an answer of status 200 that is an error.

    Raises:
        Unreadable: it is.
    """
    if found.get("error") and not found.get("choices"):
        raise Unreadable(Reason.ERROR_BODY, "The answer is an error in a body of status 200.")


def stream(body: Body) -> Iterator[tuple[dict[str, Json], str, int]]:
    """Give the events of a stream as (object, name of the event, offset of its end).

    An event cut off by the capture limit is not given; `[DONE]` is given as an empty object with
    the name `done`.

    Raises:
        Unreadable: an event that is complete but not JSON.
    """
    for event in events(body.data):
        if event.data.strip() == _DONE:
            yield {}, "done", event.end
        else:
            yield as_object(body.parse(event.data)), event.name, event.end


def is_stream(body: Body) -> bool:
    """Tell a streamed answer from a whole one, also when its media type is missing."""
    return body.media == "text/event-stream" or body.data[:6] in (b"data: ", b"event:")
