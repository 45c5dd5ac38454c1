"""What is bound once at the start cannot be changed by reading the configuration again."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config import ConfigError, load
from proxy.supervisor.ground import check_same_ground


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("listen: {host: 127.0.0.2, port: 1, workers: 1}", "listen.host"),
        ("listen: {host: 127.0.0.1, port: 2, workers: 1}", "listen.port"),
        ("listen: {host: 127.0.0.1, port: 1, workers: 2}", "listen.workers"),
        ("admin: {port: 3}", "admin"),
        ("state: {dir: other}", "state.dir"),
    ],
)
def test_what_is_bound_once_cannot_be_changed_by_a_reload(
    tmp_path: Path, change: str, key: str
) -> None:
    """The message stands at the key's line and says that a restart is needed."""
    path = tmp_path / "c.yaml"
    text = "models: {candidate: {url: 'http://h'}}\n"
    same = "listen: {host: 127.0.0.1, port: 1, workers: 1}"
    path.write_text(f"{text}{same}\n", "utf-8")
    old = load(path, {})
    others = "" if "listen" in change else f"{same}\n"
    path.write_text(f"{text}{others}{change}\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        check_same_ground(old, load(path, {}))
    (problem,) = caught.value.problems
    line = 2 if "listen" in change else 3
    assert str(problem).startswith(f"{path}:{line}: {key}: cannot be changed while running")


def test_everything_else_may_be_changed_by_a_reload(tmp_path: Path) -> None:
    """Models, limits and times are put into force without a restart."""
    path = tmp_path / "c.yaml"
    path.write_text("models: {candidate: {url: 'http://h'}}\n", "utf-8")
    old = load(path, {})
    path.write_text(
        "models: {candidate: {url: 'http://other'}}\nlisten: {max_in_flight: 9}\n", "utf-8"
    )
    check_same_ground(old, load(path, {}))
