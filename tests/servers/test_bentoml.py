"""BentoML: arrays, scalars as keys, batches, and bare text under the type of events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
FLOWER = {"sl": 5.1, "sw": 3.5, "pl": 1.4, "pw": 0.2}


@pytest.fixture(scope="module")
def bento(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run the service with a relay in front that samples its paths."""
    programs = harness.environment("bentoml", "bentoml==1.4.39", "scikit-learn")
    folder = tmp_path_factory.mktemp("bento")
    port = harness.free_port()
    start = f"exec {programs}/bentoml serve bento_service:Iris -p {port} --host 127.0.0.1"
    command = ["sh", "-c", f"{programs}/python train.py && {start}"]
    variables = {"BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": str(folder / "home")}
    with (
        harness.served(command, port, "/readyz", folder, **variables),
        harness.sidecar(port, folder, "^/label$", "^/batch$", "^/gen$") as sidecar,
    ):
        yield sidecar


def test_a_bare_array_is_the_answer(bento: Any) -> None:
    """An array of probabilities is summed up."""
    bento.post("/predict", {"rows": ROWS})
    given, answered = bento.decoded()
    assert given == {"x0": [5.1, 6.7], "x1": [3.5, 3.0], "x2": [1.4, 5.2], "x3": [0.2, 2.3]}
    assert answered["class"] == ["0", "2"]


def test_arguments_are_columns(bento: Any) -> None:
    """Scalars as top-level keys are one row; the trace joins it to the client's."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    bento.post("/label", FLOWER, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    given, answered = bento.decoder.decode(bento.last())
    assert dict(zip(given.columns, given.values, strict=True)) == {
        name: [value] for name, value in FLOWER.items()
    }
    assert (answered.columns, answered.values) == (("label",), ([0],))
    assert given.correlation == answered.correlation == (trace,)


def test_a_batch_is_decoded(bento: Any) -> None:
    """A list of labels is a prediction per row."""
    bento.post("/batch", {"rows": ROWS})
    assert bento.decoded()[1] == {"prediction": [0, 2]}


def test_bare_text_under_the_type_of_events_is_timed(bento: Any) -> None:
    """The stream has no frames: its chunks are its pieces."""
    answer = bento.post("/gen", {"n": 4})
    assert answer.body == b"tok0 tok1 tok2 tok3 "
    given, answered = bento.decoded()
    assert given == {"n": [4]}
    assert answered["answer.words"] == [4]
    assert answered["gap_mean_s"][0] > 0.005
    assert answered["end"] == ["complete"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/label", {"sl": 5.1}, 400),
        ("/label", b"{bad", 400),
        ("/predict", {"rows": [[1, 2, 3]]}, 500),
    ],
)
def test_errors_pass_unchanged_and_are_no_answers(
    bento: Any, path: str, body: Any, status: int
) -> None:
    """Whatever the status, it is the server's, and nothing is decoded as an answer."""
    assert bento.post(path, body).status == status
    assert bento.decoded()[1] is None
