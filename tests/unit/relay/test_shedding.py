"""What goes overboard, and when it comes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from proxy.relay.shedding import Shedding

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
