"""The door of the room: one value per side, never an exception, bounded, nothing secret."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.payload.decode import Decoder
from proxy.payload.protocols import Protocol
from proxy.payload.reasons import Reason
from proxy.payload.settings import Payload, Redact
from proxy.records import (
    Message,
    Model,
    Rows,
    Side,
    Undecodable,
)

V1 = "/v1/models/m:predict"
PATHS = (
    V1,
    "/v1/models/m:classify",
    "/v2/models/m/infer",
    "/v2/models/m/infer_stream",
    "/v2/models/m/generate",
    "/v2/models/m/generate_stream",
    "/invocations",
    "/predictions/m",
    "/api/v1.0/predictions",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/messages",
    "/predict",
    "/unknown",
)
MEDIA = (
    "",
    "application/json",
    "text/event-stream",
    "text/csv",
    "application/x-npy",
    "application/x-recordio-protobuf",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "text/plain",
    "image/png",
)
DECODER = Decoder(Payload(), Redact())


def message(body: bytes, truncated: bool = False, **fields: str) -> Message:
    """Make a message; `_` in a field's name stands for `-`."""
    return Message(
        {name.replace("_", "-"): value for name, value in fields.items()}, body, truncated
    )


def test_a_capture_gives_one_value_per_side(reading: Any) -> None:
    """Rows of the request and of the answer carry the exchange, its model and its weight."""
    capture = reading.capture(
        V1,
        message(b'{"instances": [[1], [2]]}', x_request_id="r-1"),
        message(b'{"predictions": [0, 1]}'),
        id=77,
        model=Model.STABLE,
        capture=0.25,
    )
    given, answered = reading.decoder.decode(capture)
    assert (given.side, answered.side) == (Side.INPUT, Side.OUTPUT)
    assert given.exchange_id == answered.exchange_id == 77
    assert given.model is answered.model is Model.STABLE
    assert given.weight == answered.weight == pytest.approx(4.0)
    assert given.n == answered.n == 2
    assert (given.at_s, answered.at_s) == (10.0, 10.2)
    assert given.correlation == answered.correlation == ("r-1",)


def test_a_thinned_batch_weighs_more(reading: Any) -> None:
    """The rows kept of a long batch stand for all of it."""
    body = json.dumps({"instances": [[i] for i in range(40)]}).encode()
    small = reading.with_(Payload(max_rows=10))
    (rows,) = small.decoder.decode(reading.capture(V1, message(body), None, capture=0.5))
    assert rows.n == 10
    assert rows.weight == pytest.approx(8.0)


def test_a_shadow_has_only_an_answer(reading: Any) -> None:
    """The request of a copy is in the serving exchange's capture."""
    capture = reading.capture(V1, None, message(b'{"predictions": [0]}'), pair_id=3)
    (rows,) = reading.decoder.decode(capture)
    assert rows.side is Side.OUTPUT


@pytest.mark.parametrize("status", [0, 301, 400, 422, 500, 503])
def test_an_error_is_no_answer_but_its_request_is_read(reading: Any, status: int) -> None:
    """A bad request is seen by the schema; the failed answer is the exchange's to count."""
    capture = reading.capture(
        V1, message(b'{"instances": [[1, 2, 3]]}'), message(b"Internal Server Error"), status=status
    )
    (rows,) = reading.decoder.decode(capture)
    assert rows.side is Side.INPUT
    assert rows.columns == ("x0", "x1", "x2")


def test_a_request_without_a_body_is_not_undecodable(reading: Any) -> None:
    """A GET has nothing to read; an empty answer to it has a reason."""
    capture = reading.capture(V1, message(b""), message(b""))
    (value,) = reading.decoder.decode(capture)
    assert (value.side, value.reason) == (Side.OUTPUT, "empty")


