"""Settings of the hands: mistakes are found before anything is called."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.actuators.settings import (
    AlertsSettings,
    CapacitySettings,
    CapacityStep,
    EscalationLevel,
    Receiver,
)

ALERTS = TypeAdapter(AlertsSettings)
CAPACITY = TypeAdapter(CapacitySettings)
GOOD: dict[str, object] = {"name": "ops", "url": "https://hooks.example/x"}


def refused(document: dict[str, object]) -> str:
    """Give why alerts cannot be set like this."""
    with pytest.raises(ValidationError) as caught:
        ALERTS.validate_python(document)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "http://hooks.example/x"}, "allow_http"),
        ({"url": "ftp://hooks.example/x"}, "https://"),
        ({"url": "https:///x"}, "name a host"),
        ({"url": "nothing"}, "https://"),
        ({"type": "pagerduty"}, "routing_key"),
        ({"type": "pigeon"}, "pagerduty"),
        ({"name": ""}, "at least 1"),
        ({"min_severity": "loud"}, "critical"),
        ({"timeout_s": 0}, "greater than 0"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_receiver_that_could_not_be_told_is_refused(
    changes: dict[str, object], words: str
) -> None:
    """Each mistake names itself."""
    assert words in refused({"receivers": [{**GOOD, **changes}]})


def test_names_mean_one_receiver() -> None:
    """The same name twice, or one that nobody has, is a mistake."""
    assert "there twice" in refused({"receivers": [GOOD, GOOD]})
    level = {"receivers": ["boss"]}
    assert "not a receiver" in refused({"receivers": [GOOD], "escalation": [level]})


def test_a_whole_configuration_is_read() -> None:
    """Receivers and levels come out as they went in."""
    read = ALERTS.validate_python(
        {"receivers": [GOOD], "escalation": [{"receivers": ["ops"], "wait_s": 60}]}
    )
    assert read == AlertsSettings(
        receivers=(Receiver(name="ops", url="https://hooks.example/x"),),
        escalation=(EscalationLevel(receivers=("ops",), wait_s=60.0),),
    )


def test_secrets_are_not_in_the_representation() -> None:
    """What is logged by accident gives nothing away; the address of a webhook is a secret too."""
    keys = {"token": "S2", "secret": "S3", "routing_key": "S4"}
    receiver = Receiver(name="ops", url="https://h.example/S1", **keys)
    step = CapacityStep(name="a", url="https://h.example/S1", undo_url="https://h.example/S5")
    assert not {it for it in ("S1", "S2", "S3", "S4", "S5") if it in repr((receiver, step))}


def test_capacity_steps_have_names_of_their_own() -> None:
    """The same name twice could not be told apart in a ladder; undo must be callable too."""
    step = {"name": "replicas", "url": "https://scale.example/"}
    with pytest.raises(ValidationError, match="there twice"):
        CAPACITY.validate_python({"steps": [step, step]})
    with pytest.raises(ValidationError, match="undo_url"):
        CAPACITY.validate_python({"steps": [{**step, "undo_url": "http://scale.example/"}]})
