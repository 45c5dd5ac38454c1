"""PagerDuty's events, one PagerDuty incident per incident of ours."""

from __future__ import annotations

import msgspec
import pytest

import made
from proxy.actuators.notice import Notice
from proxy.actuators.receivers.pagerduty import write
from proxy.actuators.settings import Receiver

RECEIVER = Receiver(
    name="duty", type="pagerduty", url="https://events.pagerduty.example/v2", routing_key="R"
)


def body(notice: Notice) -> dict[str, object]:
    """Give what PagerDuty is sent."""
    letter = write(notice, RECEIVER)
    assert letter is not None
    return msgspec.json.decode(letter.body, type=dict[str, object])


@pytest.mark.parametrize(
    ("kind", "event"),
    [("firing", "trigger"), ("escalation", "trigger"), ("resolved", "resolve")],
)
def test_an_incident_is_triggered_and_resolved_under_one_key(kind: str, event: str) -> None:
    """Every message of one incident carries the key of the incident."""
    sent = body(made.notice(kind=kind))
    assert sent["event_action"] == event
    assert sent["dedup_key"] == "a1/disagreement#1"
    assert sent["routing_key"] == "R"


def test_the_payload_tells_the_story() -> None:
    """Who is called reads what was seen, done, is next, and how to undo it."""
    sent = body(made.notice())
    payload = sent["payload"]
    assert isinstance(payload, dict)
    assert payload["summary"].endswith("(disagreement and output_drift) on pod-7")
    assert (payload["severity"], payload["component"], payload["class"]) == (
        "critical",
        "flights-2",
        "model",
    )
    assert set(payload["custom_details"]) == {
        *("what", "since", "blamed", "done", "next", "undo", "false_alarms")
    }
    assert sent["links"] == [{"href": "http://pod-7:8101/", "text": "status"}]


def test_an_action_is_no_event() -> None:
    """What was done stands in the details of the next event."""
    assert write(made.notice(kind="action"), RECEIVER) is None


def test_limits_are_kept_and_keys_stay_distinct() -> None:
    """Long names are cut or hashed, not refused."""
    one, two = (body(made.notice(incident="i" * 300 + end, title="t" * 2000)) for end in "ab")
    assert one["dedup_key"] != two["dedup_key"]
    assert len(str(one["dedup_key"])) <= 255
    payload = one["payload"]
    assert isinstance(payload, dict)
    assert len(payload["summary"]) == 1024


def test_a_ticket_is_information_there() -> None:
    """It knows no tickets; `info` wakes nobody."""
    payload = body(made.notice(severity="ticket"))["payload"]
    assert isinstance(payload, dict)
    assert payload["severity"] == "info"
