"""The protocols: what is handed over has the promised shape."""

from __future__ import annotations

import msgspec
import pytest

from proxy.telemetry.desk import Desk, DeskError, Status, Vitals


def test_the_desk_and_vitals_of_these_tests_are_complete(desk: Desk, vitals: Vitals) -> None:
    """The fakes answer every question the protocols allow, with values of the right kind."""
    status = msgspec.json.decode(msgspec.json.encode(desk.status()), type=Status)
    assert status == desk.status()
    assert vitals.alive() == (True, [])
    assert set(vitals.processes()) == {"relay-0", "watcher"}


def test_an_error_for_people_keeps_its_four_parts() -> None:
    """Status, word, message and hint travel with the exception."""
    with pytest.raises(DeskError, match="cannot") as caught:
        raise DeskError(409, "no_way_back", "It cannot be done.", "Do this.")
    assert (caught.value.status, caught.value.code, caught.value.hint) == (
        409,
        "no_way_back",
        "Do this.",
    )
