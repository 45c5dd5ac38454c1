"""The child that computes an explanation: answers, gives way, ends by itself."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from proxy.records import AlarmName, Insight
from proxy.stats.explain.insight import Question
from proxy.stats.explain.samples import SampledRows

EMPTY = Question(
    alarm=AlarmName.INPUT_DRIFT,
    at_s=1.0,
    since_s=None,
    evidence=(),
    profiles=(),
    cut_by=(),
    reference=None,
    n_reference=0,
    current=SampledRows(),
    before=SampledRows(),
    n_examples=0,
    show_values=False,
    seed=0,
)


def asked(raw: bytes, program: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run the child, or a program around it, with bytes on its standard input."""
    command = ["-c", program] if program else ["-m", "proxy.watcher.insight_process", "30"]
    return subprocess.run([sys.executable, *command], input=raw, capture_output=True, check=False)


def test_a_question_is_answered_on_the_standard_output() -> None:
    """Also one without anything to explain: it says why."""
    ended = asked(msgspec.msgpack.encode(EMPTY))
    assert ended.returncode == 0, ended.stderr.decode()
    assert "no row was kept" in msgspec.msgpack.decode(ended.stdout, type=Insight).reason.lower()


@pytest.mark.parametrize("raw", [b"", b"no question", b"\x80"])
def test_what_is_no_question_ends_it_with_an_error(raw: bytes) -> None:
    """Nothing is answered that somebody could believe."""
    ended = asked(raw)
    assert ended.returncode != 0
    assert ended.stdout == b""


def test_it_takes_what_nobody_else_wants() -> None:
    """Lowest priority, first to go without memory, bounded CPU time."""
    program = (
        "import os, resource\n"
        "from proxy.watcher.insight_process import give_way\n"
        "give_way(7.0)\n"
        "print(os.nice(0), open('/proc/self/oom_score_adj').read().strip(),\n"
        "      resource.getrlimit(resource.RLIMIT_CPU)[0])"
    )
    ended = asked(b"", program)
    assert ended.stdout.split() == [b"19", b"1000", b"7"], ended.stderr.decode()


def test_it_loads_no_more_than_it_needs() -> None:
    """Every library costs start-up time and memory beside the relays."""
    program = (
        "import sys, proxy.watcher.insight_process\n"
        "print([name for name in ('aiohttp', 'pydantic', 'yaml', 'prometheus_client', 'asyncio')\n"
        "       if name in sys.modules])"
    )
    assert asked(b"", program).stdout.strip() == b"[]"
