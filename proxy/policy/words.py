"""How figures are said to people."""

from __future__ import annotations

from typing import Final

from proxy.alarms import STATED
from proxy.records import Finding
from proxy.units import DAY_S, HOUR_S

WAY_BACK: Final = "stablehand route candidate, and then stablehand route auto"
"""How a person leads traffic back to the candidate, and lets the policy protect it again."""
_UNITS = ((DAY_S, "d"), (HOUR_S, "h"), (60.0, "min"))
_SAID = {"share": (100.0, "%"), "sd": (1.0, "standard deviations"), "ratio": (1.0, "times")}
"""Units of findings as people say them: the factor and the name."""


def span(seconds: float) -> str:
    """Say a time span in the largest unit that fits: `span(90)` is `1.5 min`."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def soon(seconds: float) -> str:
    """Say when something is due: `in 9 min`, or `now`."""
    return f"in {span(seconds)}" if seconds >= 1 else "now"


def ago(seconds: float) -> str:
    """Say how long something is past: `9 min ago`, or `just now`."""
    return f"{span(seconds)} ago" if seconds >= 1 else "just now"


def false_alarms(run_length_s: float) -> str:
    """Say how often a watched quality is detected by chance, where so long is the mean time."""
    days = run_length_s / DAY_S
    return f"at most one false detection in {days:g} day{'s' * (days != 1)} per watched quality"


def effect(finding: Finding) -> str:
    """Say an effect with its unit, interval and sample: never an effect without them.

    Empty for a finding that states a fact instead of measuring an effect.
    """
    if finding.monitor in STATED:
        return ""
    scale, name = _SAID.get(finding.unit, (1.0, finding.unit))
    said = f"{scale * finding.effect:.3g} {name}".strip()
    if finding.interval is not None:
        low, high = finding.interval
        said = f"{said} (between {scale * low:.3g} and {scale * high:.3g})"
    against = f" now against {finding.n_reference:,} certified" if finding.n_reference else ""
    return f"{said}, from {sample(finding):,}{against}"


def sample(finding: Finding) -> int:
    """Give the current rows an effect was measured on: those of its stream since the onset.

    The monitor may have looked at more.
    """
    carrier = (blame.n_current for blame in finding.blamed if blame.subject == finding.subject)
    return next(carrier, finding.n_current)


def listed(words: tuple[str, ...]) -> str:
    """Join words as people do: `a, b and c`."""
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
