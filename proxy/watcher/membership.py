"""This watcher's part in a fleet: its watches given and taken at every tick."""

from __future__ import annotations

import math
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.actuators.notify import Notifier
from proxy.actuators.pager import Offer
from proxy.config import Loaded
from proxy.pipeline import Pipeline
from proxy.records import AlarmName
from proxy.telemetry.fleets import FleetFigures
from proxy.telemetry.metrics import Metrics
from proxy.watcher.memory import nonce
from proxy.watcher.voice import Speaker, Voice

if TYPE_CHECKING:
    from proxy.fleet.fleet import Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Tellers:
    """Who tells people."""

    notifier: Notifier
    voice: Voice | None


class Membership:
    """A watcher in a fleet."""

    def __init__(
        self, loaded: Loaded, fleet: Fleet, figures: FleetFigures, tellers: Tellers
    ) -> None:
        """Take part through `fleet`, and keep `figures` up to date."""
        settings = loaded.config.fleet
        if settings is None:
            raise AssertionError("a watcher without `fleet` is in none")
        self._fleet = fleet
        self._figures = figures
        self._names = [AlarmName(name) for name in settings.monitors]
        self.lag_s = settings.lag_ticks * loaded.config.monitors.tick_s
        """How old the counts are that the monitors judge."""
        self.voice = tellers.voice
        """`None`: every replica tells."""
        self.tell: Offer = tellers.notifier.offer
        """Takes notices in for delivery."""
        if tellers.voice is not None:
            self.tell = tellers.voice.offer

    def start(self) -> None:
        """Begin to meet the others."""
        self._fleet.start()

    async def close(self) -> None:
        """Leave."""
        await self._fleet.close()

    def turn(self, pipeline: Pipeline, now_s: float, utc_offset_s: float) -> None:
        """Put the fleet's counts in the place of our own, just before the pipeline's tick."""
        incidents = pipeline.posture.incidents.values()
        telling = frozenset(incident.partition("#")[0] for incident in incidents)
        self._fleet.turn(now_s + utc_offset_s, pipeline.pooled(self._names), telling)
        state = self._fleet.state(now_s)
        pipeline.observe(state)
        self._figures.take(state)

    def turned(self) -> None:
        """Tell what is ours to tell, after the turn was carried out."""
        if self.voice is not None:
            self.voice.tick()


def membership_of(
    loaded: Loaded, metrics: Metrics, notifier: Notifier, state_dir: Path
) -> Membership | None:
    """Give this watcher's part in its fleet; `None` when it is in none."""
    config = loaded.config
    settings = config.fleet
    if settings is None:
        return None
    # Only who is in a fleet needs the extra that talks to Redis.
    from proxy.fleet.fleet import Fleet, Identity  # noqa: PLC0415 - an optional extra

    replica = f"{socket.gethostname()}/{nonce(state_dir)}"
    identity = Identity(
        replica=replica,
        benchmark_sha256=loaded.benchmark_sha256,
        tick_s=config.monitors.tick_s,
    )
    fleet = Fleet(settings, identity, count=metrics.fleet.count)
    voice = None
    if settings.alerts == "once":
        speaker = Speaker(
            replica=replica,
            fleet=f"{config.models.candidate.name}@{settings.name}",
            shared=frozenset(settings.monitors),
            # An incident that opens now is published with the next tick, and known a lag later.
            patience=settings.lag_ticks + 2,
        )
        voice = Voice(notifier, speaker, lambda: fleet.others)
    tellers = Tellers(notifier=notifier, voice=voice)
    return Membership(loaded, fleet, metrics.fleet, tellers)


def next_border_s(now_s: float, utc_offset_s: float, tick_s: float) -> float:
    """Give when, on the monotonic clock, the next tick of UTC ends.

    One that is less than half a tick away counts as having ended: a timer may wake a moment early.
    """
    number = math.floor((now_s + utc_offset_s) / tick_s + 0.5)
    return (number + 1) * tick_s - utc_offset_s
