"""A notice as the pipeline composes it, for every test of the hands."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from proxy.actuators.notice import Notice


def _notice(**changes: object) -> Notice:
    """Make a notice about a candidate that disagrees."""
    base = Notice(
        id="a1/alert/disagreement#1/0",
        kind="firing",
        severity="critical",
        incident="a1/disagreement#1",
        cause="model",
        alarm="disagreement",
        alarms=("disagreement", "output_drift"),
        title="Model: the candidate alone goes wrong (disagreement and output_drift)",
        what="disagreement: the outputs differ; effect of distance 0.31 share.",
        since_utc="2026-11-23T00:00:00.000Z",
        at_utc="2026-11-23T00:05:00.000Z",
        effect=0.31,
        interval=(0.27, 0.35),
        unit="share",
        evidence=20.0,
        threshold=17.0,
        n_reference=5000,
        n_current=420,
        false_alarms="at most one false detection in 365 days per watched quality",
        blamed=("the outputs differ in 31 %",),
        done="Nothing was changed.",
        next="A downgrade is due in 5 min if it lasts.",
        undo="",
        candidate="flights-2",
        stable="flights-1",
        source="pod-7",
        links={"status": "http://pod-7:8101/"},
    )
    return msgspec.structs.replace(base, **changes)


@pytest.fixture(scope="session")
def make_notice() -> Callable[..., Notice]:
    """Give the maker of notices."""
    return _notice
