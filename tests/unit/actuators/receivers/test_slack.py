"""Slack's text and blocks, within Slack's limits."""

from __future__ import annotations

import msgspec

import made
from proxy.actuators.notice import Notice
from proxy.actuators.receivers.slack import write
from proxy.actuators.settings import Receiver

RECEIVER = Receiver(name="team", type="slack", url="https://hooks.slack.example/x")


def body(notice: Notice) -> dict[str, object]:
    """Give what Slack is sent."""
    return msgspec.json.decode(write(notice, RECEIVER).body, type=dict[str, object])


def test_a_message_has_header_story_and_context() -> None:
    """Title first, then what, who, done and next, undo, and the small print."""
    sent = body(made.notice(undo="stablehand route candidate"))
    assert sent["text"] == (
        ":rotating_light: Model: the candidate alone goes wrong (disagreement and output_drift): "
        "disagreement: the outputs differ; effect of distance 0.31 share."
    )
    blocks = sent["blocks"]
    assert isinstance(blocks, list)
    assert [it["type"] for it in blocks] == ["header", *["section"] * 4, "context"]
    assert blocks[2]["text"]["text"] == "• the outputs differ in 31 %"
    assert blocks[3]["text"]["text"] == (
        "*Done:* Nothing was changed.\n*Next:* A downgrade is due in 5 min if it lasts."
    )
    assert blocks[4]["text"]["text"] == "*Undo:* `stablehand route candidate`"
    assert blocks[5]["elements"][0]["text"].startswith("pod-7 · since 2026-11-23T00:00:00.000Z")


def test_what_there_is_nothing_to_say_of_is_left_out() -> None:
    """A routing by a person is an action without a story."""
    sent = body(made.notice(kind="action", done="", next="", blamed=(), undo=""))
    assert isinstance(sent["blocks"], list)
    assert [it["type"] for it in sent["blocks"]] == ["header", "section", "context"]


def test_markup_in_names_is_escaped() -> None:
    """A column called `<!channel>` calls nobody."""
    sent = write(made.notice(what="<!channel> & co", blamed=("<!here>",)), RECEIVER).body
    assert b"<!" not in sent
    assert b"&lt;!channel&gt; &amp; co" in sent


def test_long_texts_are_cut_to_the_limits() -> None:
    """An incident with a long story is still accepted."""
    sent = body(made.notice(title="t" * 500, what="w" * 9000, blamed=("b" * 9000,)))
    blocks = sent["blocks"]
    assert isinstance(blocks, list)
    assert len(blocks[0]["text"]["text"]) == 150
    assert {len(it["text"]["text"]) <= 3000 for it in blocks if "text" in it} == {True}


def test_the_report_is_one_click_away() -> None:
    """As a link in the small print, when there is an address."""
    links = {"report": "http://pod-7:8101/api/v1/report?alarm=errors&x=1"}
    blocks = body(made.notice(links=links))["blocks"]
    assert isinstance(blocks, list)
    assert blocks[-1]["elements"][0]["text"].startswith(
        "<http://pod-7:8101/api/v1/report?alarm=errors&amp;x=1|Report> · pod-7 · since "
    )
