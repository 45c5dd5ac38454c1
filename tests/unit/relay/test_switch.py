"""The cell with the routing, and the file it is read from."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.records import Model, Routing
from proxy.relay.pool import Pool
from proxy.relay.settings import Upstream
from proxy.relay.sweep import Sweep
from proxy.relay.switch import Switch, read_routing


def pools(*models: Model) -> dict[Model, Pool]:
    """Give a pool for each model."""
    return {model: Pool(Upstream(url="http://127.0.0.1:1"), Sweep(), 65_536) for model in models}


def switch(at: Routing | None = None) -> Switch:
    """Give a switch between two models."""
    return Switch(pools(*Model), pools(*Model), at or Routing())


def test_a_newer_routing_is_taken_and_an_older_one_is_not() -> None:
    """Epochs only grow, in whatever order the link delivers."""
    cell = switch()
    assert cell.set(Routing(serving=Model.STABLE, epoch=5))
    assert not cell.set(Routing(serving=Model.CANDIDATE, epoch=4))
    assert cell.model is Model.STABLE
    assert cell.pool is cell._serving[Model.STABLE]
    assert cell.set(Routing(serving=Model.CANDIDATE, epoch=6))
    assert cell.pool is cell._serving[Model.CANDIDATE]


def test_a_model_that_does_not_exist_is_not_routed_to(caplog: pytest.LogCaptureFixture) -> None:
    """Without a stable model the candidate serves, whatever the routing says."""
    alone = Switch(pools(Model.CANDIDATE), pools(Model.CANDIDATE), Routing(serving=Model.STABLE))
    assert alone.model is Model.CANDIDATE
    assert alone.alternative(Model.CANDIDATE) is None
    assert alone.shadow(Model.STABLE) is None
    assert "not configured" in caplog.text


def test_only_stable_takes_over_what_was_refused() -> None:
    """Nobody takes over for stable: the candidate may be what traffic was led away from."""
    cell = switch()
    assert cell.alternative(Model.CANDIDATE) == (Model.STABLE, cell._serving[Model.STABLE])
    assert cell.alternative(Model.STABLE) is None


def test_running_exchanges_are_told_by_model_and_position() -> None:
    """The names are those of the pulse."""
    cell = switch()
    cell.pool.n_running = 3
    assert cell.in_flight() == {
        "candidate/serving": 3,
        "stable/serving": 0,
        "candidate/shadow": 0,
        "stable/shadow": 0,
    }


def test_a_routing_file_may_be_missing_or_damaged(tmp_path: Path) -> None:
    """Only a good file is believed."""
    default, kept = Routing(epoch=1), Routing(serving=Model.STABLE, epoch=9)
    path = tmp_path / "routing"
    assert read_routing("", default) == default
    assert read_routing(str(path), default) == default
    path.write_bytes(msgspec.msgpack.encode(kept))
    assert read_routing(str(path), default) == kept
    for damage in (b"", b"\xc1", msgspec.msgpack.encode([1]), path.read_bytes()[:-3]):
        path.write_bytes(damage)
        assert read_routing(str(path), default) == default
