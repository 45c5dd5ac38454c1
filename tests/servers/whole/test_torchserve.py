"""TorchServe behind the whole sidecar: lists, envelopes, forms, errors with a closed connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

PATH = "/predictions/iris"
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
BOUNDARY = "b0"


def test_every_form_is_decoded_and_errors_are_counted(run: Callable[..., Any]) -> None:
    """Success comes without a content type and with an empty reason phrase."""
    torchserve = run("torchserve")
    answer = torchserve.post(PATH, {"instances": ROWS})
    assert (answer.status, answer.reason) == (200, "")
    assert "content-type" not in dict(answer.fields)
    assert torchserve.post(f"{PATH}/1.0", [[4.9, 3.1, 1.5, 0.1]]).status == 200
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="data"\r\n\r\n'
    form = f"{part}{json.dumps([[4.4, 2.9, 1.4, 0.2]])}\r\n--{BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    assert torchserve.post(PATH, form, content_type=kind).status == 200
    torchserve.has_rows(
        "input",
        *({f"x{at}": cell for at, cell in enumerate(row)} for row in [*ROWS, [4.9, 3.1, 1.5, 0.1]]),
    )
    torchserve.metric_becomes(3, "captures_total", side="input", result="decoded")
    torchserve.metric_becomes(3, "captures_total", side="output", result="decoded")
    found = sorted(one["row"]["class"] for one in torchserve.rows("output"))
    assert found == ["0", "0", "0", "2"]
    for path, body, status in ((PATH, {"instances": [[1]]}, 503), ("/predictions/nope", [1], 404)):
        assert torchserve.post(path, body).status == status
        assert torchserve.post(PATH, ROWS).status == 200
    torchserve.metric_becomes(1, "requests_total", code="503")
    torchserve.metric_becomes(1, "requests_total", code="404")
    torchserve.metric_becomes(5, "captures_total", side="output", result="decoded")
