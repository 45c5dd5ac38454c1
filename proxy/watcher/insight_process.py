"""The child that computes one explanation: a question on standard input, an insight on the output.

It is made to lose: the lowest priority, the first to go when memory is short, and an end of its own
when its time is over, even if nobody is left to kill it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from pathlib import Path

import msgspec

from proxy.stats.explain.insight import Question, explain

LOWEST = 19


def main(arguments: list[str], raw: bytes) -> bytes:
    """Give the answer to a question.

    Args:
        arguments: CPU seconds after which the system ends this process.
        raw: the question.
    """
    give_way(float(arguments[0]))
    question = msgspec.msgpack.decode(raw, type=Question)
    return msgspec.msgpack.encode(explain(question))


def give_way(limit_s: float) -> None:
    """Take what nobody else wants, for `limit_s` seconds of CPU time at most."""
    os.nice(LOWEST)
    with contextlib.suppress(OSError):
        # Where memory runs out, this process is the one that can be missed.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    seconds = max(1, round(limit_s))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


if __name__ == "__main__":
    sys.stdout.buffer.write(main(sys.argv[1:], sys.stdin.buffer.read()))
