"""The drift list: what monitors say in detail, ranked and drawn with few bars."""

from __future__ import annotations

import pytest

from proxy.records import Side
from proxy.telemetry.desk import JsonObject
from proxy.telemetry.streams import MAX_BARS, agreement_view, stream_views


def stream(name: str, evidence: float, n_bins: int = 67) -> JsonObject:
    """Give one stream as `detail()` gives it."""
    return {
        "stream": name,
        "effect": 0.5,
        "interval": (0.4, 0.6),
        "unit": "sd",
        "evidence": evidence,
        "n": 100,
        "summary": f"{name} moved",
        "design_effect": 1.0,
        "histogram": {
            "bins": [f"b{number}" for number in range(n_bins)],
            "reference": [1 / n_bins] * n_bins,
            "current": [1 / n_bins] * n_bins,
        },
    }


def test_the_most_suspect_stream_comes_first() -> None:
    """Streams are ranked by evidence, which is given relative to the threshold."""
    detail: JsonObject = {"threshold": 10.0, "streams": [stream("a", 2.0), stream("b", 5.0)]}
    views = stream_views(Side.INPUT, detail)
    assert [(view.subject, view.strength) for view in views] == [("b", 0.5), ("a", 0.2)]
    assert views[0].interval == (0.4, 0.6)
    assert views[0].side is Side.INPUT


@pytest.mark.parametrize("n_bins", [1, 2, 24, 25, 67])
def test_bars_are_few_and_keep_all_of_the_mass(n_bins: int) -> None:
    """Neighbouring bins are added up; shares still add to one, labels span their bins."""
    (view,) = stream_views(Side.INPUT, {"streams": [stream("a", 1.0, n_bins)]})
    assert len(view.current) == len(view.reference) == len(view.labels) <= MAX_BARS
    assert sum(view.current) == pytest.approx(1.0, abs=0.001)
    assert view.labels[0].startswith("b0")


def test_the_list_is_bounded() -> None:
    """A thousand columns do not make a page of a thousand rows."""
    detail: JsonObject = {"streams": [stream(f"x{number}", 1.0, 2) for number in range(99)]}
    assert len(stream_views(Side.INPUT, detail, limit=10)) == 10


def test_of_two_models_the_candidate_is_shown() -> None:
    """Output drift is told by model; the list is about the one under watch."""
    detail: JsonObject = {
        "stable": {"streams": [stream("s", 1.0)]},
        "candidate": {"streams": [stream("c", 1.0)]},
    }
    assert [view.subject for view in stream_views(Side.OUTPUT, detail)] == ["c"]


@pytest.mark.parametrize("detail", [{}, {"reason": "no benchmark"}, {"streams": 7}])
def test_a_detail_without_streams_gives_an_empty_list(detail: JsonObject) -> None:
    """A monitor that is switched off, or of another version, breaks nothing."""
    assert stream_views(Side.INPUT, detail) == ()


@pytest.mark.parametrize(
    ("certified", "words"),
    [(0.2, "as certified"), (0.05, "more than certified"), (0.5, "less than certified")],
)
def test_agreement_is_told_against_the_certificate(certified: float, words: str) -> None:
    """The share with its interval, and where the certified share lies to it."""
    view = agreement_view(
        {
            "streams": [],
            "disagreement": 0.2,
            "disagreement_interval": (0.1, 0.3),
            "n_compared": 80,
            "certified_disagreement": certified,
        }
    )
    assert (view.estimate, view.interval, view.n_pairs) == (0.2, (0.1, 0.3), 80)
    assert words in view.words


def test_agreement_that_was_not_measured_has_no_figure() -> None:
    """No pairs is not perfect agreement; the reason is given."""
    assert agreement_view({"reason": "no certified agreement"}).words == (
        "Not measured: no certified agreement."
    )
    none = agreement_view({"disagreement": 0.0, "n_compared": 0})
    assert none.estimate is None
    assert "Not measured" in none.words
