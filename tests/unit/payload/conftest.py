"""What the payload tests share: exchanges made up around a body, and a reader of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import made
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.records import (
    Capture,
    Exchange,
    Message,
    Rows,
    Scalar,
    Side,
    Stream,
    Undecodable,
)

Columns = dict[str, list[Scalar]]
Captured = Callable[[str, Message | None, Message | None], Capture]


class Reading:
    """Decodes one body at a time, as the only one of its exchange."""

    def __init__(self, settings: Payload, redact: Redact, **known: Any) -> None:
        """Make a decoder with these settings; `known` is what the benchmark tells."""
        self.decoder = Decoder(settings, redact, **known)

    def with_(self, settings: Payload | None = None, redact: Redact | None = None, **known: Any):  # noqa: ANN201 - gives its own class
        """Give a reading with other settings; strings are kept in clear unless `redact` says."""
        return Reading(settings or Payload(), redact or Redact(categories="clear"), **known)

    @staticmethod
    def exchange(**changes: Any) -> Exchange:
        """Make an exchange that began at 10 s and was answered within 200 ms."""
        times = {"started_s": 10.0, "connected_s": 10.0, "first_byte_s": 10.1, "finished_s": 10.2}
        return made.exchange(**(times | changes))

    def capture(
        self, path: str, request: Message | None, response: Message | None, **exchange: Any
    ) -> Capture:
        """Make a capture."""
        return Capture(self.exchange(**exchange), path, request, response)

    def input(
        self, path: str, body: bytes, fields: dict[str, str] | None = None, **more: Any
    ) -> Columns | Undecodable:
        """Read a request body; gives its columns, or why there are none."""
        message = Message(fields or {}, body, more.pop("truncated", False))
        (found,) = self.decoder.decode(self.capture(path, message, None, **more))
        assert found.side is Side.INPUT
        return self.columns(found)

    def output(
        self, path: str, body: bytes, fields: dict[str, str] | None = None, **more: Any
    ) -> Columns | Undecodable:
        """Read an answer's body; gives its columns, or why there are none."""
        truncated, arrivals = more.pop("truncated", False), more.pop("arrivals", ())
        message = Message(fields or {}, body, truncated, arrivals)
        (found,) = self.decoder.decode(self.capture(path, None, message, **more))
        assert found.side is Side.OUTPUT
        return self.columns(found)

    def stream(
        self, path: str, pieces: list[tuple[float, bytes]], **more: Any
    ) -> Columns | Undecodable:
        """Read an event stream whose pieces arrived at the given times."""
        arrivals, at = [], 0
        for at_s, piece in pieces:
            arrivals.append((at_s, at))
            at += len(piece)
        fields = {"content-type": "text/event-stream"} | more.pop("fields", {})
        body = b"".join(piece for _, piece in pieces)
        return self.output(path, body, fields, arrivals=tuple(arrivals), **more)

    @staticmethod
    def timed(first_s: float, last_s: float, n_chunks: int) -> Stream:
        """Make the relay's own record of a stream."""
        mean_s = (last_s - first_s) / (n_chunks - 1)
        return Stream(first_s, n_chunks, mean_s, mean_s)

    @staticmethod
    def columns(found: Rows | Undecodable) -> Columns | Undecodable:
        """Give columns and timings by name; checks that they are all of the same length."""
        if isinstance(found, Undecodable):
            return found
        columns = dict(zip(found.columns, found.values, strict=True))
        assert not columns.keys() & found.timings.keys()
        columns |= found.timings
        assert all(len(values) == found.n for values in columns.values())
        return columns


@pytest.fixture(scope="session")
def captured() -> Captured:
    """Give a function that makes a capture, for tests that bring a decoder of their own."""
    return lambda path, request, response: Capture(Reading.exchange(), path, request, response)


@pytest.fixture
def reading() -> Reading:
    """Give a reader with default settings that keeps strings in clear."""
    return Reading(Payload(), Redact(categories="clear"))
