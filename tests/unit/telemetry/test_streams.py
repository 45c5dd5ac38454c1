"""The drift list: what monitors say in detail, ranked and drawn with few bars."""

from __future__ import annotations

import pytest

from proxy.records import Side
from proxy.telemetry.desk import JsonObject
from proxy.telemetry.streams import MAX_BARS, stream_views


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
