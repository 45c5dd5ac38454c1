"""Labels as metrics."""

from __future__ import annotations

from proxy.records import Fate, LabelNews
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.truths import LabelFigures


def test_counters_begin_at_zero_and_what_is_unknown_is_absent() -> None:
    """The first label must be seen as a rise; no coverage is not a coverage of 0."""
    told = Metrics().render()[0].decode()
    assert 'stablehand_labels_total{result="joined"} 0.0' in told
    assert 'result="waiting"' not in told
    assert "stablehand_label_delay_seconds_count 0.0" in told
    assert not any(line.startswith("stablehand_label_coverage") for line in told.splitlines())


def test_news_add_up_and_figures_are_replaced() -> None:
    """Counts and delays grow; gauges show how things stand now."""
    figures = LabelFigures()
    figure = ("candidate", "accuracy", "labelled", 0.9)
    for n, coverage in ((1, None), (2, 0.5)):
        news = LabelNews(
            fates={Fate.JOINED: n}, delays_s=(30.0,) * n, figures=(figure,), coverage=coverage
        )
        figures.take(news)
    series = {name: dict(one) for name, one in figures.series().items()}
    assert series["stablehand_labels_total"][(Fate.JOINED,)] == 3
    assert series["stablehand_label_delay_seconds"][()].n == 3
    assert series["stablehand_label_coverage_ratio"] == {(): 0.5}
    assert series["stablehand_label_quality"] == {("candidate", "accuracy", "labelled"): 0.9}
    figures.take(LabelNews())
    assert not dict(figures.series()["stablehand_label_quality"])
