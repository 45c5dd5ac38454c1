"""Orders to a running sidecar, through the real command."""

from __future__ import annotations

from collections.abc import Callable

Refused = Callable[..., str]


def test_routing_without_a_sidecar_is_one_line(nobody: str, refused: Refused) -> None:
    """Exit 1 with the address and what to do."""
    line = refused("route", "stable", "--admin", nobody, code=1)
    assert line.startswith(f"{nobody} does not answer (")
