"""Reasons are labels."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.payload.protocols import Protocol
from proxy.payload.reasons import Reason, Unreadable

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "protocols.md"


def test_reasons_are_few_and_fit_a_label() -> None:
    """A closed list of words: the metric that carries them stays small."""
    assert len(Reason) < 30
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", reason) for reason in Reason)


def test_an_unreadable_body_says_why() -> None:
    """Word and sentence go together."""
    error = Unreadable(Reason.EMPTY, "The body is empty.")
    assert (error.reason, error.detail, str(error)) == (
        Reason.EMPTY,
        "The body is empty.",
        "The body is empty.",
    )


def test_every_reason_and_protocol_is_documented() -> None:
    """People who meet a word in a metric or write one into a configuration find it explained."""
    text = DOCUMENT.read_text("utf-8")
    assert [word for word in (*Reason, *Protocol) if f"`{word}`" not in text] == []
