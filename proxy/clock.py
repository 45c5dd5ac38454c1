"""The clocks. No other file reads the time: the core is handed `now_s`."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_s() -> float:
    """Give seconds on the monotonic clock, the same in every process of this host."""
    return time.monotonic()


def utc() -> datetime:
    """Give wall time, for the journal and for people; nothing is decided by it."""
    return datetime.now(UTC)


def utc_text() -> str:
    """Give wall time as RFC 3339 text with milliseconds."""
    return utc().isoformat(timespec="milliseconds").replace("+00:00", "Z")
