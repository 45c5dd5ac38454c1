"""Cost of decoding, by protocol and size of body.

    python bench/decode.py [SECONDS]

Prints the best of several runs of about SECONDS each (default 0.3): microseconds per body, rows and
columns in it, rows per second, and how many sampled requests of that size one core decodes per
second. A sampled request has two bodies; answers are small for tables, so the request counts.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator

import numpy as np

from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.records import Capture, Exchange, Message, Model, Position, Rows

EXCHANGE = Exchange(
    id=1,
    pair_id=None,
    model=Model.CANDIDATE,
    position=Position.SERVING,
    route="other",
    started_s=10.0,
    connected_s=10.0,
    first_byte_s=10.1,
    finished_s=12.0,
    status=200,
    failure=None,
    failed_over=False,
    replayed=False,
    request_bytes=1,
    response_bytes=1,
    in_flight=1,
    stream=None,
    capture=1.0,
)
RNG = np.random.default_rng(5)
COLOURS = ("red", "green", "blue")
WORDS = "sharp eyes watch the quiet traffic of a model that once was certified".split()  # noqa: SIM905 - reads as a sentence
RECORDIO = {"content-type": "application/x-recordio-protobuf"}
Made = tuple[str, bytes, dict[str, str], bool]
"""Path, body, fields, whether it is an answer."""


def numbers(n_rows: int, n_columns: int = 16) -> list[list[float]]:
    """Give a table of floats with six digits."""
    return RNG.normal(size=(n_rows, n_columns)).round(6).tolist()


def records(n_rows: int) -> list[dict[str, object]]:
    """Give a mixed table: twelve numbers, three categories, a boolean."""
    return [
        {f"feature_{i}": value for i, value in enumerate(row)}
        | {"colour": COLOURS[j % 3], "shape": COLOURS[(j + 1) % 3], "size": "m", "new": j % 2 == 0}
        for j, row in enumerate(numbers(n_rows, 12))
    ]


def text(n_chars: int) -> str:
    """Give a text of about `n_chars` characters."""
    return " ".join(WORDS[i % len(WORDS)] for i in range(n_chars // 6))


def dumped(value: object) -> bytes:
    """Write JSON as model clients do."""
    return json.dumps(value).encode()


def recordio(table: np.ndarray) -> bytes:
    """Write a table of float32 as SageMaker's algorithms take it: one record a row."""
    found = b""
    for row in table:
        record = row.tobytes()
        # From the inside out: `values` of the tensor, float32, the value of the feature `values`.
        for head in (b"\x0a", b"\x12", b"\x0a\x06values\x12", b"\x0a"):
            record = head + bytes([len(record)]) + record
        padding = b"\0" * (-len(record) % 4)
        found += b"\x0a\x23\xd7\xce" + len(record).to_bytes(4, "little") + record + padding
    return found


