"""The incident report as one HTML file: everything inside, nothing fetched, nothing that runs.

It is made of elements and escaped text only (`markup`). The content security policy stands in the
file itself, too, so that it stays harmless wherever it is kept: no script, no request, one style.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from proxy.telemetry import words
from proxy.telemetry.desk import EntryView
from proxy.telemetry.report.curves import MAX_MARKS, effect_curve, evidence_curves
from proxy.telemetry.report.markup import NOTHING, Child, Markup, el, pretty, with_code
from proxy.telemetry.report.sections import agreement, alarm_section, latency
from proxy.telemetry.report.values import IncidentReport, Milestone

STATES: Final = {
    "firing": "Firing",
    "pending": "Pending",
    "over": "Over",
    "quiet": "Quiet",
}
READING: Final = {
    "Evidence": (
        "Grows while the data speak for a change and shrinks while they do not. It may be looked"
        " at as often as one likes without more false alarms: that is what it was built for."
    ),
    "Interval": (
        "Holds at any time and however often one looks, so it is wider than one that is valid for"
        " a single look. Where it contains zero, the size is not known yet."
    ),
    "Standard deviations (sd)": (
        "Of the certified reference. A shift of 0.1 sd or less is within tolerance unless it was"
        " configured otherwise; 1 sd is plain to see in the plot."
    ),
    "AUC of a column": (
        "The chance that a value of now is larger than a certified one: 0.5 means no difference,"
        " 0 or 1 that they do not overlap."
    ),
    "PSI and Wasserstein": (
        "Distances that grow by chance alone when there are few rows. Read them beside the figure"
        " that a column without any change would show, never by a fixed threshold."
    ),
    "Began": (
        "An estimate of when the change set in, made when it was found. It is drawn from the data,"
        " so it may lie some ticks beside the truth."
    ),
}
"""What the figures mean, for who reads the first report of his life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The file, and the policy to send with it."""

    body: bytes
    policy: str
    """Value of `Content-Security-Policy`."""


def document(report: IncidentReport) -> Document:
    """Write the report."""
    style = _style()
    policy = f"default-src 'none'; style-src 'sha256-{_hash(style)}'; base-uri 'none'"
    name = f"{words.label(report.alarm)}, {report.watched}".rstrip(", ")
    head = el(
        "head",
        {},
        el("meta", {"charset": "utf-8"}),
        el("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        el("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        el("meta", {"name": "color-scheme", "content": "light dark"}),
        el("meta", {"name": "robots", "content": "noindex"}),
        el("title", {}, f"Incident report: {name}"),
        el("style", {}, Markup(style)),
    )
    page = el("html", {"lang": "en"}, head, el("body", {}, *_body(report)))
    served = f"{policy}; form-action 'none'; frame-ancestors 'none'"
    return Document(body=f"<!doctype html>\n{page.text}\n".encode(), policy=served)


def _body(report: IncidentReport) -> Iterator[Markup]:
    made = el("time", {"datetime": report.made_utc}, _clock(report.made_utc, seconds=False))
    yield el(
        "header",
        {"class": "top"},
        el("div", {"class": "brand"}, "stablehand"),
        el("div", {"class": "watched"}, f"Incident report · {report.watched}".rstrip(" ·")),
        el("div", {"class": "pulse"}, "made ", made, " UTC"),
    )
    yield el(
        "main",
        {},
        _headline(report),
        _curves(report),
        *(
            alarm_section(at, measure, report.evidence)
            for at, measure in enumerate(report.measures)
        ),
        agreement(report.agreement) if report.agreement is not None else NOTHING,
        latency(report.cells) if report.cells else NOTHING,
        _timeline(report.timeline) if report.timeline else NOTHING,
        _reading(report),
        _provenance(report.provenance),
    )


def _headline(report: IncidentReport) -> Markup:
    steps = [
        _card("What was done", report.done or "Nothing was changed."),
        _card("What is next", report.next or "Nothing is left to do."),
    ]
    if report.undo:
        steps.append(_card("How to undo it", f"`{report.undo}`"))
    chips = [
        el("li", {"class": one.state}, words.label(one.alarm), el("span", {}, one.state))
        for one in report.measures
    ]
    return el(
        "section",
        {"class": f"headline {report.state}"},
        el("p", {"class": "state"}, STATES.get(report.state, report.state)),
        el("h1", {}, words.sentence(report.title).rstrip(".")),
        el("p", {}, pretty(report.lead)) if report.lead else NOTHING,
        el("ul", {"class": "chips"}, *chips) if chips else NOTHING,
        _milestones(report.milestones),
        el("div", {"class": "steps"}, *steps),
        *(el("p", {"class": "note"}, note) for note in report.notes),
    )


def _card(title: str, text: str) -> Markup:
    return el("div", {"class": "card"}, el("h2", {}, title), el("p", {}, with_code(text)))


def _milestones(stations: Sequence[Milestone]) -> Markup:
    if not stations:
        return NOTHING
    items = []
    first = stations[0].at_utc
    for one in stations:
        after = words.gap(first, one.at_utc)
        is_same_day = one is not stations[0] and one.at_utc[:10] == first[:10]
        items.append(
            el(
                "li",
                {},
                el("span", {"class": "name"}, one.name),
                el("time", {"datetime": one.at_utc}, _clock(one.at_utc, date=not is_same_day)),
                el("span", {"class": "dim small"}, f"+ {after}" if after else one.note),
                el("span", {"class": "dim small"}, one.note) if after and one.note else NOTHING,
            )
        )
    return el("ol", {"class": "milestones", "aria-label": "Stations, UTC"}, *items)


def _curves(report: IncidentReport) -> Markup:
    """Draw the evidence of all alarms, and how the effect of the worst went."""
    if not report.traces:
        return NOTHING
    keys = [
        el("li", {}, el("i", {"class": f"key c{at}"}), words.label(one.alarm))
        for at, one in enumerate(report.traces[:5])
    ]
    told = [
        el(
            "li",
            {},
            el("time", {"datetime": words.utc_text(one.at_unix_s)}, words.time_of(one.at_unix_s)),
            f" {one.text}",
        )
        for one in report.marks[:MAX_MARKS]
    ]
    effects: list[Child] = []
    for at, trace in enumerate(report.traces[:2]):
        curve = effect_curve(f"effect-{at}", trace)
        if curve is not None:
            title = f"{words.label(trace.alarm)}: effect on {trace.subject}"
            effects.append(_figure(title, curve))
    return el(
        "section",
        {"aria-label": "Over time"},
        el("h2", {}, "Over time"),
        el(
            "div",
            {"class": "card"},
            el("h3", {}, "Evidence, and what happened"),
            el("ul", {"class": "keys"}, *keys),
            _scrolled("Evidence over time", evidence_curves(report.traces, report.marks)),
            el("ol", {"class": "marks small"}, *told),
        ),
        *effects,
    )


def _figure(title: str, curve: Markup) -> Markup:
    return el("div", {"class": "card"}, el("h3", {}, title), _scrolled(title, curve))


def _scrolled(name: str, inner: Markup) -> Markup:
    """Let a wide plot be moved on a narrow screen, with the keyboard, too."""
    return el("div", {"class": "wide", "role": "group", "tabindex": "0", "aria-label": name}, inner)


def _timeline(entries: Sequence[EntryView]) -> Markup:
    items = [
        el(
            "li",
            {"class": f"{one.kind} {one.severity}"},
            el("time", {"datetime": one.at_utc}, _clock(one.at_utc)),
            el("div", {}, with_code(pretty(one.text))),
        )
        for one in entries
    ]
    return el(
        "section",
        {"aria-label": "Timeline"},
        el("h2", {}, "Timeline, from the journal"),
        el("ol", {"class": "entries"}, *items),
    )


def _reading(report: IncidentReport) -> Markup:
    budget = [one for one in (report.false_alarms, report.confirmation) if one]
    declared: list[Child] = []
    if budget:
        declared = [
            el("dt", {}, "The declared budget"),
            el("dd", {}, words.sentence("; ".join(budget))),
        ]
    pairs = [
        piece
        for name, text in READING.items()
        for piece in (el("dt", {}, name), el("dd", {}, text))
    ]
    return el(
        "section",
        {"aria-label": "How to read the figures"},
        el("h2", {}, "How to read the figures"),
        el("dl", {"class": "reading"}, *declared, *pairs),
    )


def _provenance(facts: Sequence[tuple[str, str]]) -> Markup:
    rows = [
        el("tr", {}, el("th", {"scope": "row"}, name), el("td", {}, value)) for name, value in facts
    ]
    return el(
        "section",
        {"aria-label": "Where this comes from"},
        el("h2", {}, "Where this comes from"),
        el("table", {"class": "facts"}, el("tbody", {}, *rows)),
    )


def _clock(utc: str, *, date: bool = True, seconds: bool = True) -> str:
    """Give the time of day, with its date before it."""
    day, _, time = utc.partition("T")
    return f"{day if date else ''} {time[: 8 if seconds else 5]}".strip()


@cache
def _style() -> str:
    folder = Path(__file__).parent.parent / "static"
    return "".join((folder / name).read_text("utf-8") for name in ("tokens.css", "report.css"))


def _hash(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()
