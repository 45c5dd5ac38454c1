"""The routing on disk: whole, newest, and never in the way."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.actuators.route import RouteCell
from proxy.records import Model, Routing

ROUTING = Routing(serving=Model.STABLE, shadow=Model.CANDIDATE, mirror_fraction=0.05, epoch=3)


def test_a_routing_is_read_back_by_the_next_life(tmp_path: Path) -> None:
    """What is set is what a relay that starts later reads, as plain MessagePack."""
    path = tmp_path / "state" / "routing"
    assert RouteCell(path).set(ROUTING)
    assert RouteCell(path).load() == ROUTING
    assert msgspec.msgpack.decode(path.read_bytes(), type=Routing) == ROUTING


def test_no_file_is_no_routing_and_no_error(tmp_path: Path) -> None:
    """A first start is normal."""
    cell = RouteCell(tmp_path / "routing")
    assert cell.load() is None
    assert cell.error == ""


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"not a routing at all"])
def test_a_damaged_file_is_no_routing_but_an_error(tmp_path: Path, raw: bytes) -> None:
    """Damage is said, and the default is left to the caller."""
    path = tmp_path / "routing"
    path.write_bytes(raw)
    cell = RouteCell(path)
    assert cell.load() is None
    assert cell.error != ""


def test_an_older_routing_is_refused(tmp_path: Path) -> None:
    """The epoch fences: going back would split what relays and watcher believe."""
    cell = RouteCell(tmp_path / "routing")
    cell.set(ROUTING)
    with pytest.raises(ValueError, match="epoch 2 is older than 3"):
        cell.set(msgspec.structs.replace(ROUTING, epoch=2))


def test_a_disk_that_refuses_is_said_and_does_not_raise(tmp_path: Path) -> None:
    """With a file where the folder should be, the routing lives on in memory."""
    (tmp_path / "state").write_text("in the way")
    cell = RouteCell(tmp_path / "state" / "routing")
    assert not cell.set(ROUTING)
    assert cell.error != ""
