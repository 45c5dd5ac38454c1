"""TorchServe: any body in, any JSON out."""

from __future__ import annotations

from typing import Any

PATH = "/predictions/densenet/1.0"


def test_an_image_is_told_by_its_size(reading: Any) -> None:
    """A body that is not text is not decoded, but its size is a feature."""
    assert reading.input(PATH, b"\xff\xd8\xff", {"content-type": "image/jpeg"}) == {"bytes": [3]}


def test_a_list_is_a_batch(reading: Any) -> None:
    """JSON lists and the KServe envelope both hold rows."""
    assert reading.input(PATH, b"[[1, 2], [3, 4]]") == {"x0": [1, 3], "x1": [2, 4]}
    assert reading.input(PATH, b'{"instances": [[1, 2]]}') == {"x0": [1], "x1": [2]}


def test_an_answer_without_a_type_is_read_as_json(reading: Any) -> None:
    """TorchServe sends successful answers without a content type."""
    assert reading.output(PATH, b'{"predictions": [3]}') == {"prediction": [3]}
    assert reading.output(PATH, b'{"tabby": 0.7, "tiger_cat": 0.2}') == {
        "tabby": [0.7],
        "tiger_cat": [0.2],
    }


def test_an_event_stream_is_read_as_rows(reading: Any) -> None:
    """A streamed answer of JSON events gives a row per event."""
    found = reading.stream(PATH, [(10.1, b'data: {"o": 1}\n\n'), (10.2, b'data: {"o": 2}\n\n')])
    assert found == {"o": [1, 2]}
