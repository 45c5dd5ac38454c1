"""The clocks. No other file reads the time: the core is handed `now_s`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path


def now_s() -> float:
    """Give seconds on the monotonic clock, the same in every process of this host."""
    return time.monotonic()


def utc() -> datetime:
    """Give wall time, for the journal and for people; nothing is decided by it."""
    return datetime.now(UTC)


def utc_offset_s() -> float:
    """Give the seconds since 1970 in UTC at which the monotonic clock stood at 0.

    It changes when wall time is set anew.
    """
    return utc().timestamp() - now_s()


def utc_text() -> str:
    """Give wall time as RFC 3339 text with milliseconds."""
    return _text(utc())


def utc_text_of(at_s: float) -> str:
    """Give the wall time of the monotonic time `at_s`, as the clocks stand to each other now."""
    return _text(utc() - timedelta(seconds=now_s() - at_s))


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def boot_id() -> str:
    """Give a word that changes when the host boots and the monotonic clock begins anew.

    Empty where the system does not tell: every life then counts as one after a boot.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
