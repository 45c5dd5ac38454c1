"""Readiness of the stable model: whether there is a way back, before anyone needs it.

The finding states a fact, the answer of a probe, and weighs no evidence: its evidence is 1 where
the last probe failed. How long that must last before anyone is told is the alarm's business.
"""

from __future__ import annotations

from proxy.monitors import Engine
from proxy.records import AlarmName, Finding, Health, Model, Observation, Verdict

STALE_TICKS = 6.0
"""A probe older than this many ticks says nothing any more."""


class StableReadiness:
    """Watches the probes of the stable model."""

    name = AlarmName.STABLE_UNREADY

    def __init__(self, engine: Engine, *, has_stable: bool) -> None:
        """Say "unknown" for ever when there is no stable model to ask."""
        self._stale_s = STALE_TICKS * engine.tick_s
        self._has_stable = has_stable
        self._last: Health | None = None
        self._failing_since_s: float | None = None
        self._n_probes = 0

    def observe(self, value: Observation) -> None:
        """Take a probe of the stable model; ignore everything else."""
        if type(value) is not Health or value.model is not Model.STABLE:
            return
        self._last = value
        self._n_probes += 1
        if value.ready:
            self._failing_since_s = None
        elif self._failing_since_s is None:
            self._failing_since_s = value.at_s

    def judge(self, now_s: float) -> Finding:
        """State what the last probe said."""
        verdict, reason = self._state(now_s)
        is_breach = verdict is Verdict.BREACH
        return Finding(
            monitor=self.name,
            subject="stable" if is_breach else "",
            at_s=now_s,
            effect=float(is_breach),
            interval=None,
            unit="probe",
            evidence=float(is_breach),
            threshold=1.0,
            confirmation=float(is_breach),
            recovery=0.0,
            n_reference=0,
            n_current=self._n_probes,
            verdict=verdict,
            shared=Verdict.BREACH if is_breach else Verdict.OK,
            since_s=self._failing_since_s if is_breach else None,
            blamed=(),
            reason=reason,
        )

    def _state(self, now_s: float) -> tuple[Verdict, str]:
        if not self._has_stable:
            return Verdict.UNKNOWN, "no stable model is configured: there is no way back"
        if self._last is None:
            return Verdict.UNKNOWN, "the stable model has not been probed yet"
        if now_s - self._last.at_s > self._stale_s:
            return Verdict.UNKNOWN, f"the last probe is {now_s - self._last.at_s:.0f} s old"
        if self._last.ready:
            return Verdict.OK, "the stable model is ready"
        return Verdict.BREACH, f"the stable model is not ready: {self._last.reason}"

    def snapshot(self) -> bytes:
        """Give nothing: the next probe tells all."""
        return b""

    def restore(self, raw: bytes) -> bool:
        """Accept the empty snapshot."""
        return not raw

    def detail(self) -> dict[str, object]:
        """Give the last probe."""
        last = self._last
        return {
            "ready": None if last is None else last.ready,
            "reason": "" if last is None else last.reason,
            "n_probes": self._n_probes,
        }

    def reset(self) -> None:
        """Forget the probes."""
        self._last = None
        self._failing_since_s = None
