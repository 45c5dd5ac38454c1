"""Reasons are labels."""

from __future__ import annotations

import re

from proxy.payload.reasons import Reason, Unreadable


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
