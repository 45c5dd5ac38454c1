"""The only file that creates asyncio tasks: every task has a name, an owner and an end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class TaskGroup:
    """A bounded set of named tasks owned by one component.

    A task that fails is logged with its name and counted; it never takes its owner down. The set
    is bounded: `spawn` closes the coroutine and gives `None` when `limit` tasks are running.
    """

    def __init__(self, owner: str, limit: int = 64) -> None:
        """Make an empty set for `owner` that runs at most `limit` tasks at once."""
        self._owner = owner
        self._limit = limit
        self._running: set[asyncio.Task[None]] = set()
        self.n_failed = 0
        self.n_refused = 0

    def __len__(self) -> int:
        """Give the number of tasks that are running."""
        return len(self._running)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run `work` as a task called `owner.name`; `None` when the set is full."""
        if len(self._running) >= self._limit:
            work.close()
            self.n_refused += 1
            return None
        task = asyncio.get_running_loop().create_task(work, name=f"{self._owner}.{name}")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self.n_failed += 1
            log.error("task %s failed: %r", task.get_name(), error, exc_info=error)

    async def close(self, timeout_s: float = 5.0) -> None:
        """Cancel what is running and wait for it, at most `timeout_s`."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=timeout_s)
