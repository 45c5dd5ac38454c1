"""The file is one well-formed page that needs nothing, runs nothing and hides nothing."""

from __future__ import annotations

import itertools
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from proxy.records import AlarmName, AlarmState, Insight
from proxy.telemetry.report import Document, Live, build, document
from proxy.telemetry.report.chronicle import utc_of

Book = Any
VOID = {"meta", "link", "br", "hr", "col"}
AFTER = Live(made_utc=utc_of(1_767_323_640.0))


class Page(HTMLParser):
    """Reads a page as a browser would, and insists that every element is closed."""

    def __init__(self, made: Document) -> None:
        """Read the file."""
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(made.body.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element and its attributes."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text, but not the style."""
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        """Give all text on one line."""
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture
def made(incident: Book) -> Document:
    """Give the report of the incident."""
    return document(build(incident.entries, None, AFTER))


def test_everything_that_was_promised_is_in_it(made: Document) -> None:
    """What, since when, how far, who carries it, examples, what to do, the budget, versions."""
    words = Page(made).words
    for part in (
        "Data, not model: the incoming data has changed",
        "Began 2026-01-02 03:04:08",
        "What was done ada acknowledged it",
        "stablehand ack input_drift --by NAME --why TEXT",
        "-2.9 sd",
        "AUC 0.02 (0.5 without a change)",
        "PSI 4.1 (0.011 without a change)",
        "Wasserstein 2.7 sd (0.019 sd without a change)",
        "Missing 0.1 % \u2192 3 %",
        "Out-of-fold AUC 0.98 (between 0.97 and 0.99)",
        "MMD\u00b2 0.21",
        "Three fifths come from one carrier.",
        "00000000000000ff 03:04:11 UTC: lowest of the sample",
        "Evidence over time: Input drift",
        "At most one false detection in 365 days per watched quality",
        "configuration c0ffee",
    ):
        assert part in words, part


def test_it_needs_nothing_and_runs_nothing(made: Document) -> None:
    """No script, no address, no handler, no inline style; the policy names the one style."""
    page = Page(made)
    assert not set(page.tags) & {"script", "link", "img", "iframe", "object", "form", "base", "a"}
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "href", "style", "srcset", "action", "xlink:href"}
    assert not [name for name in names if name.startswith("on")]
    text = made.body.decode()
    assert not re.search(r"https?://|url\(|@import", text)
    style = text.split("<style>")[1].split("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in made.policy
    assert f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{digest}" in text


def test_every_plot_has_a_title_and_a_description_of_its_own(made: Document) -> None:
    """Ids are used once, and each drawing names its two."""
    page = Page(made)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    named = [value for name, value in page.attributes if name == "aria-labelledby"]
    assert len(named) == page.tags.count("svg") >= 4
    assert {one for value in named for one in (value or "").split()} == set(ids)


def test_headings_come_in_order(made: Document) -> None:
    """One `h1`, and no level is left out: how a screen reader finds its way."""
    levels = [int(tag[1]) for tag in Page(made).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - one <= 1 for one, later in itertools.pairwise(levels))


def test_hostile_values_are_text(made: Document, hostile: str) -> None:
    """What would run is shown; what would hide is shown as a sign."""
    text = made.body.decode()
    assert "<script" not in text
    assert "\x00" not in text
    assert "\u202e" not in text
    assert Page(made).words.count("carrier = <script>alert('x')</script>\u2400\ufffd\"&") == 1
    assert hostile not in text


def test_names_of_alarms_models_and_people_are_hostile_too(incident: Book, hostile: str) -> None:
    """Whatever stands in the journal, nothing of it becomes an element."""
    calm = Page(document(build(incident.entries, None, AFTER)))
    told = {"title": hostile, "next": hostile, "undo": hostile, "done": hostile, "cause": hostile}
    incident.tell(15, "firing", AlarmName.INPUT_DRIFT, candidate=hostile, **told)
    incident.add(16, "ack", {"by": hostile, "why": hostile, "alarms": [hostile]})
    incident.add(17, "routing", {"serving": hostile, "because": hostile})
    incident.add(18, "start", {"text": hostile, "versions": {hostile: hostile}})
    page = Page(document(build(incident.entries, None, AFTER)))
    assert set(page.tags) <= set(calm.tags) | {"code"}
    assert "<script>alert('x')</script>" in page.words


def test_it_stays_small_however_much_there_is(
    incident: Book, insight: Callable[..., Insight]
) -> None:
    """Hundreds of columns, examples with long cells, thousands of ticks: under a megabyte."""
    full = insight()
    column = msgspec.structs.replace(full.columns[0], histogram=full.columns[0].histogram * 100)
    example = msgspec.structs.replace(
        full.examples[0], values={f"c{at}": "x" * 10_000 for at in range(200)}, why="y" * 10_000
    )
    many = insight(
        columns=tuple(msgspec.structs.replace(column, name=f"c{at}") for at in range(500)),
        examples=(example,) * 500,
        sub_populations=full.sub_populations * 500,
    )
    incident.add(19, "insight", many)
    for at in range(2000):
        incident.tick(20 + at, AlarmName.INPUT_DRIFT)
        incident.add(20 + at, "ack", {"by": "z" * 1000, "why": "", "alarms": []})
    assert len(document(build(incident.entries, None, AFTER)).body) < 1_000_000


def test_a_quiet_alarm_has_a_page_too(book: Book) -> None:
    """Little is known, and the page is whole."""
    book.move(1, AlarmName.ERRORS, AlarmState.PENDING).move(
        5, AlarmName.ERRORS, AlarmState.INACTIVE
    )
    page = Page(document(build(book.entries, AlarmName.ERRORS, AFTER)))
    assert "Errors: temperature" in page.words
    assert "Over" in page.words


def luminance(colour: str) -> float:
    """Give the relative luminance of `#rrggbb` (WCAG 2.2, definition of relative luminance)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read(made: Document, scheme: int) -> None:
    """Contrast of at least 4.5 : 1 (WCAG 2.2, AA) on page, card and wash, by day and by night."""
    style = made.body.decode().split("<style>")[1]
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    pairs = [(text, ground) for text in ("ink", "dim") for ground in ("paper", "card", "soft")]
    pairs += [(text, "paper") for text in ("good", "warn", "bad", "faint")]
    pairs += [("ink", f"{state}-wash") for state in ("good", "warn", "bad")]
    low = []
    for text, ground in pairs:
        dark, light = sorted((luminance(colours[text]), luminance(colours[ground])))
        ratio = (light + 0.05) / (dark + 0.05)
        if ratio < 4.5:
            low.append((text, ground, round(ratio, 2)))
    assert not low
