"""Findings, alarms and journal entries in words: what the page and `stablehand status` say.

Only wording: nothing is concluded here. Numbers come with their unit and interval, evidence comes
as odds that a person can weigh.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from proxy.policy.words import span
from proxy.records import (
    Acknowledgement,
    Alarm,
    AlarmName,
    AlarmState,
    Blame,
    Finding,
    Pace,
    Side,
    Verdict,
)
from proxy.telemetry.desk import AlarmView, EntryView, StreamView

ORDER: Final = (
    AlarmState.FIRING,
    AlarmState.PENDING,
    AlarmState.RESOLVED,
    AlarmState.INACTIVE,
)
"""Alarms that need eyes come first."""

SHARED: Final = {
    Verdict.BREACH: "The stable model shows the same, so the cause is shared: not the candidate.",
    Verdict.OK: "The stable model does not show it: the candidate is alone with it.",
    Verdict.UNKNOWN: "The stable model was not measured beside it.",
}

SEVERITY: Final = {
    AlarmState.FIRING: "bad",
    AlarmState.PENDING: "warn",
    AlarmState.RESOLVED: "good",
    AlarmState.INACTIVE: "info",
}

_TINY: Final = 1e-3
BECOMES: Final = {
    "firing": "fired",
    "pending": "became pending",
    "resolved": "resolved",
    "inactive": "went quiet",
}
"""How the timeline tells of an alarm's new state."""

_MILLION: Final = 1e6
_CERTAIN: Final = math.log(1e9)
_MAX_BLAMED: Final = 5


def label(name: str) -> str:
    """Write a name of ours as words: `input_drift` is `Input drift`."""
    return name.replace("_", " ").capitalize()


def sentence(text: str) -> str:
    """Write text as a sentence: a full stop last, a capital first but for a name before a colon."""
    text = text.strip()
    closed = text if not text or text[-1] in ".!?" else f"{text}."
    if text.partition(" ")[0].endswith(":"):
        return closed
    return closed[:1].upper() + closed[1:]


def utc_text(seconds: float) -> str:
    """Write seconds since 1970 as RFC 3339 text."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_of(seconds: float) -> str:
    """Write seconds since 1970 as a time of day in UTC."""
    return utc_text(seconds)[11:19]


def gap(begin_utc: str, end_utc: str) -> str:
    """Write the time between two RFC 3339 times; empty when it is less than a second."""
    begin, end = (datetime.fromisoformat(one) for one in (begin_utc, end_utc))
    seconds = (end - begin).total_seconds()
    return span(seconds) if seconds >= 1 else ""


def number(value: float) -> str:
    """Write a number with three significant digits and no exponent where one can read it."""
    if not math.isfinite(value):
        return "unknown"
    size = abs(value)
    if size >= 1000:  # noqa: PLR2004  # thousands get commas
        return f"{value:,.0f}"
    if 0 < size < _TINY:
        return f"{value:.1e}"
    return f"{value:.3g}"


def quantity(value: float, unit: str) -> str:
    """Write an effect with its unit: `share` as percent, `sd`, `ratio`, seconds as ms below one."""
    match unit:
        case "share":
            return f"{number(100 * value)} %"
        case "sd":
            return f"{number(value)} standard deviations"
        case "ratio":
            return f"{number(value)} times"
        case "s" if abs(value) < 1:
            return f"{number(1000 * value)} ms"
        case "":
            return number(value)
        case _:
            return f"{number(value)} {unit}"


def short(value: float, unit: str) -> str:
    """Write an effect as a figure on a scale: signed, with the shortest name of its unit."""
    match unit:
        case "share":
            return f"{number(100 * value)} %"
        case "sd":
            return f"{value:+.3g} sd" if value else "0 sd"
        case "ratio":
            return f"x {number(value)}"
        case _:
            return quantity(value, unit)


def reach(value: float, interval: tuple[float, float] | None, unit: str) -> str:
    """Write an effect with its interval as figures on a scale."""
    text = short(value, unit)
    if interval is None or not all(math.isfinite(bound) for bound in interval):
        return text
    return f"{text} ({short(interval[0], unit)} to {short(interval[1], unit)})"


def effect(value: float, interval: tuple[float, float] | None, unit: str) -> str:
    """Write an effect with its interval, and its unit once where it is the same."""
    text = quantity(value, unit)
    if interval is None:
        return text
    low, high = interval
    if not (math.isfinite(low) and math.isfinite(high)):
        return text
    least, most = quantity(low, unit), quantity(high, unit)
    name = "".join(text.partition(" ")[1:])
    if name and least.endswith(name) and most.endswith(name):
        least, most = least.removesuffix(name), most.removesuffix(name)
    return f"{text} (between {least} and {most})"


def odds(log_e: float) -> str:
    """Write a log e-value as odds: by Ville's inequality chance alone reaches it so rarely."""
    if log_e >= _CERTAIN:
        return "less than once in a billion"
    times = math.exp(max(log_e, 0.0))
    if times >= _MILLION:
        return f"at most once in {number(times / _MILLION)} million"
    return f"at most once in {number(times)}"


def strength(evidence: float, threshold: float) -> float:
    """Give evidence over what an alarm needs, from 0; 1 is where a breach begins."""
    return max(0.0, evidence / threshold) if threshold > 0 else 0.0


def evidence(finding: Finding | None) -> str:
    """Say how sure a finding is."""
    if finding is None or finding.verdict is Verdict.UNKNOWN:
        return ""
    standing = f"{number(max(finding.evidence, 0.0))} of {number(finding.threshold)}"
    if finding.verdict is Verdict.OK:
        return f"Evidence stands at {standing} that an alarm needs."
    text = f"Evidence {standing} needed"
    if finding.confirmation > 0:
        often = odds(finding.confirmation)
        text += f"; if nothing were wrong, what came since would be seen {often} times"
    if finding.recovery > 0:
        text += f"; signs of recovery at odds of 1 to {number(math.exp(min(finding.recovery, 50)))}"
    return f"{text}."


