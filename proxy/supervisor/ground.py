"""What is bound once at the start, and stays while a configuration is read again."""

from __future__ import annotations

from proxy.config import ConfigError, Loaded


def check_same_ground(old: Loaded, fresh: Loaded) -> None:
    """Refuse a change of what is bound once at the start.

    Raises:
        ConfigError: a key was changed that needs a restart.
    """
    pairs = {
        ("listen", "host"): (old.config.listen.host, fresh.config.listen.host),
        ("listen", "port"): (old.config.listen.port, fresh.config.listen.port),
        ("listen", "workers"): (old.config.listen.workers, fresh.config.listen.workers),
        ("admin",): (old.config.admin, fresh.config.admin),
        ("state", "dir"): (old.state_dir, fresh.state_dir),
    }
    problems = [
        fresh.document.problem(path, "cannot be changed while running; restart stablehand for it")
        for path, (was, now) in pairs.items()
        if was != now
    ]
    if problems:
        raise ConfigError(problems)
