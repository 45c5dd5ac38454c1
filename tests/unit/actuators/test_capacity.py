"""What is known of capacity without calling anyone; the calls are in tests/wire/actuators."""

from __future__ import annotations

import asyncio

from proxy.actuators.capacity import Capacity
from proxy.actuators.settings import CapacitySettings, CapacityStep
from proxy.records import Action, Outcome, Step, StepKind

STEPS = tuple(
    CapacityStep(name=name, url="https://scale.example/", is_reversible=False)
    for name in ("replicas", "queue")
)


def apply(kind: StepKind, name: str) -> Outcome:
    """Carry out one action."""

    async def run() -> Outcome:
        capacity = Capacity(CapacitySettings(steps=STEPS), "a1")
        step = Step(kind=kind, argument=name)
        action = Action(id=f"{kind}/x#1/1/{name}", step=step, because="", alarms=(), at_s=0.0)
        outcome = await capacity.apply(action)
        await capacity.close()
        assert outcome.action is action
        assert outcome.took_s >= 0
        return outcome

    return asyncio.run(run())


def test_the_steps_keep_the_order_of_the_configuration() -> None:
    """The order is the ladder."""
    assert Capacity(CapacitySettings(steps=STEPS), "a1").names == ("replicas", "queue")


def test_a_step_that_is_not_reversible_is_left_in_force() -> None:
    """Taking it back succeeds by doing nothing."""
    outcome = apply(StepKind.UNDO, "replicas")
    assert (outcome.ok, outcome.error) == (True, "")


def test_a_step_that_is_gone_from_the_configuration_fails_in_words() -> None:
    """A reload may take a step away while it is in force."""
    outcome = apply(StepKind.EXPAND, "more")
    assert (outcome.ok, outcome.error) == (False, "there is no capacity step called 'more'")
