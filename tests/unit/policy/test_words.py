"""How figures are said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.policy.words import ago, effect, false_alarms, listed, soon, span
from proxy.records import AlarmName, Finding


@pytest.mark.parametrize(
    ("seconds", "when", "since"),
    [(0.4, "now", "just now"), (1.0, "in 1 s", "1 s ago"), (90.0, "in 1.5 min", "1.5 min ago")],
)
def test_what_is_due_or_past_within_a_second_is_now(seconds: float, when: str, since: str) -> None:
    """Nobody counts zero seconds."""
    assert (soon(seconds), ago(seconds)) == (when, since)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1.0, "0 s"),
        (0.4, "0 s"),
        (59.0, "59 s"),
        (60.0, "1 min"),
        (90.0, "1.5 min"),
        (3600.0, "1 h"),
        (86_400.0, "1 d"),
        (200_000.0, "2.31 d"),
    ],
)
def test_a_span_is_said_in_the_largest_unit_that_fits(seconds: float, words: str) -> None:
    """Three figures are enough for people."""
    assert span(seconds) == words


@pytest.mark.parametrize(("days", "said"), [(1, "1 day"), (365, "365 days"), (0.5, "0.5 days")])
def test_the_budget_is_said_in_days(days: float, said: str) -> None:
    """It is the mean time to a false detection of one watched quality."""
    words = f"at most one false detection in {said} per watched quality"
    assert false_alarms(86_400.0 * days) == words


def test_an_effect_is_never_said_without_interval_and_sample(
    make_finding: Callable[..., Finding],
) -> None:
    """Unless there is none to say."""
    name = AlarmName.LATENCY
    full = "31 % (between 27 and 35), from 420 now against 5,000 certified"
    assert effect(make_finding(name)) == full
    assert effect(make_finding(name, interval=None, n_reference=0)) == "31 %, from 420"
    assert effect(make_finding(AlarmName.STABLE_UNREADY)) == ""


def test_an_effect_is_said_with_the_sample_it_was_measured_on(
    make_finding: Callable[..., Finding],
) -> None:
    """The monitor saw more rows than the stream that carries the effect had since the onset."""
    assert "from 420 now" in effect(make_finding(AlarmName.INPUT_DRIFT, n_current=9_000))


@pytest.mark.parametrize(
    ("words", "said"),
    [((), ""), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")],
)
def test_words_are_joined_as_people_do(words: tuple[str, ...], said: str) -> None:
    """Commas, and an `and` before the last."""
    assert listed(words) == said
