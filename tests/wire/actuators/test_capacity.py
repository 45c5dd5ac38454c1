"""Capacity steps asked for over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from proxy.actuators.capacity import Capacity
from proxy.actuators.settings import CapacitySettings, CapacityStep
from proxy.records import Action, AlarmName, Step, StepKind

Listening = Callable[..., AbstractAsyncContextManager["Inbox"]]


class Inbox(Protocol):
    """What a test sees of a receiver; the real one is in conftest.py."""

    port: int
    bodies: list[bytes]
    fields: list[dict[str, str]]


def act(kind: StepKind, name: str = "replicas") -> Action:
    """Make a capacity action."""
    return Action(
        id=f"{kind}/throughput#1/1/{name}",
        step=Step(kind=kind, argument=name),
        because="throughput: the candidate falls behind",
        alarms=(AlarmName.THROUGHPUT,),
        at_s=0.0,
    )


def test_a_capacity_step_is_asked_for_under_one_key_until_it_is_taken(listening: Listening) -> None:
    """Two errors, then success: three tries, one key, the parameters of the configuration."""

    async def run() -> None:
        async with listening(statuses=[500, 500]) as inbox:
            url = f"http://127.0.0.1:{inbox.port}/scale"
            open_door = {"allow_http": True, "allow_private": True}
            step = CapacityStep(name="replicas", url=url, body={"by": 2}, **open_door)
            capacity = Capacity(CapacitySettings(steps=(step,)), "a1", pause_s=0.01)
            assert capacity.names == ("replicas",)
            outcome = await capacity.apply(act(StepKind.EXPAND))
            undone = await capacity.apply(act(StepKind.UNDO))
            await capacity.close()
            assert (outcome.ok, outcome.error, undone.ok) == (True, "", True)
            keys = [it["Idempotency-Key"] for it in inbox.fields]
            expand, undo = "a1/expand/throughput#1/1/replicas", "a1/undo/throughput#1/1/replicas"
            assert keys == [expand, expand, expand, undo]
            sent = [msgspec.json.decode(body) for body in inbox.bodies]
            assert [it["operation"] for it in sent] == ["expand"] * 3 + ["undo"]
            assert sent[0]["parameters"] == {"by": 2}

    asyncio.run(run())


def test_a_capacity_step_that_is_refused_says_why(listening: Listening) -> None:
    """Tries are bounded, a final answer ends them, and an unknown step is no crash."""

    async def run() -> None:
        async with listening(statuses=[500] * 3 + [422]) as inbox:
            url = f"http://127.0.0.1:{inbox.port}/scale"
            step = CapacityStep(
                name="replicas", url=url, is_reversible=False, allow_http=True, allow_private=True
            )
            capacity = Capacity(CapacitySettings(steps=(step,)), "a1", pause_s=0.01)
            outcomes = [
                await capacity.apply(act(StepKind.EXPAND)),
                await capacity.apply(act(StepKind.EXPAND)),
                await capacity.apply(act(StepKind.EXPAND, "nothing")),
                await capacity.apply(act(StepKind.UNDO)),
            ]
            await capacity.close()
            assert [it.error for it in outcomes] == [
                "HTTP 500 (noted)",
                "HTTP 422 (noted)",
                "there is no capacity step called 'nothing'",
                "",
            ]
            assert [it.ok for it in outcomes] == [False, False, False, True]
            assert len(inbox.bodies) == 4

    asyncio.run(run())
