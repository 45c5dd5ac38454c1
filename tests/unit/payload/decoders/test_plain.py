"""Plain JSON: what BentoML, LitServe and hand-made services send."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.payload.protocols import Protocol
from proxy.payload.settings import Payload, Pointers

PATH = "/predict"


def test_rows_under_a_usual_name_are_found(reading: Any) -> None:
    """BentoML's `rows`, LitServe's `input`: the only list under a known name."""
    expected = {"x0": [1.5, 3.5], "x1": [2.5, 4.5]}
    assert reading.input(PATH, b'{"rows": [[1.5, 2.5], [3.5, 4.5]]}') == expected
    assert reading.input(PATH, b'{"input": [[1.5, 2.5], [3.5, 4.5]]}') == expected
    assert reading.input(PATH, b'{"input": [1.5, 2.5]}') == {"x0": [1.5], "x1": [2.5]}


def test_an_object_of_scalars_is_one_row(reading: Any) -> None:
    """BentoML sends arguments as top-level keys."""
    body = b'{"sl": 5.1, "sw": 3.5, "kind": "a"}'
    assert reading.input("/label", body) == {"sl": [5.1], "sw": [3.5], "kind": ["a"]}
    assert reading.output("/label", b'{"label": 0}') == {"label": [0]}


def test_a_bare_array_is_the_rows(reading: Any) -> None:
    """BentoML answers with the array itself."""
    assert reading.output(PATH, b"[0, 2]") == {"prediction": [0, 2]}
    assert reading.output(PATH, b"[[0.98, 0.02], [0.1, 0.9]]")["class"] == ["0", "1"]
    assert reading.output(PATH, b"3.5") == {"prediction": [3.5]}


def test_lists_of_one_length_are_columns(reading: Any) -> None:
    """LitServe's answer holds a list of labels and a list of distributions."""
    body = b'{"output":[0,2],"proba":[[0.98,0.02,0.0],[0.0,0.08,0.92]]}'
    found = reading.output(PATH, body)
    assert found["output"] == [0, 2]
    assert found["class"] == ["0", "2"]


def test_one_vector_is_one_row(reading: Any) -> None:
    """A list of scores for a single row is not taken for many rows."""
    assert reading.output(PATH, b'{"label": "a", "scores": [0.2, 0.8]}')["class"] == ["1"]
    assert reading.output(PATH, b'{"probabilities": [0.2, 0.8]}')["class"] == ["1"]


def test_pointers_say_where_the_rows_are(reading: Any) -> None:
    """A configured pointer goes before custom; fields name the columns."""
    settings = Payload(
        protocol=Protocol.JSON,
        request=Pointers(rows="/payload/items", fields={"age": "/person/age", "n": "/basket/0"}),
        response=Pointers(rows="/out/0"),
    )
    pointed = reading.with_(settings)
    body = b'{"payload": {"items": [{"person": {"age": 40}, "basket": [3]}, {"person": {}}]}}'
    assert pointed.input("/x", body) == {"age": [40, None], "n": [3, None]}
    assert pointed.output("/x", b'{"out": [[1, 2]]}') == {"prediction": [1, 2]}
    assert pointed.output("/x", b'{"other": 1}').reason == "missing_field"


def test_json_lines_are_rows_with_and_without_a_type(reading: Any) -> None:
    """LitServe streams JSON lines with no content type at all."""
    body = b'{"o": 0}\n{"o": 1}\n'
    assert reading.output(PATH, body) == {"o": [0, 1]}
    assert reading.output(PATH, body, {"content-type": "application/x-ndjson"}) == {"o": [0, 1]}
    fields = {"content-type": "application/jsonl"}
    assert reading.output(PATH, body, fields, truncated=True).reason == "truncated"


def test_unframed_text_under_the_type_of_events_is_text(reading: Any) -> None:
    """BentoML labels bare text as an event stream: described as text, timed by its chunks."""
    pieces = [(10.02, b"tok0 "), (10.05, b"tok1 "), (10.1, b"tok2 ")]
    found = reading.stream("/gen", pieces)
    assert found["answer.words"] == [3]
    assert found["ttft_s"] == [pytest.approx(0.02)]
    assert found["gap_max_s"] == [pytest.approx(0.05)]
    assert found["end"] == ["complete"]


def test_framed_events_are_rows_or_text(reading: Any) -> None:
    """Events with JSON give a row each, others are joined to one text."""
    assert reading.stream("/s", [(10.1, b"data: 1\n\ndata: 2\n\n")]) == {"prediction": [1, 2]}
    assert reading.stream("/s", [(10.1, b"data: a b\n\ndata:  c\n\n")])["answer.words"] == [3]
    assert reading.stream("/s", [(10.1, b"data: [DONE]\n\n")]).reason == "no_rows"


def test_plain_text_is_described(reading: Any) -> None:
    """A service that answers with text is not undecodable."""
    found = reading.output(PATH, b"a b c", {"content-type": "text/plain; charset=utf-8"})
    assert found["answer.words"] == [3]
    bad = reading.output(PATH, b"\xff\xfe", {"content-type": "text/plain"})
    assert bad.reason == "not_utf8"


def test_a_text_cut_within_a_character_is_timed(reading: Any) -> None:
    """The capture limit may cut a character in two: that is no fault of the text."""
    pieces = [(10.02, "tök ".encode()), (10.05, "ö".encode()[:1])]
    found = reading.stream("/gen", pieces, truncated=True)
    assert found.reason == "truncated"
    assert found.timings["end"] == ["cut"]
    assert found.timings["ttft_s"] == [pytest.approx(0.02)]


def test_an_error_is_no_prediction(reading: Any) -> None:
    """An object with nothing but `error` is not a row."""
    assert reading.output(PATH, b'{"error": "boom"}').reason == "error_body"
    assert reading.output(PATH, b"<html>", {"content-type": "text/html"}).reason == "not_json"
