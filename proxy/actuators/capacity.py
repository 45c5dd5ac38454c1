"""Ask for more capacity, and give it back: signed calls that may be repeated without harm.

A step is one POST to an address of the configuration. All its tries carry the same idempotency key,
made of the action's id, so that a step repeated after a crash or a lost answer adds capacity once.
Whether the step helped is not judged here: the alarm that asked for it shows that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from proxy import clock
from proxy.actuators.caller import Caller, Letter, Reply
from proxy.actuators.settings import CapacitySettings, CapacityStep
from proxy.records import Action, Outcome, StepKind

_PAUSE_S: Final = 1.0


class Capacity:
    """Carries out `expand` and `undo`."""

    def __init__(
        self, settings: CapacitySettings, instance: str, pause_s: float = _PAUSE_S
    ) -> None:
        """Know the steps; `instance` makes the keys of one installation unlike another's."""
        self._steps = {step.name: step for step in settings.steps}
        self._instance = instance
        self._pause_s = pause_s
        self._caller = Caller()

    @property
    def names(self) -> tuple[str, ...]:
        """The configured steps, in order: what the policy is told as `Facts.capacity`."""
        return tuple(self._steps)

    def desired_replicas(self, in_force: Sequence[str]) -> int:
        """Give the replicas that the last of these steps asks for; 0: none names a number."""
        asked = [self._steps[name].body.get("replicas") for name in in_force if name in self._steps]
        numbers = [n for n in asked if isinstance(n, int | float) and not isinstance(n, bool)]
        return int(numbers[-1]) if numbers else 0

    async def apply(self, action: Action) -> Outcome:
        """Carry out an action; what goes wrong is in the outcome, nothing is raised."""
        began_s = clock.now_s()
        error = await self._apply(action)
        took_s = clock.now_s() - began_s
        return Outcome(action=action, ok=not error, error=error, took_s=took_s)

    async def close(self) -> None:
        """Close every connection."""
        await self._caller.close()

    async def _apply(self, action: Action) -> str:
        """Give why the action failed; empty when it did not."""
        step = self._steps.get(action.step.argument)
        if step is None:
            return f"there is no capacity step called {action.step.argument!r}"
        is_undo = action.step.kind is StepKind.UNDO
        if is_undo and not step.is_reversible:
            return ""
        letter = self._write(action, step)
        reply = await self._caller.call(step, letter)
        for number in range(1, step.max_tries):
            if reply.ok or reply.is_final:
                break
            await asyncio.sleep(self._pause_s * 2.0 ** (number - 1))
            reply = await self._caller.call(step, letter)
        return _words(reply)

    def _write(self, action: Action, step: CapacityStep) -> Letter:
        is_undo = action.step.kind is StepKind.UNDO
        key = f"{self._instance}/{action.id}"
        body = {
            "version": 1,
            "id": key,
            "operation": "undo" if is_undo else "expand",
            "step": step.name,
            "parameters": step.body,
            "because": action.because,
            "alarms": [name.value for name in action.alarms],
            "at_utc": clock.utc_text(),
        }
        return Letter(
            url=step.undo_url if is_undo and step.undo_url else step.url,
            body=msgspec.json.encode(body),
            id=key,
            fields={},
        )


def _words(reply: Reply) -> str:
    if reply.ok:
        return ""
    return f"{reply.error} ({reply.text.strip()})" if reply.text.strip() else reply.error
