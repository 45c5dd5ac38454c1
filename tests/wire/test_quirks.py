"""What real model servers do with HTTP, each as a fast fake: what passes, and what is read of it.

Every quirk was seen at a server that `make servers` drives; its name stands beside it.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from proxy.payload.decode import Decoder
from proxy.payload.protocols import ROUTES
from proxy.payload.settings import Payload, Redact
from proxy.records import Rows, Side

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide

ROWS = json.dumps({"instances": [[1, 2]]}).encode()
CHAT = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
N_REQUESTS = 6
V1 = "/v1/models/m:predict"
V2 = "/v2/models/m/infer"
CHATS = "/v1/chat/completions"


def chunked(*pieces: bytes) -> bytes:
    """Write chunks, the last one too."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def head(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    """Write the head of an answer."""
    return b"\r\n".join((b"HTTP/1.1 " + status, *lines, b"", b""))


def whole(body: bytes, *lines: bytes, status: bytes = b"200 OK") -> bytes:
    """Write an answer of known length."""
    return head(*lines, b"Content-Length: %d" % len(body), status=status) + body


def event(**delta: str) -> bytes:
    """Write one event of a streamed chat."""
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def binary_answer() -> bytes:
    """Write a tensor of two labels behind its JSON, in chunks that cut it."""
    raw = struct.pack("<2q", 0, 2)
    tensor = {"name": "y", "shape": [2], "datatype": "INT64"}
    sized = tensor | {"parameters": {"binary_data_size": len(raw)}}
    first = json.dumps({"model_name": "m", "outputs": [sized]}).encode()
    length = b"inference-header-content-length: %d" % len(first)
    body = first + raw
    return head(length, b"Transfer-Encoding: chunked") + chunked(body[:10], body[10:-3], body[-3:])


CHUNKED = b"Transfer-Encoding: chunked"
EVENTS = b"Content-Type: text/event-stream"
JSON = b"Content-Type: application/json"
ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
MESSAGE = {"role": "assistant", "content": "well then"}
COUNTED = {"choices": [{"index": 0, "message": MESSAGE}], "usage": ZERO}
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Quirk:
    """One server's habit."""

    answer: bytes
    """As it stands on the wire."""
    decoded: dict[str, Any] | str | None
    """What is read of it: some columns, why not, or nothing."""
    path: str = V1
    asked: bytes = ROWS
    closes: bool = False
    """It closes its connection behind the answer."""


QUIRKS = {
    "uvicorn: closes silently after a 500": Quirk(
        whole(b"Internal Server Error", status=b"500 Internal Server Error"), None, closes=True
    ),
    "llama.cpp: closes after a stream that promised to stay": Quirk(
        head(EVENTS, b"Keep-Alive: timeout=5, max=100", CHUNKED)
        + chunked(event(role="assistant") + event(content="so"), event(content=" it"), DONE),
        {"answer.words": [2], "end": ["complete"], "deltas": [2]},
        CHATS,
        CHAT,
        closes=True,
    ),
    "Seldon: says that it closes, every time": Quirk(
        whole(b'{"data": {"ndarray": [[0.25, 0.75]]}}', JSON, b"Connection: close"),
        {"class": ["1"]},
        "/api/v1.0/predictions",
        b'{"data": {"ndarray": [[1, 2]]}}',
        closes=True,
    ),
    "TorchServe: no reason, no content type": Quirk(
        whole(b"[\n  2\n]", status=b"200 "), {"prediction": [2]}, "/predictions/m", b"[[1, 2]]"
    ),
    "TorchServe: 503 for an exception of the model": Quirk(
        whole(b'{"code": 503}', b"connection: close", status=b"503 Service Unavailable"),
        None,
        "/predictions/m",
        closes=True,
    ),
    "KServe: binary tensors in chunks, without a content type": Quirk(
        binary_answer(), {"prediction": [0, 2]}, V2, b'{"inputs": []}'
    ),
    "BentoML: bare text under the type of events": Quirk(
        head(EVENTS, CHUNKED) + chunked(b"tok0 ", b"tok1 ", b"tok2 "),
        {"answer.words": [3], "end": ["complete"]},
        "/predict",
        b'{"n": 3}',
    ),
    "LitServe: JSON lines without a content type": Quirk(
        head(CHUNKED) + chunked(b'{"o": 0}\n', b'{"o"', b": 1}\n"),
        {"o": [0, 1]},
        "/predict",
        b'{"n": 2}',
    ),
    "LitServe: counts of zero": Quirk(
        whole(json.dumps(COUNTED).encode(), JSON),
        {"answer.words": [2], "completion_tokens": [None], "prompt_tokens": [None]},
        CHATS,
        CHAT,
    ),
    "Triton: an error in a body of status 200": Quirk(
        head(JSON, CHUNKED) + chunked(b'{"error": "exactly 1 response"}'),
        "error_body",
        "/v2/models/m/generate",
        b'{"text_input": "a"}',
    ),
}


def outputs(capture: Any) -> dict[str, Any] | str | None:
    """Give what is decoded of the answer in a sample."""
    for read in Decoder(Payload(), Redact(categories="clear")).decode(capture):
        if read.side is Side.OUTPUT:
            if not isinstance(read, Rows):
                return read.reason
            return dict(zip(read.columns, read.values, strict=True)) | read.timings
    return None


@pytest.mark.parametrize("name", QUIRKS)
def test_a_quirk_passes_is_read_and_costs_the_next_request_nothing(
    kit: type[Kit], name: str
) -> None:
    """Several requests on one client's connection: each gets the answer as the server sent it."""
    quirk = QUIRKS[name]

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(quirk.answer)
            if quirk.closes:
                side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream, routes=ROUTES)
        client = await house.client()
        raw = f"POST {quirk.path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(quirk.asked)}\r\n\r\n"
        first, _, body = quirk.answer.partition(b"\r\n\r\n")
        for _ in range(N_REQUESTS):
            got, received = await client.ask(raw.encode() + quirk.asked)
            assert received == body
            ours = [line for line in got[:-4].split(b"\r\n") if _is_kept(line)]
            assert ours == [line for line in first.split(b"\r\n") if _is_kept(line)]
        await house.until(lambda: len(house.notebook.captures) == N_REQUESTS)
        assert len(upstream.requests) == N_REQUESTS
        assert upstream.n_connections == (N_REQUESTS if quirk.closes else 1)
        for exchange in house.notebook.exchanges:
            assert exchange.failure is None
        found = outputs(house.notebook.captures[-1])
        if isinstance(quirk.decoded, dict):
            assert isinstance(found, dict)
            found = {column: found[column] for column in quirk.decoded}
        assert found == quirk.decoded

    kit.run(scenario)


def _is_kept(line: bytes) -> bool:
    """Tell the fields that do not end at a hop."""
    return not line.lower().startswith((b"connection:", b"keep-alive:"))