def shared(finding: Finding) -> str:
    """Say whether the stable model shows the same; empty for what compares the two models."""
    return "" if finding.monitor is AlarmName.DISAGREEMENT else SHARED[finding.shared]


def alarm_view(
    alarm: Alarm,
    utc: Callable[[float], str],
    acknowledged: Acknowledgement | None = None,
    next_step: str = "",
) -> AlarmView:
    """Give an alarm as people read it.

    `utc` turns a time on the monotonic clock into text; `next_step` says what the policy does next.
    """
    finding = alarm.finding
    blamed = finding.blamed[:_MAX_BLAMED] if finding else ()
    seen = acknowledged is not None and acknowledged.episode == alarm.episode
    return AlarmView(
        name=alarm.name,
        state=alarm.state,
        since_utc=utc(alarm.since_s),
        episode=alarm.episode,
        verdict=finding.verdict if finding else None,
        words=finding.reason if finding else "Nothing was measured yet.",
        evidence_words=_with_cause(alarm.state, finding),
        blamed=tuple(blame.summary or blame.subject for blame in blamed),
        strength=strength(finding.evidence, finding.threshold) if finding else 0.0,
        shared=finding.shared if finding else None,
        pace=finding.pace if finding else Pace.UNKNOWN,
        acknowledged=_acknowledged(acknowledged) if acknowledged and seen else "",
        next_step=next_step,
    )


def sorted_views(views: Sequence[AlarmView]) -> tuple[AlarmView, ...]:
    """Put the alarms that need eyes first, then by strength."""
    return tuple(sorted(views, key=lambda view: (ORDER.index(view.state), -view.strength)))


def stream_view(side: Side, blame: Blame, threshold: float) -> StreamView:
    """Give one stream of a finding for the drift list, without its histograms."""
    return StreamView(
        side=side,
        subject=blame.subject,
        effect=blame.effect,
        unit=blame.unit,
        interval=blame.interval,
        strength=strength(blame.evidence, threshold),
        n_current=blame.n_current,
        summary=blame.summary,
    )


def entry_view(entry: Mapping[str, object]) -> EntryView:
    """Give a journal entry as one line of the timeline.

    Known kinds: `transition`, `routing`, `outcome`, `notice`, `ack`, `override`, `start`; another
    kind shows the `text` of its body, or its own name.
    """
    kind = str(entry.get("kind", "note"))
    at_utc = str(entry.get("at_utc", ""))
    body = entry.get("body")
    fields: Mapping[str, object] = body if isinstance(body, dict) else {}
    shape, severity, text = _line(kind, fields)
    given = str(fields.get("text") or "")
    return EntryView(at_utc=at_utc, kind=shape, text=given or text, severity=severity)


def _line(kind: str, body: Mapping[str, object]) -> tuple[str, str, str]:
    """Give the icon, the severity and the text of a journal entry."""
    match kind:
        case "transition":
            return _transition(body)
        case "routing":
            because = _or(body.get("because"), "")
            return "switch", "warn", _why(f"Traffic goes to {body.get('serving', '?')}", because)
        case "outcome":
            return _outcome(body)
        case "notice":
            firing = body.get("kind") in {"firing", "escalation"}
            return "alert", "warn" if firing else "info", _or(body.get("title"), "Alert sent.")
        case "ack" | "override":
            return _person(kind, body)
        case _:
            shape = "start" if kind == "start" else "note"
            return shape, "info", kind.replace("_", " ").capitalize()


def _person(kind: str, body: Mapping[str, object]) -> tuple[str, str, str]:
    by, why = _or(body.get("by"), "someone"), _or(body.get("why"), "")
    alarms = body.get("alarms")
    taken = ", ".join(str(name) for name in alarms) if isinstance(alarms, list) else ""
    acknowledged = f"acknowledged {taken}".rstrip()
    what = acknowledged if kind == "ack" else f"routed to {_or(body.get('model'), 'auto')}"
    return "person", "info", _why(f"{by} {what}", why)


def _outcome(body: Mapping[str, object]) -> tuple[str, str, str]:
    action = _inner(body, "action")
    step = _or(_inner(action, "step").get("kind"), "step").capitalize()
    if body.get("ok") is True:
        return "action", "good", _why(f"{step} done", _or(action.get("because"), ""))
    return "action", "bad", _why(f"{step} failed", _or(body.get("error"), ""))


def _transition(body: Mapping[str, object]) -> tuple[str, str, str]:
    state = str(body.get("to", ""))
    known = state in set(AlarmState)
    severity = SEVERITY[AlarmState(state)] if known else "info"
    reason = _or(_inner(body, "finding").get("reason"), "")
    name = _or(body.get("alarm"), "alarm").replace("_", " ").capitalize()
    return "alarm", severity, _why(f"{name} {BECOMES.get(state, 'changed')}", reason)


def _why(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else f"{text}."


def _with_cause(state: AlarmState, finding: Finding | None) -> str:
    text = evidence(finding)
    if finding is None or state not in {AlarmState.PENDING, AlarmState.FIRING}:
        return text
    return f"{text} {shared(finding)}".strip()


def _acknowledged(by: Acknowledgement) -> str:
    return f"{by.by}: {by.why}" if by.why else by.by


def _inner(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _or(value: object, default: str) -> str:
    return str(value) if value else default
