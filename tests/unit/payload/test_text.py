"""Descriptors of texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload import text

SHARES = ("letters", "digits", "spaces", "symbols", "non_latin", "cjk", "emoji")


@given(st.text(min_size=1, max_size=200))
def test_the_shares_of_characters_add_up(value: str) -> None:
    """Every character is of one class, in any script, surrogates included."""
    found = text.describe(value)
    assert sum(found[name] for name in SHARES) == pytest.approx(1.0)
    assert found["chars"] == len(value)


@pytest.mark.parametrize(
    ("value", "measure", "share"),
    [
        ("abCD", "letters", 1.0),
        ("abCD", "upper", 0.5),
        ("a1b2", "digits", 0.5),
        ("a b\n", "spaces", 0.5),
        ("{}!?", "symbols", 1.0),
        ("äöüß", "letters", 1.0),
        ("абв", "non_latin", 1.0),
        ("日本語", "cjk", 1.0),
        ("한국어", "cjk", 1.0),
        ("\N{GRINNING FACE}a", "emoji", 0.5),
    ],
)
def test_characters_are_told_by_class(value: str, measure: str, share: float) -> None:
    """Known strings have the known shares."""
    assert text.describe(value)[measure] == pytest.approx(share)


def test_words_are_counted_and_compared() -> None:
    """Words, their length, and how many repeat, without regard to case."""
    found = text.describe("The cat the\nCAT sat")
    assert found["words"] == 5
    assert found["lines"] == 2
    assert found["word_chars"] == pytest.approx(3.0)
    assert found["repeats"] == pytest.approx(0.4)


def test_an_empty_text_has_only_a_length() -> None:
    """Shares of nothing are missing, not zero."""
    assert text.describe("") == {"chars": 0, "words": 0}


def test_novelty_is_the_share_of_unknown_words() -> None:
    """Words of the reference are known whatever their case."""
    known = text.vocabulary(["The quick fox", "jumps"])
    assert text.describe("the QUICK zebra", known)["novelty"] == pytest.approx(1 / 3)
    assert "novelty" not in text.describe("the quick zebra")
    assert len(text.vocabulary(["a b c d"], max_words=2)) == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"a": [1]}', True),
        ('```json\n{"a": 1}\n```', True),
        ("[1, 2]", True),
        ("3", False),
        ("{a}", False),
        ("", False),
        ("[" * 100_000, False),
    ],
)
def test_json_in_an_answer_is_known(value: str, expected: bool) -> None:
    """Objects and arrays count, fenced or not; broken and hostile ones do not."""
    assert text.is_json(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot assist with this request.", True),
        ("As an AI language model, I have no body.", True),
        ("I\N{RIGHT SINGLE QUOTATION MARK}m unable to do this.", True),
        ("Sure! I can help.", False),
        ("The sorry state of things", False),
        ("", False),
    ],
)
def test_refusals_are_known_by_their_opening(value: str, expected: bool) -> None:
    """The usual openings of English refusals."""
    assert text.is_refusal(value) is expected
