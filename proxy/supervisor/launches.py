"""How relays and the watcher are started: their commands, and the files that only they can read.

Settings hold secrets, and what stands in the configuration's file by now may not have been put into
force: so each child is handed a file without a name.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from proxy.children import Launch
from proxy.config import LINK_SOCKET, ROUTING_FILE, Loaded


def relay_launcher(
    loaded: Loaded, run_dir: Path, worker: int, listening: socket.socket
) -> Callable[[], Launch]:
    """Give the way to start one relay, with the settings as they are now, on its own socket."""
    settings = loaded.relay_settings(worker, run_dir / LINK_SOCKET, loaded.state_dir / ROUTING_FILE)
    raw = msgspec.json.encode(settings)

    def launch() -> Launch:
        file = _nameless(raw)
        return Launch(
            arguments=(
                *(sys.executable, "-m", "proxy.relay"),
                *("--settings-fd", str(file)),
                *("--listen-fd", str(listening.fileno())),
                *("--pulse-fd", "{pulse}"),
            ),
            descriptors=(file, listening.fileno()),
            owned=(file,),
        )

    return launch


def watcher_launch(loaded: Loaded, run_dir: Path) -> Launch:
    """Give the start of a watcher, by the text that is in force."""
    file = _nameless(loaded.text.encode())
    return Launch(
        arguments=(
            *(sys.executable, "-m", "proxy.watcher", str(loaded.path)),
            *("--text-fd", str(file)),
            *("--run-dir", str(run_dir)),
            *("--pulse-fd", "{pulse}"),
        ),
        descriptors=(file,),
        owned=(file,),
    )


def _nameless(content: bytes) -> int:
    """Give a descriptor of a file without a name: what is in it is for one child only."""
    file = os.memfd_create("stablehand")
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file
