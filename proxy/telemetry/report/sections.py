"""The parts of a report that show what was measured: alarms, columns, sub-populations, examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from proxy.records import AlarmName, Discrepancy, Separation, SubPopulation
from proxy.telemetry import words
from proxy.telemetry.desk import AgreementView
from proxy.telemetry.report import plots
from proxy.telemetry.report.markup import NOTHING, Child, Markup, el, pretty
from proxy.telemetry.report.values import Column, Evidence, ExampleView, LoadCell, Measure

_OUTPUTS: Final = frozenset({AlarmName.OUTPUT_DRIFT, AlarmName.DISAGREEMENT})
_CHANCE: Final = 0.5


def alarm_section(at: int, measure: Measure, evidence: Sequence[Evidence]) -> Markup:
    """Show one alarm with all that stands behind it."""
    known = [one for one in evidence if one.alarm is measure.alarm]
    parts = [part for one in known for part in _evidence(at, one, measure)]
    return el(
        "section",
        {"class": "alarm", "aria-label": words.label(measure.alarm)},
        el(
            "h2",
            {},
            words.label(measure.alarm),
            " ",
            el("span", {"class": f"state {measure.state}"}, measure.state),
        ),
        el("p", {"class": "lead"}, pretty(f"{measure.reason}.")),
        el("dl", {"class": "figures"}, *_figures(measure)),
        el("p", {"class": "dim small"}, measure.shared) if measure.shared else NOTHING,
        *parts,
    )


def agreement(view: AgreementView) -> Markup:
    """Show how often the two models differ, beside what was certified."""
    if view.estimate is None:
        return NOTHING
    share = words.quantity(view.estimate, "share")
    interval = view.interval or (view.estimate, view.estimate)
    said = words.effect(view.estimate, view.interval, "share")
    certified = "" if view.floor is None else f"certified {words.quantity(view.floor, 'share')}"
    return el(
        "section",
        {"aria-label": "Agreement of the two models"},
        el("h2", {}, "Agreement of the two models"),
        el(
            "div",
            {"class": "card"},
            el("p", {"class": "big"}, share),
            el("p", {}, words.sentence(view.words)),
            plots.interval("agreement", f"Disagreement: {said}", view.estimate, interval),
            el("p", {"class": "dim small"}, f"{said}; {certified}; {view.n_pairs:,} rows compared"),
        ),
    )


def latency(cells: Sequence[LoadCell]) -> Markup:
    """Show the latency at each load, certified and now."""
    names = ("Load", "Size", "Answers", "Median certified", "now", "99 % certified", "now")
    rows = [
        (
            one.load,
            one.size,
            f"{one.answers:,}",
            *(
                "-" if value is None else words.quantity(value, "s")
                for value in (
                    one.certified_median_s,
                    one.current_median_s,
                    one.certified_p99_s,
                    one.current_p99_s,
                )
            ),
        )
        for one in cells
    ]
    return el(
        "section",
        {"aria-label": "Latency by load"},
        el("h2", {}, "Latency by load"),
        _table(names, rows, "Latency at each load, certified and now"),
    )


def _figures(measure: Measure) -> Iterator[Markup]:
    """Give the figures of a finding as pairs of names and values."""
    if measure.effect is not None:
        said = words.reach(measure.effect, measure.interval, measure.unit)
        name = f"Effect on {measure.subject}" if measure.subject else "Effect"
        yield _pair(name, said)
    if measure.threshold > 0:
        share = max(0.0, measure.evidence) / measure.threshold
        yield _pair("Evidence", f"{100 * share:.0f} % of what an alarm needs")
    if measure.confirmation > 0:
        yield _pair("Later data alone", f"{words.odds(measure.confirmation)} by chance")
    rows = f"{measure.n_current:,}"
    against = f" against {measure.n_reference:,} certified" if measure.n_reference else ""
    yield _pair("Rests on", f"{rows}{against}")


def _evidence(at: int, evidence: Evidence, measure: Measure) -> Iterator[Markup]:
    columns = list(enumerate(evidence.columns))
    loud = [(place, one) for place, one in columns if one.is_blamed] or columns
    others = [(place, one) for place, one in columns if (place, one) not in loud]
    yield from _columns(at, loud, evidence, measure)
    if others:
        noun = "column" if len(others) == 1 else "columns"
        title = f"{len(others)} other {noun}, beside those that the alarm rests on"
        cards = _columns(at, others, evidence, measure)
        yield el("details", {"class": "others"}, el("summary", {}, title), *cards)
    if evidence.sub_populations:
        yield _sub_populations(evidence.sub_populations)
    if evidence.separation is not None:
        yield _separation(f"auc{at}", evidence.separation)
    if evidence.discrepancy is not None:
        yield _discrepancy(evidence.discrepancy)
    if evidence.examples:
        yield _examples(evidence.examples)
    if evidence.reason:
        yield el("p", {"class": "note"}, words.sentence(evidence.reason))


def _columns(
    at: int, columns: Sequence[tuple[int, Column]], evidence: Evidence, measure: Measure
) -> Iterator[Markup]:
    """Give a card for each column; those without a plot stand in two rows."""
    plain = []
    for place, column in columns:
        name = f"h{at}-{place}"
        if column.bars:
            yield _column(name, column, evidence.alarm)
        elif column.name != measure.subject:  # all that is known of the subject stands above
            plain.append(_column(name, column, evidence.alarm))
    if plain:
        yield el("div", {"class": "cards"}, *plain)


def _column(name: str, column: Column, alarm: AlarmName) -> Markup:
    css = "output" if alarm in _OUTPUTS else "input"
    picture: list[Child] = []
    if column.bars:
        drawn = plots.histogram(name, column.name, column.bars, css)
        legend = el("p", {"class": "faint small"}, "Bars: now. Line: as certified.")
        picture = [drawn, legend, _numbers(column)]
    return el(
        "article",
        {"class": "card column" if picture else "card"},
        el(
            "div",
            {"class": "said"},
            el("h3", {}, column.name),
            el("p", {"class": "dim"}, pretty(words.sentence(_without_name(column)))),
            *_reach(name, column),
        ),
        el("div", {"class": "picture"}, *picture) if picture else NOTHING,
        el("dl", {"class": "figures"}, *(_pair(*one) for one in column_figures(column))),
    )


def column_figures(column: Column) -> Iterator[tuple[str, str]]:
    """Give the figures of a column as (name, value); those that were not measured are left out."""
    if column.auc is not None:
        yield "AUC", f"{column.auc:.2f} (0.5 without a change)"
    if column.shift_sd is not None and column.unit != "sd":
        yield "Shift, judged by the AUC", words.short(column.shift_sd, "sd")
    if column.psi is not None:
        yield "PSI", _beside(column.psi, column.psi_null, "")
    if column.wasserstein_sd is not None:
        yield "Wasserstein", _beside(column.wasserstein_sd, column.wasserstein_null, " sd")
    if column.new_share:
        yield "New to the reference", words.quantity(column.new_share, "share")
    if column.missing is not None and any(column.missing):
        was, now = column.missing
        yield "Missing", f"{words.quantity(was, 'share')} → {words.quantity(now, 'share')}"
    if column.n_current:
        certified = f", {column.n_reference:,} certified" if column.n_reference else ""
        yield "Rows", f"{column.n_current:,} now{certified}"


def _beside(value: float, null: float | None, unit: str) -> str:
    text = f"{words.number(value)}{unit}"
    return text if null is None else f"{text} ({words.number(null)}{unit} without a change)"


def _reach(name: str, column: Column) -> list[Child]:
    """Say how far the column is, with its interval drawn."""
    if column.interval is None:
        if column.effect is None:
            return []
        return [el("p", {"class": "big"}, words.short(column.effect, column.unit))]
    low, high = (words.short(bound, column.unit) for bound in column.interval)
    between = f"between {low} and {high}, valid at any time"
    said = "" if column.effect is None else words.short(column.effect, column.unit)
    drawn = plots.interval(f"{name}-i", f"{column.name}: {said} {between}", column.effect,
                           column.interval)  # fmt: skip
    figure = [el("p", {"class": "big"}, said)] if said else []
    return [*figure, drawn, el("p", {"class": "dim small"}, between)]


def _without_name(column: Column) -> str:
    return column.summary.removeprefix(f"{column.name}: ") or "no words for it"


def _numbers(column: Column) -> Markup:
    """Give the figures of the plot as a table, for those who cannot see it."""
    rows = [
        (
            one.label,
            words.quantity(one.current, "share"),
            words.quantity(one.reference, "share"),
        )
        for one in column.bars
    ]
    table = _table(("Values", "Now", "Certified"), rows, f"Distribution of {column.name}")
    return el("details", {}, el("summary", {}, "Figures of the plot"), table)


def _sub_populations(parts: Sequence[SubPopulation]) -> Markup:
    rows = [
        (
            one.condition,
            words.quantity(one.share, "share"),
            words.short(one.effect, one.unit),
            f"{one.n:,}",
            one.summary,
        )
        for one in parts
    ]
    names = ("Rows where", "Share of the change", "Effect in them", "Rows seen", "In words")
    return _titled("Who carries it", _table(names, rows, "Sub-populations that carry the change"))


def _separation(name: str, separation: Separation) -> Markup:
    low, high = separation.interval
    carriers = ", ".join(
        f"{feature} ({loss:.2f})" for feature, loss in separation.carriers if loss > 0
    )
    figures = [
        _pair("Out-of-fold AUC", f"{separation.auc:.2f} (between {low:.2f} and {high:.2f})"),
        _pair("Rows", f"{separation.n_current:,} now, {separation.n_reference:,} certified"),
    ]
    if carriers:
        figures.append(_pair("Carried by (part of the AUC)", carriers))
    drawn = plots.interval(
        name,
        f"AUC {separation.auc:.2f}, 0.5 is indistinguishable",
        separation.auc - _CHANCE,
        (low - _CHANCE, high - _CHANCE),
        "0.5, no difference",
    )
    return _titled(
        "Can a classifier tell now from then?",
        el("p", {}, words.sentence(separation.summary)),
        drawn,
        el("dl", {"class": "figures"}, *figures),
    )


def _discrepancy(found: Discrepancy) -> Markup:
    figures = (
        ("MMD²", words.number(found.mmd2)),
        ("p", f"{found.p_value:.3g}, of {found.permutations:,} relabellings, one look"),
        ("Rows", f"{found.n_current:,} now, {found.n_reference:,} certified"),
    )
    return _titled(
        "All columns together",
        el("p", {}, words.sentence(found.summary)),
        el("dl", {"class": "figures"}, *(_pair(*one) for one in figures)),
    )


def _examples(examples: Sequence[ExampleView]) -> Markup:
    """List the rows: id, time and reason first, then the cells, the telling ones in front."""
    items = [
        el(
            "li",
            {},
            el("p", {}, el("code", {}, one.exchange), f" {one.at_utc[11:19]} UTC: {one.why}"),
            el("dl", {"class": "cells"}, *(_pair(name, value) for name, value in one.cells)),
        )
        for one in examples
    ]
    how = "Sampled rows, redacted as configured; a range stands for the bin that a value lies in."
    return _titled(
        "Requests that show it",
        el("p", {"class": "dim small"}, how),
        el("ul", {"class": "examples"}, *items),
    )


def _titled(title: str, *parts: Markup) -> Markup:
    return el("article", {"class": "card"}, el("h3", {}, title), *parts)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> Markup:
    head = el("tr", {}, *(el("th", {"scope": "col"}, name) for name in names))
    body = [
        el(
            "tr",
            {},
            el("th", {"scope": "row"}, row[0]),
            *(el("td", {}, cell) for cell in row[1:]),
        )
        for row in rows
    ]
    table = el(
        "table", {}, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, *body)
    )
    return el("div", {"class": "wide", "role": "group", "tabindex": "0", "aria-label": caption},
              table)  # fmt: skip


def _pair(name: str, value: str) -> Markup:
    return el("div", {}, el("dt", {}, name), el("dd", {}, value))