def test_configuration_goes_before_the_path(reading: Any) -> None:
    """A configured path, then a configured protocol, then the known paths."""
    body = b'{"data": [[1, 2]]}'
    by_path = reading.with_(Payload(paths={"^/v1/models": Protocol.JSON}))
    assert by_path.input(V1, body) == {"x0": [1], "x1": [2]}
    by_protocol = reading.with_(Payload(protocol=Protocol.JSON))
    assert by_protocol.input(V1, body) == {"x0": [1], "x1": [2]}
    assert reading.input(V1, body).reason == "missing_field"


def test_certified_categories_reach_the_redaction(captured: Any) -> None:
    """Only what the benchmark knows stays in clear, on either side."""
    decoder = Decoder(Payload(), Redact(), {"kind": frozenset({"red"})})
    body = b'{"instances": [{"kind": "red"}, {"kind": "blue"}]}'
    capture = captured(V1, message(body), None)
    (rows,) = decoder.decode(capture)
    assert rows.values == (["red", "(other)"],)


@pytest.mark.parametrize("categories", ["certified", "hash", "clear"])
def test_one_odd_string_does_not_take_a_certified_column_away(
    captured: Any, categories: Any
) -> None:
    """It is a category that nobody knows, whatever the redaction; the next request is as ever."""
    redact = Redact(categories=categories, key="k")
    decoder = Decoder(Payload(), redact, {"kind": frozenset({"red"})})
    odd = " ".join(["a long story about Lovelace"] * 9)
    found = []
    for value in ("red", odd, "red"):
        body = json.dumps({"instances": [{"kind": value}]}).encode()
        (rows,) = decoder.decode(captured(V1, message(body), None))
        assert rows.columns == ("kind",)
        found += rows.values[0]
    assert found[0] == found[2]
    assert found[1] == "(other)"


