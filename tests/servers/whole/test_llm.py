"""A language model behind the whole sidecar."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

PATH = "/v1/chat/completions"
CHAT = {
    "model": "smol",
    "messages": [{"role": "user", "content": "Say hi."}],
    "max_tokens": 6,
    "temperature": 0,
}


def test_it_is_sampled_and_timed(run: Callable[..., Any]) -> None:
    """Whole and streamed chats: texts are described, first tokens timed, nothing is kept."""
    llm = run("llm")
    answer = llm.post(PATH, CHAT)
    assert answer.status == 200
    text = json.loads(answer.body)["choices"][0]["message"]["content"]
    for _ in range(3):
        streamed = llm.post(PATH, CHAT | {"stream": True})
        assert streamed.status == 200
        assert streamed.body.endswith(b"data: [DONE]\n\n")
    llm.metric_becomes(4, "captures_total", side="output", result="decoded")
    rows = [one["row"] for one in llm.rows("output")]
    assert {row["answer.chars"] for row in rows} == {len(text)}
    assert rows[-1]["completion_tokens"] == 6
    llm.metric_becomes(3, "time_to_first_token_seconds_count")
    assert text.encode() not in llm.page("/api/v1/samples?n=1000")
