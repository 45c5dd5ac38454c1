"""What goes overboard, and when it comes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from proxy.relay.capture import Sampler
from proxy.relay.settings import Capture
from proxy.relay.shedding import Relief, Shedding

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Rig


def use(cgroup: Path, used: int, cache: int = 0) -> None:
    """Write down what the kernel would say."""
    (cgroup / "memory.current").write_text(f"{used + cache}\n")
    (cgroup / "memory.stat").write_text(f"anon {used}\ninactive_file {cache}\n")


def test_samples_go_first_and_connections_last(
    rig: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At 80 % watching stops, at 95 % new clients get 503; a little below, each comes back."""
    (tmp_path / "memory.max").write_text("1000\n")
    shedding = Shedding(rig.plane, tmp_path)
    steps = [
        (790, True, True),
        (800, False, True),
        (949, False, True),
        (950, False, False),
        (920, False, False),
        (899, False, True),
        (760, False, True),
        (749, True, True),
    ]
    for n, (used, watches, accepts) in enumerate(steps):
        use(tmp_path, used, cache=5000)
        shedding.tick(10.0 * n)
        assert (rig.plane.sampler.either > 0) == watches, used
        _, paper = rig.connect()
        assert paper.written.startswith(b"HTTP/1.1 503 ") == (not accepts), used
    assert len(caplog.records) == 4


def test_it_looks_once_a_second(rig: Rig, tmp_path: Path) -> None:
    """Between two looks nothing is read."""
    (tmp_path / "memory.max").write_text("1000\n")
    shedding = Shedding(rig.plane, tmp_path)
    use(tmp_path, 100)
    shedding.tick(10.0)
    use(tmp_path, 990)
    shedding.tick(10.9)
    assert rig.plane.sampler.either > 0
    shedding.tick(11.0)
    assert rig.plane.sampler.either == 0


@pytest.mark.parametrize("limit", ["max", "", None])
def test_without_a_limit_nothing_is_shed(rig: Rig, tmp_path: Path, limit: str | None) -> None:
    """No cgroup, or one without a limit: there is nothing to run short of."""
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
    use(tmp_path, 1 << 40)
    Shedding(rig.plane, tmp_path).tick(10.0)
    assert rig.plane.sampler.either > 0
    assert rig.plane.max_clients > 0


class SlowWatcher:
    """An outbox that is emptied at a fixed rate."""

    def __init__(self, takes_per_s: float, room: float) -> None:
        """Take so many samples a second; hold `room` of them at most."""
        self.takes_per_s = takes_per_s
        self.room = room
        self.holds = 0.0
        self.lost = 0.0

    @property
    def fullness(self) -> float:
        """How full it is."""
        return self.holds / self.room

    def pass_time(self, seconds: float, samples: float) -> None:
        """Take `samples` in, and give to the watcher what it takes."""
        self.holds = max(0.0, self.holds + samples - self.takes_per_s * seconds)
        self.lost += max(0.0, self.holds - self.room)
        self.holds = min(self.holds, self.room)


def test_a_slow_watcher_is_given_fewer_samples_and_the_link_never_fills() -> None:
    """2,000 samples a second for a watcher that takes 700: after the first second none is lost."""
    sampler, outbox = Sampler(Capture(max_rows_per_s=2000)), SlowWatcher(700, room=2000)
    relief = Relief(sampler, outbox)
    rate, step_s, kept, lost_at_first = 5000, 0.25, 0.0, 0.0
    for n in range(400):
        samples = sampler.keep * rate * step_s
        outbox.pass_time(step_s, samples)
        kept += samples
        sampler.n_seen = int(rate * step_s)
        relief.tick(n * step_s)
        sampler.tick(n * step_s)
        if n == 4:
            lost_at_first = outbox.lost
    assert outbox.lost == lost_at_first
    assert 500 < kept / (400 * step_s) < 720


def test_samples_come_back_when_the_watcher_does() -> None:
    """An outbox that stays empty gives the settings' rate again, and no more than it."""
    sampler, outbox = Sampler(Capture(max_rows_per_s=200)), SlowWatcher(0, room=100)
    relief = Relief(sampler, outbox)
    outbox.holds = 100
    for _ in range(20):
        relief.tick(0.0)
    outbox.holds = 0
    for n in range(60):
        sampler.n_seen = 250
        relief.tick(0.25 * n)
        sampler.tick(0.25 * n)
    assert sampler.keep == pytest.approx(0.2)