HOSTILE = {
    "nesting": b'{"instances":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "unclosed nesting": b"[" * 200_000,
    "nested objects": b'{"instances":[' + b'{"a":' * 40_000,
    "a million digits": b'{"instances": [' + b"9" * 1_000_000 + b"]}",
    "many digits": b'{"instances": [' + b"9" * 4000 + b"]}",
    "huge exponent": b'{"instances": [[1e999]]}',
    "not a number": b'{"instances": [[NaN, Infinity, -Infinity]]}',
    "ten megabytes of objects": b'{"instances": [' + b"{}," * 3_500_000 + b"{}]}",
    "objects within the limit": b'{"instances": [' + b"{}," * 80_000 + b"{}]}",
    "invalid utf-8": b'{"instances": ["\xff\xfe"]}',
    "lone surrogate": b'{"instances": ["\\ud800"]}',
    "many keys": b'{"instances": [{' + b",".join(b'"%d":1' % i for i in range(20_000)) + b"}]}",
    "many columns of objects": b'{"instances": ['
    + b",".join(b'{"k%d":1}' % i for i in range(9000))
    + b"]}",
    "ragged": b'{"instances": [[1],[1,[2,3]]]}',
    "wide and long": b'{"instances": ['
    + b",".join(b"[" + b"1," * 60 + b"1]" for _ in range(1500))
    + b"]}",
    "quotes": b'{"instances": "' + b'\\"' * 100_000,
    "nothing but quotes": b'"' * 200_000,
    "text of one letter": b'{"instances": ["' + b"a" * 200_000 + b'"]}',
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", PATHS)
def test_hostile_bodies_are_bounded_on_every_path(captured: Any, name: str, path: str) -> None:
    """No body crashes, none takes more than 64 MiB beside itself; all give rows or a reason."""
    decoder = Decoder(Payload(), Redact())
    body = message(HOSTILE[name])
    tracemalloc.start()
    values = decoder.decode(captured(path, body, body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(values) == 2
    assert peak < 64 * 2**20
    for value in values:
        assert isinstance(value, Rows) or value.reason in set(Reason) - {Reason.DECODER_FAILED}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("unclosed nesting", "too_deep"),
        ("nested objects", "too_deep"),
        ("a million digits", "too_large"),
        ("huge exponent", "number_out_of_range"),
        ("ten megabytes of objects", "too_large"),
        ("invalid utf-8", "not_utf8"),
        ("many keys", "too_wide"),
        ("ragged", "wrong_shape"),
        ("quotes", "not_json"),
    ],
)
def test_hostile_bodies_have_their_own_reason(reading: Any, name: str, reason: str) -> None:
    """What was wrong is told by a word of its own."""
    assert reading.input(V1, HOSTILE[name]).reason == reason


def test_numbers_that_are_none_are_missing_cells(reading: Any) -> None:
    """NaN and Infinity do not reach a mean."""
    found = reading.input(V1, b'{"instances": [[NaN, 1], [Infinity, 2]]}')
    assert found == {"x0": [None, None], "x1": [1, 2]}


def test_a_bomb_is_stopped(reading: Any) -> None:
    """Fifty megabytes in fifty kilobytes are refused within a bound of memory."""
    bomb = gzip.compress(b" " * 50_000_000)
    tracemalloc.start()
    found = reading.input(V1, bomb, {"content-encoding": "gzip"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.reason == "too_large"
    assert peak < 4 * 2**20


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(PATHS),
    st.sampled_from(MEDIA),
    st.binary(max_size=300)
    | st.from_regex(rb'\A[\[\]{}",:0-9a-z .\\-]{0,120}\Z')
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("instances", "inputs", "outputs", "data", "ndarray", "tensor", "shape", "values",
                 "name", "datatype", "parameters", "binary_data_size", "predictions", "messages",
                 "choices", "delta", "content", "usage", "input", "embedding", "output", "names",
                 "dataframe_split", "columns", "results", "examples", "b64", "error", "id", "role")
            ),
            inner,
            max_size=4,
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
    st.tuples(
        st.sampled_from(("", "gzip", "deflate", "br", "zstd", "what")),
        st.none() | st.sampled_from(("0", "2", "7", "-1", "x")),
    ),
    st.booleans(),
)  # fmt: skip
def test_no_body_raises_or_breaks_the_guard(
    captured: Any, path: str, media: str, body: bytes, heads: tuple[str, str | None], cut: bool
) -> None:
    """Any bytes on any path under any header give rows of equal length or a known reason."""
    coding, header = heads
    fields = {"content-type": media, "content-encoding": coding}
    if header is not None:
        fields["inference-header-content-length"] = header
    if media == "text/event-stream":
        body = b"data: " + body + b"\n\n"
    for one in (body, gzip.compress(body) if coding == "gzip" else zlib.compress(body)):
        made = Message(fields, one, cut, ((10.1, 0), (10.2, 7)))
        for value in DECODER.decode(captured(path, made, made)):
            if isinstance(value, Undecodable):
                assert value.reason in set(Reason) - {Reason.DECODER_FAILED}, value.detail
            else:
                assert value.n > 0
                assert len(set(value.columns)) == len(value.columns) == len(value.values)
                assert all(len(cells) == value.n for cells in value.values)
                assert all(_is_plain(cell) for cells in value.values for cell in cells)


def _is_plain(cell: object) -> bool:
    """Tell whether a cell is one of the kinds that the record promises, and finite."""
    return (
        cell is None
        or isinstance(cell, str | bool | int)
        or (
            isinstance(cell, float) and abs(cell) != float("inf") and cell == cell  # noqa: PLR0124 - NaN
        )
    )


def test_a_defect_of_ours_is_a_reason_too(reading: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard turns the unforeseen into a counted value that names no payload."""
    monkeypatch.setattr("proxy.payload.decode.open_body", _explode)
    found = reading.input(V1, b"{}")
    assert found.reason == "decoder_failed"
    assert "secret" not in found.detail


def _explode(*_: object) -> None:
    """Fail as a defective decoder would."""
    raise KeyError("secret")
