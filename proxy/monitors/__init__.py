"""The watched qualities, one file each: what the monitors see, and what they conclude.

A monitor is shown every observation and judges once per tick. It is pure: what it concludes follows
from what it was shown and from `now_s`. Monitors do not know each other, nor alarms, nor policy.
All of them score evidence with the detector of `proxy.stats`; here lives only what a quality is
made of: which observations count, against which part of the benchmark, in which words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from proxy.records import AlarmName, Finding, Observation
from proxy.stats.basis.demands import Certainty

if TYPE_CHECKING:
    # The supervisor knows the settings of monitors, and must not load numpy for them.
    from proxy.stats.engine.watch import Watch


@dataclass(slots=True, kw_only=True)
class Engine:
    """How sure an alarm must be: the same for all monitors, from `monitors` and `alarms`.

    All monitors share one engine. Nothing in it changes but `utc_offset_s`.
    """

    tick_s: float = 10.0
    """Seconds between two calls of `judge`."""
    expected_run_length_s: float = 31_536_000.0
    """Expected time to a false alarm of one monitor, over all its streams. One year."""
    min_ticks: int = 3
    """Ticks that a breach needs at least."""
    confirm_evidence: float = math.log(100)
    """Log e-value, on data after the breach, at which the breach counts as confirmed."""
    resolve_evidence: float = math.log(1000)
    """Log e-value for "back within tolerance" at which a breach ends."""
    utc_offset_s: float = 0.0
    """Seconds since 1970 in UTC are `now_s` plus this. Whoever reads the clocks sets it before each
    tick, since wall time can be set anew while `now_s` goes on. It tells the hour of the day, never
    how much time has passed. 0: `now_s` is taken for UTC."""

    @property
    def run_length_ticks(self) -> float:
        """Expected ticks to a false alarm, at least 2."""
        return max(2.0, self.expected_run_length_s / self.tick_s)

    @property
    def certainty(self) -> Certainty:
        """How sure a breach and its end must be, in ticks."""
        return Certainty(
            run_length_ticks=self.run_length_ticks,
            min_ticks=self.min_ticks,
            resolve_evidence=self.resolve_evidence,
        )

    def mid_tick_utc_s(self, now_s: float) -> float:
        """Give the middle, in seconds since 1970 in UTC, of the tick that ends at `now_s`."""
        return now_s + self.utc_offset_s - self.tick_s / 2


@runtime_checkable
class Pooled(Protocol):
    """A monitor whose evidence is counts, which replicas may add up before they are judged."""

    def pooled(self) -> dict[str, Watch]:
        """Give each watch by a name that is the same on all replicas, its counts complete."""


class Monitor(Protocol):
    """One watched quality."""

    name: AlarmName

    def observe(self, value: Observation) -> None:
        """Take note of one observation, or ignore it; never raises on odd values."""

    def judge(self, now_s: float) -> Finding:
        """Fold what was observed since the last tick and conclude. Called once per tick."""

    def snapshot(self) -> bytes:
        """Give the evidence as bytes that `restore` of the same version understands."""

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot; false when it does not fit, then the monitor starts fresh."""

    def detail(self) -> dict[str, object]:
        """Give what people may want to see, ready for JSON."""

    def reset(self) -> None:
        """Forget the evidence: the candidate was restored, or the benchmark is new."""
