"""A whole watcher in a folder of its own, put together as its process does it, but not running."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from proxy.config import load
from proxy.logs import QueueWriter
from proxy.records import Health, Model
from proxy.watcher.process import Watcher

TEXT = """\
models:
  candidate: {name: churn-2, url: 'http://127.0.0.1:1'}
  stable: {name: churn-1, url: 'http://127.0.0.1:2'}
monitors: {tick_s: 1}
alarms: {stated_hold_s: 2, bad_ticks: 2, of_ticks: 3}
policy:
  settle_s: 1
  ladders: {stable_unready: [alert, 'escalate:duty']}
capacity:
  steps:
    - name: more
      url: http://127.0.0.1:3/more
      allow_http: true
      allow_private: true
      max_tries: 1
alerts:
  receivers:
    - {name: duty, url: 'http://127.0.0.1:4/duty', allow_http: true, allow_private: true}
"""

MakeWatcher = Callable[..., Watcher]


@pytest.fixture
def make_watcher(tmp_path: Path) -> Iterator[MakeWatcher]:
    """Give the maker of watchers; made twice over one folder, the second follows the first."""
    with ExitStack() as stack:

        def make(text: str = TEXT, pulse_fd: int | None = None) -> Watcher:
            path = tmp_path / "c.yaml"
            path.write_text(text, "utf-8")
            sink = os.open(os.devnull, os.O_WRONLY)
            stack.callback(os.close, sink)
            writer = QueueWriter(sink, max_lines=16)
            stack.callback(writer.close)
            watcher = Watcher(load(path, {}), tmp_path, pulse_fd, writer)
            stack.callback(watcher._journal.close)
            return watcher

        yield make


def tick_unready(watcher: Watcher, ticks: range) -> None:
    """Let seconds pass in which the stable model is not ready."""
    for at_s in ticks:
        now_s = float(at_s)
        for model, ready in ((Model.CANDIDATE, True), (Model.STABLE, False)):
            reason = "" if ready else "refused"
            watcher._pipeline.observe(Health(model=model, at_s=now_s, ready=ready, reason=reason))
        watcher._hands.carry_out(watcher._pipeline.tick(now_s))


@pytest.fixture
def pass_unready() -> Callable[[Watcher, range], None]:
    """Give the passing of seconds in which the stable model is not ready."""
    return tick_unready


@pytest.fixture
def text() -> str:
    """Give the configuration that watchers are made of."""
    return TEXT
