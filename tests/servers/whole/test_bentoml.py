"""BentoML behind the whole sidecar: arrays, scalars, batches, a stream of bare text, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
FLOWER = {"sl": 5.1, "sw": 3.5, "pl": 1.4, "pw": 0.2}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OWN_PATHS = {"^/label$": "json", "^/batch$": "json", "^/gen$": "json"}


@pytest.fixture(scope="module")
def bento(run: Callable[..., Any]) -> Any:
    """Run the service."""
    return run("bentoml", payload={"paths": OWN_PATHS})


def test_arrays_scalars_and_batches_are_decoded(bento: Any) -> None:
    """Each way to ask is at the door, with its prediction and under the client's trace."""
    assert bento.post("/predict", {"rows": ROWS}).status == 200
    traced = bento.post("/label", FLOWER, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    assert traced.status == 200
    assert bento.post("/batch", {"rows": ROWS}).status == 200
    bento.has_rows("input", FLOWER, {"x0": 6.7, "x1": 3.0, "x2": 5.2, "x3": 2.3})
    bento.has_rows("output", {"label": 0}, {"prediction": 2})
    classes = [one["row"]["class"] for one in bento.rows("output") if "class" in one["row"]]
    assert sorted(classes) == ["0", "2"]
    (labelled,) = (one for one in bento.rows("output") if one["row"] == {"label": 0})
    assert labelled["ids"] == [TRACE]


def test_a_stream_of_bare_text_is_described_and_timed(bento: Any) -> None:
    """It comes under the type of events without being any."""
    answer = bento.post("/gen", {"n": 4})
    assert answer.body == b"tok0 tok1 tok2 tok3 "
    bento.has_rows("input", {"n": 4})
    bento.metric_becomes(1, "time_to_first_token_seconds_count")
    (words,) = (
        one["row"]["answer.words"] for one in bento.rows("output") if "answer.words" in one["row"]
    )
    assert words == 4


def test_errors_are_counted_and_not_read(bento: Any) -> None:
    """Bad input is 400 or 500 here; no answer is decoded."""
    before = bento.settled()
    for path, body, status in (
        ("/label", {"sl": 5.1}, 400),
        ("/label", b"{bad", 400),
        ("/predict", {"rows": [[1, 2, 3]]}, 500),
    ):
        assert bento.post(path, body).status == status
    bento.metric_becomes(2, "requests_total", code="400")
    bento.metric_becomes(1, "requests_total", code="500")
    assert bento.metric("captures_total", side="output") == before
