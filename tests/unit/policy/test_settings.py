"""Ladders as the operator writes them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.policy import DEFAULT_LADDERS, PolicySettings, step
from proxy.records import AlarmName, Step, StepKind

POLICY = TypeAdapter(PolicySettings)


def test_every_alarm_has_a_default_ladder_that_can_be_read() -> None:
    """Nothing fires into the void, and every default begins by telling people."""
    for name in AlarmName:
        rungs = PolicySettings().ladder(name)
        assert rungs[0].kind is StepKind.ALERT
    assert set(DEFAULT_LADDERS) == set(AlarmName)


def test_data_and_monitoring_never_lead_to_a_switch_by_default() -> None:
    """Only alarms that can be the candidate's own have a downgrade in their ladder."""
    switching = {
        name
        for name in AlarmName
        if any(it.kind is StepKind.DOWNGRADE for it in PolicySettings().ladder(name))
    }
    assert switching == {
        AlarmName.OUTPUT_DRIFT,
        AlarmName.SCHEMA,
        AlarmName.DISAGREEMENT,
        AlarmName.LATENCY,
        AlarmName.ERRORS,
        AlarmName.LABEL_QUALITY,
    }


def test_a_ladder_replaces_that_of_its_alarm_only() -> None:
    """The others keep their defaults; steps carry their arguments."""
    settings = POLICY.validate_python(
        {"ladders": {"latency": ["alert", "expand:more", "escalate:boss"]}}
    )
    assert settings.ladder(AlarmName.LATENCY) == (
        Step(kind=StepKind.ALERT),
        Step(kind=StepKind.EXPAND, argument="more"),
        Step(kind=StepKind.ESCALATE, argument="boss"),
    )
    assert settings.ladder(AlarmName.ERRORS) == PolicySettings().ladder(AlarmName.ERRORS)


@pytest.mark.parametrize(
    ("rung", "words"),
    [
        ("alrt", "'alrt' is not a step; allowed: alert, downgrade, escalate, expand"),
        ("restore", "cannot be automatic"),
        ("undo", "cannot be automatic"),
        ("downgrade:all", "takes no argument"),
        ("alert:boss", "takes no argument"),
    ],
)
def test_rungs_that_cannot_be_are_refused(rung: str, words: str) -> None:
    """Each mistake names the alarm and what is allowed."""
    with pytest.raises(ValidationError) as caught:
        POLICY.validate_python({"ladders": {"errors": [rung]}})
    assert words in str(caught.value)
    assert "errors" in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        {"ladders": {"weather": ["alert"]}},
        {"restore": "automatic"},
        {"max_switches_per_day": -1},
        {"undo_after_s": 0},
        {"laders": {}},
    ],
)
def test_other_mistakes_are_refused(document: dict[str, object]) -> None:
    """Unknown alarms and keys, automatic restores, impossible figures."""
    with pytest.raises(ValidationError):
        POLICY.validate_python(document)


def test_a_step_is_read_with_its_argument() -> None:
    """Everything after the first colon is the argument."""
    assert step("expand:a:b") == Step(kind=StepKind.EXPAND, argument="a:b")
