"""A watcher in a fleet: made from the configuration, turned before the pipeline's tick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.actuators.notify import Notifier
from proxy.config import load
from proxy.pipeline import Pipeline
from proxy.records import AlarmName, FleetState, Verdict
from proxy.telemetry.metrics import Metrics
from proxy.watcher.assembly import comparer_of, decoder_of, engine_of, monitors_of, plan_of
from proxy.watcher.membership import Membership, membership_of, next_border_s
from proxy.watcher.samples import Samples

TEXT = """
models: {candidate: {name: m, url: "http://127.0.0.1:9"}}
"""
FLEET = """
fleet: {url: "redis://127.0.0.1:1/0", name: flights, monitors: [errors], alerts: %s}
"""


def made(folder: Path, extra: str) -> tuple[Membership | None, Pipeline, Metrics]:
    """Make the parts of a watcher that matter here."""
    path = folder / "stablehand.yaml"
    path.write_text(TEXT + extra, encoding="utf-8")
    loaded = load(path, {})
    metrics = Metrics()
    notifier = Notifier(loaded.config.alerts, folder / "outbox", count=metrics.alert)
    pipeline = Pipeline(
        plan_of(loaded),
        monitors_of(loaded, engine_of(loaded), None),
        decoder_of(loaded, None),
        compare=comparer_of(loaded.config.monitors.agreement, None),
        meter=metrics,
        keeper=Samples(np.random.default_rng(1)),
    )
    return membership_of(loaded, metrics, notifier, folder), pipeline, metrics


def test_without_the_key_there_is_no_fleet(tmp_path: Path) -> None:
    """A watcher is for itself, and exports nothing about fleets."""
    member, _, metrics = made(tmp_path, "")
    assert member is None
    samples = [line for line in metrics.render()[0].splitlines() if not line.startswith(b"#")]
    assert not any(line.startswith(b"stablehand_fleet_") for line in samples)


def test_a_watcher_without_a_fleet_does_without_redis() -> None:
    """The extra is not imported where nobody asked for a fleet."""
    block = "import sys; sys.modules['redis'] = None; import proxy.watcher.process"
    subprocess.run([sys.executable, "-c", block], check=True, timeout=60)


@pytest.mark.parametrize(("alerts", "has_voice"), [("once", True), ("each", False)])
def test_a_fleet_is_made_and_turned(tmp_path: Path, alerts: str, has_voice: bool) -> None:
    """Each turn tells monitors and metrics how the fleet stands, also when nobody is reached."""
    member, pipeline, metrics = made(tmp_path, FLEET % alerts)
    assert member is not None
    assert (member.voice is not None) is has_voice
    assert member.lag_s == 20.0
    for tick in range(9):
        member.turn(pipeline, 10.0 * tick, 1000.0)
        turn = pipeline.tick(10.0 * tick)
        member.turned()
    watching = next(one for one in turn.findings if one.monitor is AlarmName.WATCHING)
    assert watching.verdict is Verdict.UNKNOWN
    state = pipeline.detail(AlarmName.WATCHING)["fleet"]
    assert isinstance(state, FleetState)
    assert (state.name, state.up, state.replicas) == ("flights", False, 1)
    exported = metrics.render()[0].decode()
    assert "stablehand_fleet_up 0.0" in exported
    assert 'stablehand_fleet_ticks_total{source="own"} 7.0' in exported


@given(st.floats(0, 1e6), st.floats(1.7e9, 1.8e9), st.sampled_from([0.5, 1.0, 10.0, 60.0]))
def test_ticks_end_at_the_borders_of_utc(now_s: float, offset_s: float, tick_s: float) -> None:
    """The next border is a multiple of the tick, half a tick to one and a half away."""
    due_s = next_border_s(now_s, offset_s, tick_s)
    wait_s = due_s - now_s
    assert tick_s / 2 - 1e-3 <= wait_s <= 1.5 * tick_s + 1e-3
    ticks = (due_s + offset_s) / tick_s
    assert abs(ticks - round(ticks)) * tick_s < 1e-3
