"""What the dialects of the OpenAI family share."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.payload.decoders import openai_common as common
from proxy.payload.reasons import Reason, Unreadable


@pytest.mark.parametrize(
    ("value", "text", "n_images"),
    [
        ("hi", "hi", 0),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb", 0),
        ([{"type": "image_url", "image_url": {"url": "x"}}], "", 1),
        ([{"type": "input_image"}, {"type": "input_text", "text": "c"}], "c", 1),
        (None, "", 0),
        (3, "", 0),
        (["a", None], "", 0),
    ],
)
def test_content_is_a_string_or_parts(value: Any, text: str, n_images: int) -> None:
    """Text parts are joined, images counted, anything else is nothing."""
    assert common.content(value) == (text, n_images)


def test_what_is_of_another_kind_is_empty() -> None:
    """Bodies are not trusted to hold the kinds that their protocol says."""
    assert common.as_object([1]) == {}
    assert common.as_list({"a": 1}) == []
    assert common.as_text(3) == ""


def test_an_error_is_refused_unless_there_are_choices() -> None:
    """Some servers send `error: null`, or choices with a warning beside them."""
    common.refuse_error({"error": None, "choices": []})
    common.refuse_error({"error": "x", "choices": [1]})
    with pytest.raises(Unreadable) as caught:
        common.refuse_error({"error": {"message": "x"}})
    assert caught.value.reason is Reason.ERROR_BODY


def test_a_stream_is_known_without_its_media_type(reading: Any) -> None:
    """A gateway that loses the content type does not hide a stream."""
    body = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'
    assert reading.output("/v1/chat/completions", body)["answer.chars"] == [1]
