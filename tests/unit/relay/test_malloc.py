"""Free memory is given back when nothing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.relay import malloc

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Rig


def test_it_trims_after_work_and_never_during_it(rig: Rig) -> None:
    """Not before there was work, not while it runs, once after it, at most every five seconds."""
    trimmer = malloc.Trimmer(rig.plane)
    trimmer.tick(10.0)
    assert trimmer.n_trims == 0
    for at_s, n_running, expected in (
        (10.25, 3, 0),
        (20.0, 3, 0),
        (20.25, 0, 1),
        (20.5, 0, 1),
        (21.0, 1, 1),
        (21.25, 0, 1),
        (25.25, 0, 2),
        (99.0, 0, 2),
    ):
        rig.plane.n_in_flight = n_running
        trimmer.tick(at_s)
        assert trimmer.n_trims == expected, at_s


def test_tuning_is_harmless_anywhere() -> None:
    """It sets thresholds where they exist, and does nothing elsewhere."""
    malloc.tune()
    assert len(bytes(1 << 20)) == 1 << 20
