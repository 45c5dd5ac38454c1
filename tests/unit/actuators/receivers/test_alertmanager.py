"""Alertmanager's alerts: stable labels, changing annotations, an end."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
import pytest

import made
from proxy.actuators.notice import Notice
from proxy.actuators.receivers.alertmanager import END_AFTER_S, RESEND_AFTER_S, write
from proxy.actuators.settings import Receiver

RECEIVER = Receiver(name="am", type="alertmanager", url="https://alertmanager.example/")
Alert: TypeAlias = dict[str, dict[str, str] | str]


def alerts(notice: Notice) -> list[Alert]:
    """Give what Alertmanager is sent."""
    letter = write(notice, RECEIVER)
    assert letter is not None
    assert letter.url == "https://alertmanager.example/api/v2/alerts"
    return msgspec.json.decode(letter.body, type=list[Alert])


def test_each_alarm_is_an_alert_with_the_labels_of_no_replica() -> None:
    """Replicas with the same trouble send the same labels, so Alertmanager tells it once."""
    here, there = alerts(made.notice()), alerts(made.notice(source="pod-8", incident="b2/x#9"))
    assert [it["labels"] for it in here] == [it["labels"] for it in there]
    assert here[0]["labels"] == {
        "alertname": "StablehandDisagreement",
        "alarm": "disagreement",
        "candidate": "flights-2",
        "severity": "critical",
        "service": "stablehand",
    }
    assert isinstance(here[1]["labels"], dict)
    assert here[1]["labels"]["alertname"] == "StablehandOutputDrift"


def test_an_alert_ends_by_itself_unless_it_is_sent_again() -> None:
    """A sidecar that dies leaves no alert for ever; several sends may be lost."""
    alert = alerts(made.notice())[0]
    assert alert["startsAt"] == "2026-11-23T00:00:00.000Z"
    assert alert["endsAt"] == "2026-11-23T00:10:00.000Z"
    assert END_AFTER_S >= 4 * RESEND_AFTER_S


def test_the_end_ends_the_alert_and_its_escalation() -> None:
    """Both alert names of each alarm end now, under the labels they began with."""
    ended = alerts(made.notice(kind="resolved", severity="info"))
    begun = [*alerts(made.notice()), *alerts(made.notice(kind="escalation"))]
    assert {it["endsAt"] for it in ended} == {"2026-11-23T00:05:00.000Z"}
    assert sorted(str(it["labels"]) for it in ended) == sorted(str(it["labels"]) for it in begun)


def test_annotations_tell_the_story_without_empty_ones() -> None:
    """What changes stands here, the pod too."""
    annotations = alerts(made.notice())[0]["annotations"]
    assert isinstance(annotations, dict)
    assert annotations["source"] == "pod-7"
    assert annotations["summary"].startswith("Model: ")
    assert "undo" not in annotations


@pytest.mark.parametrize("changes", [{"kind": "action"}, {"alarms": ()}])
def test_what_is_no_alarm_is_no_alert(changes: dict[str, object]) -> None:
    """Actions and persons' routings are not Alertmanager's business."""
    assert write(made.notice(**changes), RECEIVER) is None


def test_the_report_is_linked() -> None:
    """As an annotation, so that two replicas are still one alert."""
    link = "http://pod-7:8101/api/v1/report?alarm=disagreement"
    alert = alerts(made.notice(links={"report": link}))[0]
    assert isinstance(alert["annotations"], dict)
    assert alert["annotations"]["report"] == link
    assert link not in str(alert["labels"])
