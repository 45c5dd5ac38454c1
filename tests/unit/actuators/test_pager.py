"""Escalation, level by level, on a clock that is told."""

from __future__ import annotations

import pytest

import made
from proxy.actuators.notice import Notice
from proxy.actuators.pager import Pager
from proxy.actuators.settings import AlertsSettings, EscalationLevel, Receiver

OPEN = frozenset({"errors#1"})


def receiver(name: str) -> Receiver:
    """Make a receiver."""
    return Receiver(name=name, url="https://pager.example/")


SETTINGS = AlertsSettings(
    receivers=(receiver("first"), receiver("second"), receiver("boss")),
    escalation=(
        EscalationLevel(receivers=("first",), wait_s=600.0),
        EscalationLevel(receivers=("second", "boss"), wait_s=1200.0),
    ),
    repeat_after_s=3600.0,
)


class Calls:
    """Collects who was called."""

    def __init__(self) -> None:
        """Begin with nobody called."""
        self.made: list[tuple[str, tuple[str, ...]]] = []

    def offer(self, notice: Notice, receivers: tuple[str, ...]) -> None:
        """Note one call."""
        self.made.append((notice.id, receivers))

    def take(self) -> list[tuple[str, tuple[str, ...]]]:
        """Give what was called since the last look."""
        made, self.made = self.made, []
        return made


def test_levels_follow_each_other_until_the_last_repeats() -> None:
    """First level at once, second after ten minutes, then the second every hour."""
    calls = Calls()
    pager = Pager(SETTINGS, calls.offer)
    pager.call("errors#1", made.notice(id="e"), 0.0)
    timeline = []
    for now_s in range(0, 8000, 60):
        pager.tick(float(now_s), OPEN)
        timeline += [(now_s, *made) for made in calls.take()]
    assert timeline == [
        (0, "e", ("first",)),
        (600, "e/2", ("second", "boss")),
        (4200, "e/3", ("second", "boss")),
        (7800, "e/4", ("second", "boss")),
    ]


def test_an_answer_stops_the_calls() -> None:
    """Acknowledged, or over, the incident is not open any more and nobody else is called."""
    calls = Calls()
    pager = Pager(SETTINGS, calls.offer)
    pager.call("errors#1", made.notice(), 0.0)
    pager.tick(60.0, frozenset())
    pager.tick(6000.0, OPEN)
    assert len(calls.take()) == 1
    assert pager.pages == ()


def test_a_receiver_that_the_ladder_names_is_called_alone_and_again() -> None:
    """`escalate:boss` skips the levels."""
    calls = Calls()
    pager = Pager(SETTINGS, calls.offer)
    pager.call("errors#1", made.notice(id="e"), 0.0, "boss")
    pager.tick(3599.0, OPEN)
    pager.tick(3600.0, OPEN)
    assert calls.take() == [("e", ("boss",)), ("e/2", ("boss",))]


def test_without_levels_everybody_is_called() -> None:
    """Naming nobody leaves the choice to the notifier: all that want it."""
    calls = Calls()
    pager = Pager(AlertsSettings(repeat_after_s=0.0), calls.offer)
    pager.call("errors#1", made.notice(id="e"), 0.0)
    pager.tick(1e9, OPEN)
    assert calls.take() == [("e", ())]


@pytest.mark.parametrize("delta_s", [0.0, -5000.0])
def test_a_restart_goes_on_where_it_was(delta_s: float) -> None:
    """Nobody is called twice by a restart, nor forgotten, also on another clock."""
    calls = Calls()
    before = Pager(SETTINGS, calls.offer)
    before.call("errors#1", made.notice(id="e"), 100.0)
    after = Pager(SETTINGS, calls.offer)
    assert after.restore(before.snapshot(), delta_s)
    after.tick(699.0 + delta_s, OPEN)
    assert len(calls.take()) == 1
    after.tick(700.0 + delta_s, OPEN)
    assert calls.take() == [("e/2", ("second", "boss"))]


def test_a_snapshot_that_cannot_be_read_is_said() -> None:
    """Damage starts afresh."""
    assert not Pager(SETTINGS, Calls().offer).restore(b"\xc1")
