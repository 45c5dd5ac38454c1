"""Turns the results of the libraries into the tables of docs/detection.md."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import median
from typing import Any, Final

BEGIN: Final = "<!-- what `make peers` found: written by bench/peers/report.py -->"
END: Final = "<!-- end of what `make peers` found -->"
SCENARIOS: Final = ("unchanged", "0.05 sd on all", "daily wave")
FAULTS: Final = ("0.25 sd", "0.5 sd", "1 sd", "sd x 1.5", "5 % at +6 sd")
MARGIN: Final = 20
"""Rows around an annotated change within which an alarm counts as its alarm."""
ORDER: Final = ("stablehand", "evidently", "nannyml", "whylogs", "frouros", "alibi", "river")
MINUTES: Final = {1: "every row", 17: "10 s", 1_000: "10 min", 6_000: "1 h"}

Entry = dict[str, Any]


def write(results: Path, page: Path) -> None:
    """Write the tables between the marks of a page.

    Raises:
        ValueError: results of different streams, or a page without the marks.
    """
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in results.glob("*.json")}
    entries = [entry for name in ORDER if name in found for entry in found[name]["entries"]]
    if len({entry["checksum"] for entry in entries}) > 1:
        raise ValueError("the results are of different streams: run all libraries again")
    lines = [*months(entries), "", *settings(entries)]
    lines += [found[name]["note"] for name in ORDER if "note" in found.get(name, {})]
    if "river" in found and "stablehand" in found:
        lines += ["", *series(found["river"]["series"], found["stablehand"]["series"])]
    text = page.read_text("utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page} has no line {BEGIN!r} or no line {END!r}")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(before + "\n".join([BEGIN, *lines, END]) + after, "utf-8")


def months(entries: list[Entry]) -> list[str]:
    """Give the table of alarms, rows and cost."""
    lines = [
        "| library: alarm when | looks | nothing changed | 0.05 sd on all | daily wave | "
        + " | ".join(FAULTS)
        + " | CPU, ms |",
        "|" + "---|" * (6 + len(FAULTS)),
    ]
    for entry in entries:
        cells = [
            f"{entry['peer']}: {entry['rule']}",
            MINUTES.get(entry["rows_per_look"], f"{entry['rows_per_look']} rows"),
            *(alarms(entry, scenario) for scenario in SCENARIOS),
            *(rows(entry["rows_to_alarm"][fault]) for fault in FAULTS),
            figure(entry["cpu_ms"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def alarms(entry: Entry, scenario: str) -> str:
    """Give the alarms of a month, and the share of looks that alarm."""
    count, share = entry["alarms"][scenario], entry["share"].get(scenario)
    if share == 1:
        return "always"
    if count == 0:
        return "**0**" if entry["peer"] == "stablehand" else "0"
    return f"{count:,.0f}" if share is None else f"{count:,.0f} ({share:.0%})"


def rows(found: list[int | None]) -> str:
    """Give the median number of rows until the alarm."""
    middle = median(math.inf if one is None else one for one in found)
    return "not found" if middle == math.inf else f"{middle:,.0f}"


def figure(value: float) -> str:
    """Give a figure with two digits."""
    return f"{float(f'{value:.2g}'):,g}"


def settings(entries: list[Entry]) -> list[str]:
    """Say how each library was set, and how many looks stand for a month."""
    known: dict[str, list[str]] = {}
    for entry in entries:
        looks = entry["looks"]
        unit = "rows of columns" if entry["rows_per_look"] == 1 else "looks"
        taken = " / ".join(f"{looks[scenario]:,}" for scenario in SCENARIOS) + " " + unit
        of = known.setdefault(f"{entry['peer']} {entry['version']}: {entry['settings']}", [])
        if taken not in of:
            of.append(taken)
    texts = [f"{head} ({', '.join(of)})" for head, of in known.items()]
    return ["Settings, and what was looked at in the three months: " + "; ".join(texts) + "."]


def series(shown: list[Entry], ours: dict[str, Entry]) -> list[str]:
    """Give the table of annotated series: rows from the change to the alarm, alarms before it."""
    names = list(shown[0]["alarms"]) if shown else []
    lines = [
        "| series (rows, columns) | certified | first change | stablehand | "
        + " | ".join(names)
        + " |",
        "|" + "---|" * (4 + len(names)),
    ]
    for one in shown:
        own = ours[one["name"]]
        n_rows = len(next(iter(one["columns"].values())))
        change = own["change"]
        cells = [
            f"{one['name']} ({n_rows}, {len(one['columns'])})",
            f"{own['reference']}",
            f"{change}",
            delay([] if own["alarm"] is None else [own["alarm"]], change),
            *(delay(one["alarms"][name], change) for name in names),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def delay(found: list[int], change: int) -> str:
    """Give the rows from a change to the first alarm after it, and the alarms before it."""
    early = [row for row in found if row < change - MARGIN]
    later = [row for row in found if row >= change - MARGIN]
    text = f"{later[0] - change:+d}" if later else "none"
    return f"{text} ({len(early)} before)" if early else text
