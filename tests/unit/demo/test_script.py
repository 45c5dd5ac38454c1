"""The script: each check sees what it says, and the acts are complete."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.demo.script import (
    ACTS,
    SWITCH_LIMIT_S,
    Deed,
    Scene,
    any_alarm,
    client_fails,
    fires,
    is_over,
    is_ready,
    is_told,
    is_unready,
    leaves,
    opens,
    serves,
)
from proxy.records import AlarmName, AlarmState, Model

INPUT, OUTPUT = AlarmName.INPUT_DRIFT, AlarmName.OUTPUT_DRIFT


def test_an_alarm_fires_only_when_it_fires_and_names_the_column(make: Any) -> None:
    """Pending is not firing, and another column is not the column."""

    def scene(state: AlarmState, words: str) -> Scene:
        status = make.status(alarms={INPUT: (state, words)})
        return Scene(status=status, notices=(), tally=make.tally())

    check = fires(INPUT, naming="temperature")
    assert check.holds(scene(AlarmState.FIRING, "temperature is 6 sd lower"))
    assert not check.holds(scene(AlarmState.PENDING, "temperature is 6 sd lower"))
    assert not check.holds(scene(AlarmState.FIRING, "wind_speed is frozen"))
    assert not check.holds(Scene(status=make.status(), notices=(), tally=make.tally()))
    assert "temperature" in check.words


@pytest.mark.parametrize(
    ("state", "is_open"),
    [
        (AlarmState.INACTIVE, False),
        (AlarmState.PENDING, True),
        (AlarmState.FIRING, True),
        (AlarmState.RESOLVED, False),
    ],
)
def test_an_alarm_is_open_while_pending_or_firing(
    make: Any, state: AlarmState, *, is_open: bool
) -> None:
    """The quiet act allows neither; the end of an alarm means neither."""
    status = make.status(alarms={OUTPUT: (state, "")})
    scene = Scene(status=status, notices=(), tally=make.tally())
    assert opens(OUTPUT).holds(scene) is is_open
    assert any_alarm().holds(scene) is is_open
    assert not any_alarm(OUTPUT).holds(scene)
    assert is_over(OUTPUT).holds(scene) is not is_open
    assert is_over(INPUT).holds(scene)


def test_routing_is_seen_with_its_shadow(make: Any) -> None:
    """Serving alone is not enough: the other model must go on as a shadow."""
    scene = Scene(status=make.status(Model.STABLE), notices=(), tally=make.tally())
    assert serves(Model.STABLE).holds(scene)
    assert not serves(Model.CANDIDATE).holds(scene)
    assert leaves(Model.CANDIDATE).holds(scene)
    assert not leaves(Model.STABLE).holds(scene)


def test_readiness_is_that_of_the_probe(make: Any) -> None:
    """A model that is not ready is not the same as one that was not probed."""
    scene = Scene(status=make.status(candidate_ready=False), notices=(), tally=make.tally())
    assert is_unready(Model.CANDIDATE).holds(scene)
    assert not is_ready(Model.CANDIDATE).holds(scene)
    assert is_ready(Model.STABLE).holds(scene)


def test_the_operator_is_told_by_a_notice_of_the_right_kind_that_names_the_column(
    make: Any,
) -> None:
    """Resolved is not firing, another alarm is not this one."""

    def holds(kind: str, name: AlarmName, what: str) -> bool:
        notices = (make.notice(kind, name, what=what),)
        scene = Scene(status=make.status(), notices=notices, tally=make.tally())
        return is_told(INPUT, naming="temperature").holds(scene)

    assert holds("firing", INPUT, "temperature moved")
    assert not holds("resolved", INPUT, "temperature moved")
    assert not holds("firing", OUTPUT, "temperature moved")
    assert not holds("firing", INPUT, "wind_speed moved")


def test_a_failed_request_is_seen(make: Any) -> None:
    """One is one too many."""
    good = Scene(status=make.status(), notices=(), tally=make.tally())
    bad = Scene(status=make.status(), notices=(), tally=make.tally(n_failed=1))
    assert not client_fails().holds(good)
    assert client_fails().holds(bad)


def test_no_act_forgives_a_failed_request_and_every_deed_is_done() -> None:
    """All acts watch the client; what is broken is mended; the switch has its limit."""
    stages = [stage for act in ACTS for stage in act.stages]
    for stage in stages:
        assert client_fails().words in {check.words for check in stage.nevers}
        assert stage.musts
        assert 0 <= stage.at_least_s <= stage.deadline_s
        assert {words for words, _ in stage.limits_s} <= {check.words for check in stage.musts}
    assert {stage.deed for stage in stages} == set(Deed)
    assert [act.letter for act in ACTS] == ["a", "b", "c", "d", "e"]
    limits = [limit for stage in stages for limit in stage.limits_s]
    assert limits == [(serves(Model.STABLE).words, SWITCH_LIMIT_S)]
