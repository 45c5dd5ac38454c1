"""Tasks are bounded, named, and never take their owner down."""

from __future__ import annotations

import asyncio

import pytest

from proxy.tasks import TaskGroup


async def _fail() -> None:
    raise ValueError("a broken part")


def test_a_task_carries_the_name_of_its_owner() -> None:
    """A stack dump tells whose task it is."""

    async def scenario() -> str:
        group = TaskGroup("relay")
        task = group.spawn("sweep", asyncio.sleep(0))
        assert task is not None
        await task
        return task.get_name()

    assert asyncio.run(scenario()) == "relay.sweep"


def test_a_failing_task_is_counted_and_logged_and_nothing_else_stops(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The owner goes on; the log names the task and the error."""

    async def scenario() -> tuple[int, int]:
        group = TaskGroup("watcher")
        group.spawn("bad", _fail())
        group.spawn("good", asyncio.sleep(0.01))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running = len(group)
        await group.close()
        return group.n_failed, running

    assert asyncio.run(scenario()) == (1, 1)
    assert "watcher.bad" in caplog.text
    assert "a broken part" in caplog.text


def test_a_full_set_refuses_and_counts() -> None:
    """At its limit the set gives `None` and closes the coroutine without a warning."""

    async def scenario() -> tuple[bool, int, int]:
        group = TaskGroup("mirror", limit=1)
        group.spawn("first", asyncio.sleep(60))
        refused = group.spawn("second", asyncio.sleep(60)) is None
        counted = group.n_refused, len(group)
        await group.close()
        return refused, *counted

    assert asyncio.run(scenario()) == (True, 1, 1)


def test_closing_cancels_what_runs_and_a_cancelled_task_is_no_failure() -> None:
    """After `close` nothing runs, and only real errors are counted."""

    async def scenario() -> tuple[int, int]:
        group = TaskGroup("link")
        group.spawn("forever", asyncio.sleep(60))
        await asyncio.sleep(0)
        await group.close()
        return len(group), group.n_failed

    assert asyncio.run(scenario()) == (0, 0)
