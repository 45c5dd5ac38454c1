"""A child is handed what is in force, in a file that nobody else can open."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec

from proxy.children import Launch
from proxy.config import Loaded, load
from proxy.supervisor.launches import relay_launcher, watcher_launch


def loaded(folder: Path) -> Loaded:
    """Load a configuration from a file."""
    path = folder / "c.yaml"
    path.write_text("models: {candidate: {url: 'http://127.0.0.1:1'}}\n", "utf-8")
    return load(path, {})


def handed(launch: Launch) -> bytes:
    """Give what a child would read from its own file, as the child does."""
    (file,) = launch.owned
    assert file in launch.descriptors
    assert str(file) in launch.arguments
    with os.fdopen(file, "rb") as opened:
        return opened.read()


def test_each_start_of_a_relay_has_a_fresh_file_with_the_same_settings(tmp_path: Path) -> None:
    """The one before was read to its end by a relay that died; the socket is the same."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        launcher = relay_launcher(loaded(tmp_path), tmp_path, 0, listening)
        first, second = launcher(), launcher()
        assert first.owned != second.owned
        assert listening.fileno() in first.descriptors
        assert listening.fileno() not in first.owned, "it outlives the relay"
        settings = handed(first)
        assert settings == handed(second)
        assert b"http://127.0.0.1:1" in settings
        assert isinstance(msgspec.json.decode(settings), dict)


def test_a_watcher_reads_the_text_in_force_whatever_the_file_says_by_now(tmp_path: Path) -> None:
    """What somebody has written meanwhile was not put into force."""
    known = loaded(tmp_path)
    known.path.write_text("half a change", "utf-8")
    assert handed(watcher_launch(known, tmp_path)) == known.text.encode()
