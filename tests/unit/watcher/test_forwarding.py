"""What is sampled becomes CloudEvents: attributes, redacted rows, and counts of the rest."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

import made
from proxy.actuators.settings import SinkSettings
from proxy.actuators.sink import Event, Sink
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.records import Capture, Exchange, Message, Position, Rows, Undecodable
from proxy.watcher.forwarding import Forwarding

EXCHANGE = made.exchange(id=10, capture=0.25)
ASKED = b'{"instances": [{"x": 1, "who": "ann@example.org"}, {"x": 2, "who": "bob"}]}'
ANSWERED = b'{"predictions": [0.5, 0.25]}'
Counts = Counter[tuple[str, str]]


def capture(
    exchange: Exchange = EXCHANGE, asked: bytes = ASKED, answered: bytes = ANSWERED, **fields: str
) -> Capture:
    """Make a capture of one prediction."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return Capture(
        exchange=exchange,
        target="/v1/models/m:predict",
        request=Message(fields=named, body=asked, truncated=False),
        response=Message(fields={}, body=answered, truncated=False),
    )


def forwarded(
    *captures: Capture,
    redact: Redact | None = None,
    decoder: Decoder | None = None,
    **settings: Any,
) -> tuple[list[Event], Counts]:
    """Give the events that wait after captures were decoded, and what was counted."""
    counts: Counts = Counter()

    async def run() -> list[Event]:
        settled = SinkSettings(url="https://events.example/", **settings)
        sink = Sink(settled, count=lambda *words: counts.update([words]))
        read_by = decoder or Decoder(Payload(), redact or Redact())
        forwarding = Forwarding(
            read_by, sink, settled, name="größe", count=lambda *words: counts.update([words])
        )
        for one in captures:
            assert forwarding.decode(one) == read_by.decode(one)
        return list(sink._waiting)

    return asyncio.run(run()), counts


def test_request_and_answer_are_events_of_one_id() -> None:
    """Types and extensions are those of KServe's payload logger; the id is the exchange's."""
    (request, response), counts = forwarded(capture(), annotations={"team": "fraud"})
    assert request.fields["ce-type"] == "org.kubeflow.serving.inference.request"
    assert response.fields["ce-type"] == "org.kubeflow.serving.inference.response"
    for one in (request, response):
        assert one.fields["ce-id"] == "000000000000000a"
        assert one.fields["ce-specversion"] == "1.0"
        assert one.fields["ce-namespace"] == "default"
        assert one.fields["ce-component"] == "predictor"
        assert one.fields["ce-endpoint"] == "candidate"
        assert one.fields["ce-time"].endswith("Z")
        assert one.fields["ce-inferenceservicename"] == "gr%C3%B6%C3%9Fe"
        assert json.loads(unquote(one.fields["ce-annotations"])) == {"team": "fraud"}
        about = json.loads(unquote(one.fields["ce-metadata"]))
        assert about["inclusion_probability"] == 0.25
        assert about["status"] == 200
    assert json.loads(response.body) == {"predictions": [{"prediction": 0.5}, {"prediction": 0.25}]}
    assert not counts


def test_what_leaves_was_redacted() -> None:
    """Strings that nobody certified do not leave, and names in clear are scrubbed."""
    (request, _), _ = forwarded(capture())
    assert json.loads(request.body) == {
        "instances": [{"x": 1, "who": "(other)"}, {"x": 2, "who": "(other)"}]
    }
    clear = Redact(categories="clear")
    (request, _), _ = forwarded(capture(), redact=clear)
    names = [row["who"] for row in json.loads(request.body)["instances"]]
    assert names == ["(masked)", "bob"]
    dropped = Redact(categories="clear", drop=("/instances/*/who",))
    (request, _), _ = forwarded(capture(), redact=dropped)
    assert json.loads(request.body) == {"instances": [{"x": 1}, {"x": 2}]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("event-7", "event-7"),
        ("two words", "000000000000000a"),
        ("sk-abcdefgh12345678", "000000000000000a"),
    ],
)
def test_the_clients_own_event_id_is_kept_when_it_is_one(given: str, expected: str) -> None:
    """A consumer finds the client's event again; a text or a token is no id."""
    events, _ = forwarded(capture(ce_id=given))
    assert [one.id for one in events] == [expected] * 2


def test_a_body_that_cannot_be_read_is_not_sent() -> None:
    """It could not be redacted: it is counted, and the other half is sent."""
    events, counts = forwarded(capture(asked=b"{broken"))
    assert [one.kind for one in events] == ["response"]
    assert counts == {("request", "undecodable"): 1}


def test_a_shadows_answer_is_no_second_answer() -> None:
    """Copies are not sent: nobody was given their answers."""
    shadow = msgspec.structs.replace(EXCHANGE, position=Position.SHADOW, pair_id=3)
    assert forwarded(capture(shadow)) == ([], Counter())


def test_a_full_sink_costs_no_writing() -> None:
    """What would be dropped is counted before it is written."""
    events, counts = forwarded(capture(), capture(), max_waiting=1)
    assert len(events) == 1
    assert counts == {("response", "dropped"): 2, ("request", "dropped"): 1}


class Strange(Decoder):
    """Reads half a character out of everything, as no decoder of ours does."""

    def decode(self, capture: Capture) -> tuple[Rows | Undecodable, ...]:
        """Give what no JSON text can hold."""
        del capture
        rows = made.rows({"x": ["\ud800"]}, exchange_id=10)
        return (rows,)


def test_what_json_cannot_hold_is_counted() -> None:
    """It hurts neither the watcher nor the monitors, which see the rows all the same."""
    events, counts = forwarded(capture(), decoder=Strange(Payload(), Redact()))
    assert events == []
    assert counts == {("request", "unwritable"): 1}
