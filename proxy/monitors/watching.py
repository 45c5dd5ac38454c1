"""The watching itself: whether what the other monitors conclude rests on whole data.

Three things make stablehand blind without any model being at fault: relays that fall silent,
records dropped on the link, and sampled bodies that cannot be decoded. A fourth makes it slow: a
replica that is cut off from its fleet sees its own rows only. Each is stated as a fact over a short
window; it never touches routing. Where none of the traffic is on a path that is sampled, nothing is
known.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from proxy.monitors import Engine
from proxy.records import (
    AlarmName,
    Exchange,
    Finding,
    FleetState,
    Observation,
    Pulse,
    Rows,
    Undecodable,
    Verdict,
)

WINDOW_TICKS: Final = 6
"""Ticks looked back over: long enough to smooth one odd tick, short enough to be current."""
SILENT_S: Final = 5.0
"""A relay without a pulse for this long does not report. It pulses once a second."""
DROPPED_SHARE: Final = 0.01
"""Share of records lost on the link from which figures are no longer to be trusted."""
UNDECODABLE_SHARE: Final = 0.5
"""Share of sampled bodies that cannot be read from which drift is not really watched."""
MIN_BODIES: Final = 50
"""Sampled bodies needed before their undecodable share says anything."""
ELSEWHERE: Final = "other"
"""Route of paths that are neither known nor configured."""
_LINK_KINDS: Final = ("exchange", "capture", "pulse")


class Watching:
    """Watches the relays' pulses, the link's losses and the share of readable bodies."""

    name = AlarmName.WATCHING

    def __init__(self, engine: Engine) -> None:
        """Look back over a few ticks of `engine`."""
        self._tick_s = engine.tick_s
        self._pulses: dict[int, Pulse] = {}
        self._tick: Counter[str] = Counter()
        self._ticks: deque[Counter[str]] = deque(maxlen=WINDOW_TICKS)
        self._since_s: float | None = None
        self._fleet: FleetState | None = None
        self._n_alone = 0

    def observe(self, value: Observation) -> None:
        """Count a pulse's losses, or whether a body was readable."""
        kind = type(value)
        if kind is Rows:
            self._tick["decoded"] += 1
        elif isinstance(value, Undecodable):
            self._tick["undecodable"] += 1
            self._tick[f"reason {value.reason}"] += 1
        elif isinstance(value, Pulse):
            self._felt(value)
        elif isinstance(value, FleetState):
            self._fleet = value
            self._n_alone = 0 if value.up else self._n_alone + 1
        elif isinstance(value, Exchange):
            self._tick["exchange"] += 1
            self._tick["elsewhere"] += value.route == ELSEWHERE and not value.capture

    def _felt(self, pulse: Pulse) -> None:
        last = self._pulses.get(pulse.worker)
        before = last.dropped if last is not None and last.pid == pulse.pid else {}
        for kind in _LINK_KINDS:
            lost = pulse.dropped.get(kind, 0) - before.get(kind, 0)
            self._tick["dropped"] += max(0, lost)
        self._pulses[pulse.worker] = pulse

    def judge(self, now_s: float) -> Finding:
        """State what is degraded, or that nothing is."""
        self._ticks.append(self._tick)
        self._tick = Counter()
        recent: Counter[str] = sum(self._ticks, Counter())
        troubles = self._troubles(recent, now_s)
        verdict = Verdict.BREACH if troubles else Verdict.OK
        if not self._pulses or (not troubles and _is_elsewhere(recent)):
            verdict = Verdict.UNKNOWN
        is_breach = verdict is Verdict.BREACH
        self._since_s = (self._since_s or now_s) if is_breach else None
        return Finding(
            monitor=self.name,
            subject=troubles[0][0] if is_breach else "",
            at_s=now_s,
            effect=troubles[0][1] if is_breach else 0.0,
            interval=None,
            unit="share",
            evidence=float(is_breach),
            threshold=1.0,
            confirmation=float(is_breach),
            recovery=0.0,
            n_reference=0,
            n_current=recent["exchange"],
            verdict=verdict,
            shared=Verdict.UNKNOWN,
            since_s=self._since_s,
            blamed=(),
            reason=_words(verdict, troubles, recent),
        )

    def _troubles(self, recent: Counter[str], now_s: float) -> list[tuple[str, float, str]]:
        """Give (subject, share, sentence) of each trouble, worst kind first."""
        found = []
        silent = [worker for worker, p in self._pulses.items() if now_s - p.at_s > SILENT_S]
        if silent:
            share = len(silent) / len(self._pulses)
            found.append(("relay", share, f"{len(silent)} relay(s) do not report"))
        dropped, reports = recent["dropped"], recent["exchange"] + recent["dropped"]
        if dropped and dropped > DROPPED_SHARE * reports:
            share = dropped / reports
            found.append(("link", share, f"{dropped} of {reports} records were dropped"))
        bad, bodies = recent["undecodable"], recent["undecodable"] + recent["decoded"]
        if bodies >= MIN_BODIES and bad > UNDECODABLE_SHARE * bodies:
            reason = max(
                (key for key in recent if key.startswith("reason ")), key=recent.__getitem__
            ).removeprefix("reason ")
            words = f"{bad} of {bodies} sampled bodies cannot be read, mostly: {reason}"
            found.append(("decoding", bad / bodies, words))
        if self._fleet is not None and self._n_alone > WINDOW_TICKS:
            why = self._fleet.trouble or "no sum of the fleet came in time"
            words = f"only own counts are judged, not those of fleet {self._fleet.name}: {why}"
            found.append(("fleet", 1.0, words))
        return found

    def snapshot(self) -> bytes:
        """Give nothing: the window is only seconds long."""
        return b""

    def restore(self, raw: bytes) -> bool:
        """Accept the empty snapshot."""
        return not raw

    def detail(self) -> dict[str, object]:
        """Give the counts of the window and the last pulse of each relay."""
        recent: Counter[str] = sum(self._ticks, Counter())
        return {
            "window_s": len(self._ticks) * self._tick_s,
            "counts": dict(recent),
            "relays": {
                str(worker): {"lag_s": pulse.lag_s, "dropped": pulse.dropped}
                for worker, pulse in self._pulses.items()
            },
            "fleet": self._fleet,
        }

    def reset(self) -> None:
        """Forget the window."""
        self._ticks.clear()
        self._tick = Counter()
        self._since_s = None


def _is_elsewhere(recent: Counter[str]) -> bool:
    """Tell whether there is traffic, and none of it on a path that is sampled."""
    return recent["exchange"] >= MIN_BODIES and recent["elsewhere"] == recent["exchange"]


def _words(verdict: Verdict, troubles: list[tuple[str, float, str]], recent: Counter[str]) -> str:
    match verdict:
        case Verdict.BREACH:
            return "; ".join(words for _, _, words in troubles)
        case Verdict.OK:
            return "all relays report, nothing is lost, bodies are readable"
        case Verdict.UNKNOWN if _is_elsewhere(recent):
            return (
                f"none of {recent['exchange']:,} requests was on a path that is sampled: name "
                "yours under payload.paths"
            )
        case Verdict.UNKNOWN:
            return "no relay has reported yet"
