"""Telling the protocol without a known path."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.payload.detect import by_keys
from proxy.payload.protocols import Protocol
from proxy.records import Side

TENSORS = [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}]


@pytest.mark.parametrize(
    ("body", "side", "protocol"),
    [
        ({"instances": [1]}, Side.INPUT, Protocol.KSERVE_V1),
        ({"predictions": [1]}, Side.OUTPUT, Protocol.KSERVE_V1),
        ({"inputs": TENSORS}, Side.INPUT, Protocol.KSERVE_V2),
        ({"outputs": TENSORS}, Side.OUTPUT, Protocol.KSERVE_V2),
        ({"inputs": [[1]]}, Side.INPUT, Protocol.JSON),
        ({"data": {"ndarray": [[1]]}}, Side.INPUT, Protocol.SELDON),
        ({"data": [[1]]}, Side.INPUT, Protocol.JSON),
        ({"dataframe_split": {}}, Side.INPUT, Protocol.INVOCATIONS),
        ({"examples": []}, Side.INPUT, Protocol.TF_EXAMPLES),
        ({"messages": []}, Side.INPUT, Protocol.OPENAI_CHAT),
        ({"prompt": "x"}, Side.INPUT, Protocol.OPENAI_COMPLETIONS),
        ({"object": "chat.completion"}, Side.OUTPUT, Protocol.OPENAI_CHAT),
        ({"object": "response"}, Side.OUTPUT, Protocol.OPENAI_RESPONSES),
        ({"age": 3}, Side.INPUT, Protocol.JSON),
        ([1, 2], Side.INPUT, Protocol.JSON),
    ],
)
def test_keys_tell_the_protocol(body: Any, side: Side, protocol: Protocol) -> None:
    """Each protocol has keys of its own; anything else is plain JSON."""
    assert by_keys(body, side) is protocol


def test_headers_go_before_keys(reading: Any) -> None:
    """A binary tensor, CSV and an image are known without looking into the body."""
    fields = {"inference-header-content-length": "2"}
    assert reading.input("/any", b"{}", fields).reason == "missing_field"
    assert reading.input("/any", b"1,2\n", {"content-type": "text/csv"}) == {"x0": [1], "x1": [2]}
    image = {"content-type": "image/png"}
    assert reading.input("/any", b"\x89PNG", image).reason == "unsupported_media"
    form = {"content-type": "multipart/mixed; boundary=x"}
    assert reading.input("/any", b"--x", form).reason == "unsupported_media"


def test_json_lines_on_an_unknown_path_are_read(reading: Any) -> None:
    """A first line that is an object does not make the body one JSON text."""
    assert reading.output("/any", b'{"o": 1}\n{"o": 2}\n') == {"o": [1, 2]}


def test_hostile_bodies_keep_their_reason(reading: Any) -> None:
    """Detection does not turn `too_deep` into `not_json`."""
    assert reading.input("/any", b'{"a":' * 100_00).reason == "too_deep"