def tensors(n_bytes: int) -> Iterator[tuple[str, Made]]:
    """Make bodies of numbers of about `n_bytes`."""
    rows = numbers(max(1, n_bytes // 180))
    shape = [len(rows), 16]
    tensor = {"name": "x", "shape": shape, "datatype": "FP64"}
    flat = [cell for row in rows for cell in row]
    yield "kserve v1 rows", ("/v1/models/m:predict", dumped({"instances": rows}), {}, False)
    body = dumped({"inputs": [tensor | {"data": flat}]})
    yield "kserve v2 flat", ("/v2/models/m/infer", body, {}, False)
    body = dumped({"inputs": [tensor | {"data": rows}]})
    yield "kserve v2 nested", ("/v2/models/m/infer", body, {}, False)
    packed = np.asarray(numbers(max(1, n_bytes // 128)))
    size = {"parameters": {"binary_data_size": packed.nbytes}, "shape": list(packed.shape)}
    head = dumped({"inputs": [tensor | size]})
    fields = {"inference-header-content-length": str(len(head))}
    yield "kserve v2 binary", ("/v2/models/m/infer", head + packed.tobytes(), fields, False)
    body = recordio(np.asarray(numbers(max(1, n_bytes // 96)), "<f4"))
    yield "recordio", ("/invocations", body, RECORDIO, False)
    lines = "\n".join(",".join(map(str, row)) for row in rows).encode()
    yield "csv", ("/invocations", lines, {"content-type": "text/csv"}, False)
    odds = RNG.dirichlet(np.ones(5), max(1, n_bytes // 55)).round(6).tolist()
    body = dumped({"predictions": odds})
    yield "probabilities", ("/v1/models/m:predict", body, {}, True)


def tables(n_bytes: int) -> Iterator[tuple[str, Made]]:
    """Make bodies of mixed records of about `n_bytes`."""
    rows = records(max(1, n_bytes // 370))
    body = dumped({"instances": rows})
    yield "kserve v1 records", ("/v1/models/m:predict", body, {}, False)
    split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    body = dumped({"dataframe_split": split})
    yield "mlflow split", ("/invocations", body, {"content-type": "application/json"}, False)
    yield "plain json", ("/predict", dumped({"rows": rows}), {}, False)
    body = b"\n".join(map(dumped, rows))
    yield "json lines", ("/x", body, {"content-type": "application/x-ndjson"}, False)


def language(n_bytes: int) -> Iterator[tuple[str, Made]]:
    """Make bodies of a language model of about `n_bytes`."""
    chat = {"messages": [{"role": "user", "content": text(n_bytes)}], "temperature": 0}
    yield "chat request", ("/v1/chat/completions", dumped(chat), {}, False)
    message = {"role": "assistant", "content": text(n_bytes)}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    yield "chat answer", ("/v1/chat/completions", dumped(answer), {}, True)
    piece = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795383610}
    events = b""
    while len(events) < n_bytes:
        delta = {"index": 0, "delta": {"content": " word"}, "finish_reason": None}
        events += b"data: " + dumped(piece | {"choices": [delta]}) + b"\n\n"
    fields = {"content-type": "text/event-stream"}
    yield "chat stream", ("/v1/chat/completions", events + b"data: [DONE]\n\n", fields, True)
    vector = RNG.normal(size=384).astype("<f4").tobytes()
    item = {"object": "embedding", "embedding": base64.b64encode(vector).decode()}
    body = dumped({"data": [item] * max(1, n_bytes // 2100)})
    yield "embeddings base64", ("/v1/embeddings", body, {}, True)


def measured(decoder: Decoder, made: Made, lasts_s: float) -> tuple[float, Rows]:
    """Give the best seconds per body of five runs, and what was decoded."""
    path, body, fields, is_answer = made
    arrivals = tuple((10.0 + at / 1e6, at) for at in range(0, len(body), 180))
    is_stream = fields.get("content-type") == "text/event-stream"
    message = Message(fields, body, truncated=False, arrivals=arrivals if is_stream else ())
    capture = Capture(
        EXCHANGE, path, None if is_answer else message, message if is_answer else None
    )
    best_s, n_calls = float("inf"), 1
    for _ in range(6):
        begun_s = time.perf_counter()
        for _ in range(n_calls):
            (found,) = decoder.decode(capture)
        each_s = (time.perf_counter() - begun_s) / n_calls
        best_s = min(best_s, each_s)
        n_calls = max(1, int(lasts_s / 5 / each_s))
    if not isinstance(found, Rows):
        raise SystemExit(f"{path}: {found.reason}: {found.detail}")
    return best_s, found


def main() -> None:
    """Print the table."""
    lasts_s = float(sys.argv[1]) if len(sys.argv) > 1 else 0.3
    certified = {name: frozenset((*COLOURS, "m")) for name in ("colour", "shape", "size")}
    decoder = Decoder(Payload(), Redact(), certified)
    print(
        f"{'body':20}{'bytes':>8}{'rows':>6}{'cols':>6}{'us/body':>10}{'rows/s':>12}{'bodies/s':>10}"
    )
    for n_bytes in (2048, 16_384):
        for made_of in (tensors, tables, language):
            for name, made in made_of(n_bytes):
                each_s, rows = measured(decoder, made, lasts_s)
                print(
                    f"{name:20}{len(made[1]):8}{rows.n:6}{len(rows.columns):6}"
                    f"{each_s * 1e6:10.0f}{rows.n / each_s:12,.0f}{1 / each_s:10,.0f}"
                )


if __name__ == "__main__":
    main()
