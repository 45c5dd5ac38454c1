"""Nothing that came from the traffic becomes markup, and nothing of it is invisible."""

from __future__ import annotations

import html
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.report.markup import MAX_TEXT, Markup, el, escaped, joined, pretty, with_code


class Reader(HTMLParser):
    """Collects the tags and the text of a piece of HTML."""

    def __init__(self, text: str) -> None:
        """Read `text`."""
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        del attrs
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text += data


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=60))
def test_any_text_stays_text(text: str) -> None:
    """As content and as an attribute: one tag stands there, and the text can be encoded."""
    written = el("p", {"title": text}, text).text
    assert Reader(written).tags == ["p"]
    assert '"' not in html.unescape(escaped(text)) or "&quot;" in escaped(text)
    written.encode()


def test_what_cannot_be_seen_is_shown() -> None:
    """Control characters become pictures; marks that turn text around become a sign."""
    assert escaped("a\x00b\x1b[31m") == "a\u2400b\u241b[31m"
    assert escaped("evil\u202egnp.exe\u200b\ud800") == "evil\ufffdgnp.exe\ufffd\ufffd"
    assert escaped("tab\there\nline") == "tab\there\nline"


def test_text_is_bounded() -> None:
    """A value of a megabyte does not make a page of a megabyte."""
    assert len(escaped("x" * 10**6)) == MAX_TEXT
    assert escaped("abcdef", limit=3) == "ab…"


def test_attributes_that_are_not_set_are_left_out() -> None:
    """`None` and `False` say that an attribute is not there; void elements have no end."""
    assert el("meta", {"charset": "utf-8", "x": None, "y": False}) == Markup(
        '<meta charset="utf-8">'
    )
    assert joined(["<", Markup("<b>")]) == Markup("&lt;<b>")


def test_commands_stand_as_code() -> None:
    """In backticks, or ours as the policy writes them; the words around are escaped."""
    written = with_code("To take over: stablehand ack input_drift --by NAME --why TEXT, or `a<b`")
    assert "<code>stablehand ack input_drift --by NAME --why TEXT</code>, or " in written.text
    assert "<code>a&lt;b</code>" in written.text


def test_arrows_are_arrows() -> None:
    """Between two values, not inside of a name."""
    assert pretty("median 74 -> 23, a->b") == "median 74 \u2192 23, a->b"
