"""The whole loop, from protocol bodies to decisions, on a virtual clock, with default settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from proxy.alarms import AlarmSettings
from proxy.policy import Cause, PolicySettings
from proxy.recording import Recorder, Settings
from proxy.records import AlarmName, AlarmState, Model, StepKind
from proxy.replay import replay, show
from proxy.telemetry.journal import Journal, read

World = Any
"""The class of the fixture; a conftest cannot be imported."""


def fired(world: World) -> set[AlarmName]:
    """Give the alarms that ever fired."""
    changes = [change for turn in world.turns for change in turn.transitions]
    return {change.alarm for change in changes if change.to is AlarmState.FIRING}


def steps(world: World) -> list[StepKind]:
    """Give the kinds of all actions, in order."""
    return [action.step.kind for turn in world.turns for action in turn.decision.actions]


def shifted(row: dict[str, float | str]) -> dict[str, float | str]:
    """Break a column upstream of both models."""
    return {**row, "delay": float(row["delay"]) * 0.1 - 4.0}


def broken(row: dict[str, float | str]) -> float:
    """Answer as a candidate whose fix went wrong: the sign of a column is lost."""
    return 1 / (1 + 2.718281828 ** -(0.85 * (abs(float(row["delay"])) + 1.0)))


def test_a_healthy_deployment_raises_no_alarm_and_is_known(world: World) -> None:
    """Two quiet hours: nothing fires, nothing is done, and every body was read and paired."""
    world.run(minutes=120)
    assert fired(world) == set()
    assert steps(world) == []
    verdicts = {name: alarm.finding.verdict for name, alarm in world.line.alarms.items()}
    assert {name for name, verdict in verdicts.items() if verdict == "unknown"} <= {
        AlarmName.THROUGHPUT
    }
    assert set(world.counts.seen) == {
        "input/decoded",
        "output/decoded",
        "pair/agree",
        "pair/differ",
    }
    assert world.line.n_pairs > 200


def test_a_broken_input_is_named_and_moves_no_traffic(world: World) -> None:
    """Both models meet the same broken column: people are told, and the candidate goes on."""
    world.twist = shifted
    world.run(minutes=40)
    assert AlarmName.INPUT_DRIFT in fired(world)
    finding = world.line.alarms[AlarmName.INPUT_DRIFT].finding
    assert finding.subject == "delay"
    assert world.line.routing.serving is Model.CANDIDATE
    assert StepKind.DOWNGRADE not in steps(world)
    assert {one.cause for one in world.line.decision.incidents} == {Cause.DATA}
    assert StepKind.ALERT in steps(world)


def test_a_break_of_every_request_is_told_and_moves_no_traffic(world: World) -> None:
    """The clearest break there is fires too; the stable model is given the same requests."""
    world.twist = lambda row: {**row, "surprise": 1.0}
    world.run(minutes=25)
    finding = world.line.alarms[AlarmName.SCHEMA].finding
    assert AlarmName.SCHEMA in fired(world)
    assert "column unknown (surprise)" in finding.reason
    assert world.line.routing.serving is Model.CANDIDATE
    assert {one.cause for one in world.line.decision.incidents} == {Cause.DATA}


def as_text(row: dict[str, float | str]) -> str:
    """Answer with the right number in the wrong type."""
    return f"{1 / (1 + 2.718281828 ** -(0.85 * float(row['delay']))):.3f}"


def test_answers_of_another_form_are_named_and_led_away_from(world: World) -> None:
    """The stable model keeps its form on the same requests, so the candidate is alone with it."""
    world.candidate = as_text
    world.run(minutes=25)
    finding = world.line.alarms[AlarmName.SCHEMA].finding
    assert AlarmName.SCHEMA in fired(world)
    assert finding.subject == "output: prediction"
    assert "value of wrong type (prediction)" in finding.reason
    assert world.line.routing.serving is Model.STABLE
    (incident,) = world.line.decision.incidents
    assert incident.cause is Cause.MODEL
    assert AlarmName.SCHEMA in incident.alarms


def test_a_broken_candidate_becomes_the_shadow_and_only_a_person_brings_it_back(
    world: World,
) -> None:
    """Disagreement leads traffic to stable once; after the fix the alarms end, the route stays."""
    healthy = world.candidate
    world.candidate = broken
    world.run(minutes=25)
    assert AlarmName.DISAGREEMENT in fired(world)
    assert AlarmName.INPUT_DRIFT not in fired(world)
    assert (world.line.routing.serving, world.line.routing.shadow) == (
        Model.STABLE,
        Model.CANDIDATE,
    )
    assert steps(world).count(StepKind.DOWNGRADE) == 1
    world.candidate = healthy
    world.run(minutes=60)
    assert world.line.alarms[AlarmName.DISAGREEMENT].state is not AlarmState.FIRING
    assert world.line.routing.serving is Model.STABLE
    world.line.override(Model.CANDIDATE, "ann", world.now_s)
    world.run(minutes=30)
    assert world.line.routing.serving is Model.CANDIDATE
    assert steps(world).count(StepKind.DOWNGRADE) == 1


def test_without_a_ready_stable_nothing_switches_and_a_person_is_called(world: World) -> None:
    """A switch that is due while stable is down is not made; someone is called instead."""
    world.candidate = broken
    world.stable_ready = False
    world.run(minutes=40)
    assert AlarmName.DISAGREEMENT in fired(world)
    assert StepKind.DOWNGRADE not in steps(world)
    assert StepKind.ESCALATE in steps(world)
    assert world.line.routing.serving is Model.CANDIDATE


def test_a_candidate_that_is_gone_is_left_within_a_minute(world: World) -> None:
    """Refused connections are a hard failure: no hold is waited for."""
    world.refuses = True
    world.run(minutes=1)
    assert world.line.routing.serving is Model.STABLE
    assert AlarmName.ERRORS in fired(world)


def test_a_dry_run_tells_and_touches_nothing(world: World) -> None:
    """With `dry_run` the same fault leads to the same words and to no switch."""
    dry = type(world)(policy=PolicySettings(dry_run=True))
    dry.run(minutes=10)
    dry.candidate = broken
    dry.run(minutes=25)
    assert StepKind.DOWNGRADE in steps(dry)
    assert dry.line.routing.serving is Model.CANDIDATE


def test_a_killed_watcher_goes_on_where_it_was(world: World) -> None:
    """A restart in the middle of an episode changes neither the moment nor the kind of a switch."""
    other = type(world)()
    other.run(minutes=10)
    for one in (world, other):
        one.candidate = broken
        one.run(minutes=4)
    assert other.restart(away_s=0.0) == []
    for one in (world, other):
        one.run(minutes=21)
    assert other.line.routing.serving is Model.STABLE
    assert steps(other) == steps(world)
    ticks = [
        [number for number, turn in enumerate(one.turns) if turn.decision.actions]
        for one in (world, other)
    ]
    assert ticks[0] == ticks[1]


def test_a_snapshot_of_another_version_is_refused_in_words(world: World) -> None:
    """State that cannot be used starts fresh and says so; damage does not raise."""
    raw = msgspec.msgpack.decode(world.line.snapshot())
    raw["version"] = 99
    line = world.new_line()
    assert "version 99" in line.restore(msgspec.msgpack.encode(raw), 0.0)[0]
    assert "cannot be read" in line.restore(b"rubbish", 0.0)[0]
    assert line.routing.serving is Model.CANDIDATE


def test_the_same_seed_gives_the_same_story(world: World) -> None:
    """Nothing in the line depends on the time of day, on hashing or on other dice."""
    other = type(world)()
    other.run(minutes=10)
    for one in (world, other):
        one.twist = shifted
        one.run(minutes=10)
    assert world.turns == other.turns


def test_a_recorded_story_replays_to_the_same_decisions_and_other_rules_to_others(
    world: World, tmp_path: Path
) -> None:
    """A journal tells why the candidate was left; with no switches allowed it stays."""
    journal, recorder = Journal(tmp_path / "journal.jsonl"), Recorder()
    rules = Settings(alarms=AlarmSettings(), policy=PolicySettings())
    journal.append("start", {"settings": rules}, "t")
    world.candidate = broken
    n_before = len(world.turns)
    world.run(minutes=25)
    for turn in world.turns[n_before:]:
        for change in turn.transitions:
            journal.append("transition", change, "t")
        tick = recorder.choose(turn)
        if tick is not None:
            journal.append("tick", tick, "t")
        for action in turn.decision.actions:
            journal.append("action", action, "t")
    journal.close()
    story = replay(read(tmp_path / "journal.jsonl"))
    assert story.is_same, list(show(story))
    assert any(one.what.startswith("downgrade") for one in story.replayed)
    never = Settings(alarms=AlarmSettings(), policy=PolicySettings(max_switches_per_day=0))
    other = replay(read(tmp_path / "journal.jsonl"), never)
    assert not any(one.what.startswith("downgrade") for one in other.replayed)
