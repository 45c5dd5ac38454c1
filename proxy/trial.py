"""Try whether what a configuration names can be used, without loading it here.

The benchmark holds statistics, which need numpy; supervisor and command line do without. So a
process of its own reads it, and says in one line what is wrong.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from proxy.config import ConfigError, Loaded, load
from proxy.document import Problem
from proxy.relay import tls
from proxy.relay.settings import Models

PATIENCE_S: Final = 60.0
"""Imports on a cold, throttled node take many seconds."""


def load_sound(path: Path) -> Loaded:
    """Read the configuration at `path`, and try the hosts and TLS files that it names.

    Raises:
        ConfigError: everything that is wrong with it, or with those.
    """
    loaded = load(path)
    found = list(_no_hosts(loaded))
    found += [
        Problem(str(path), 0, "", one)
        for one in tls.troubles(loaded.config.listen, loaded.config.models)
    ]
    if found:
        raise ConfigError(found)
    return loaded


def _no_hosts(loaded: Loaded) -> Iterator[Problem]:
    """Give each model whose host no resolver would take, such as `model..svc`: a slip."""
    models = loaded.config.models
    for name, upstream in (("candidate", models.candidate), ("stable", models.stable)):
        host = "" if upstream is None else upstream.address[0]
        try:
            host.encode("idna")
        except UnicodeError:
            message = f"{host!r} is no host name"
            yield loaded.document.problem(("models", name, "url"), message)


class _Named(msgspec.Struct):
    models: dict[str, str] = {}


def certified_names(loaded: Loaded) -> dict[str, str]:
    """Give the names of the certified models by role; empty where they cannot be read."""
    path = loaded.benchmark_path
    try:
        return {} if path is None else msgspec.json.decode(path.read_bytes(), type=_Named).models
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return {}  # `benchmark_trouble` says what is wrong with it


def strangers(certified: Mapping[str, str], models: Models) -> list[str]:
    """Say which models are called otherwise than those that were certified."""
    configured = {"candidate": models.candidate.name}
    if models.stable is not None:
        configured["stable"] = models.stable.name
    return [
        f"The benchmark was certified with {certified[role]!r} as the {role} model, which is "
        f"{name!r} here: if this is another model, certify again."
        for role, name in configured.items()
        if certified.get(role, name) != name
    ]


def benchmark_trouble(loaded: Loaded) -> str:
    """Give why the benchmark cannot be used; empty when it can, or when there is none."""
    if loaded.benchmark_path is None:
        return ""
    try:
        tried = subprocess.run(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "proxy.watcher", str(loaded.path), "--check"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return f"{loaded.benchmark_path}: it could not be read within {PATIENCE_S:g} s"
    if tried.returncode == 0:
        return ""
    told = tried.stderr.strip().splitlines()
    # Nothing is told by a process that was killed, for want of memory above all.
    ended = f"reading it ended with {tried.returncode}"
    return told[-1] if told else f"{loaded.benchmark_path}: {ended}"
