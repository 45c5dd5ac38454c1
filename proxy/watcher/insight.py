"""When a drift is explained, from what, and where: beside the ticks, in a process of its own.

A new breach of input or output drift is explained as soon as it is found, again when its alarm
fires or another column is to blame, and every hour; without a breach the last hour is compared,
every hour. The computing takes a second of CPU time, in which a thread would keep the watcher from
its ticks and its link: so a child process does it, one at a time, at the lowest priority, killed
when it takes too long. What goes wrong is counted and logged, and costs an explanation, never an
alarm. Nothing here pages.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from proxy import clock
from proxy.benchmark import Benchmark
from proxy.monitors.settings import ExplainSettings
from proxy.pipeline import Turn
from proxy.records import AlarmName, AlarmState, Finding, Insight, Model, Side, Verdict
from proxy.stats.explain.evidence import MAX_PROFILES, SideEvidence
from proxy.stats.explain.insight import Question
from proxy.stats.explain.samples import SampledRows, tamed
from proxy.stats.reference.column import ColumnProfile
from proxy.watcher.samples import Samples, Wish

log = logging.getLogger(__name__)

MODULE: Final = "proxy.watcher.insight_process"
LOOK_BACK_S: Final = 3600.0
"""Without a breach the rows of the last hour are looked at."""
BEFORE_S: Final = 86_400.0
"""Rows of so long before a change stand in for a reference that the benchmark does not keep."""
GROWN_AFTER_S: Final = 60.0
"""Another column to blame is explained so long after the last explanation at the earliest."""
MAX_ENTRY_BYTES: Final = 48 * 1024
"""Longest journal entry; histograms of less important columns are left out of longer ones."""
ONE_THREAD: Final = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
"""The child must not spread over the cores that relays need."""
WATCHED: Final[dict[AlarmName, tuple[Side, Model | None]]] = {
    AlarmName.INPUT_DRIFT: (Side.INPUT, None),
    AlarmName.OUTPUT_DRIFT: (Side.OUTPUT, Model.CANDIDATE),
}


class ExplainError(Exception):
    """The child gave no answer; the message says why."""


class Explained(Protocol):
    """A monitor whose drift can be explained."""

    name: AlarmName

    def evidence(self) -> SideEvidence | None:
        """Give what its watch knows; `None` when there is no reference."""


class Explainer:
    """Explains the drift of both sides, one question at a time."""

    def __init__(
        self,
        settings: ExplainSettings,
        monitors: Iterable[Explained],
        certified: Benchmark | None,
        samples: Samples,
    ) -> None:
        """Explain what these monitors find; nothing is started before `run`.

        Args:
            settings: how often, and within which bounds.
            monitors: those of input and output drift.
            certified: the benchmark, for the rows it keeps.
            samples: current rows.
        """
        self._settings = settings
        self._monitors = {monitor.name: monitor for monitor in monitors}
        self._sample = None if certified is None else certified.sample
        self._samples = samples
        self._wake = asyncio.Event()
        self._due: dict[AlarmName, float | None] = {}
        self._blamed: dict[AlarmName, set[str]] = {}
        self._looked_s: dict[AlarmName, float] = {}
        self.latest: dict[AlarmName, Insight] = {}
        """The last explanation of each side."""

    def look(self, turn: Turn) -> None:
        """Note what a tick gives reason to explain; never raises, never waits."""
        if not self._settings.enabled:
            return
        fired = {one.alarm for one in turn.transitions if one.to is AlarmState.FIRING}
        for finding in turn.findings:
            name = finding.monitor
            if name not in self._monitors or finding.verdict is Verdict.UNKNOWN:
                continue
            since_s = turn.at_s - self._looked_s.setdefault(name, turn.at_s)
            is_new = self._is_new(finding, since_s)
            if is_new or name in fired or since_s >= self._settings.every_s:
                self._looked_s[name] = turn.at_s
                is_breach = finding.verdict is Verdict.BREACH
                self._due[name] = finding.since_s if is_breach else None
                self._wake.set()

    def _is_new(self, finding: Finding, since_s: float) -> bool:
        """Tell whether a breach is new, or blames another column a while after the last look."""
        name = finding.monitor
        if finding.verdict is not Verdict.BREACH:
            self._blamed.pop(name, None)
            return False
        blamed = {blame.subject for blame in finding.blamed}
        known = self._blamed.get(name)
        if known is not None and (blamed <= known or since_s < GROWN_AFTER_S):
            return False
        self._blamed[name] = blamed | (known or set())
        return True

    @property
    def is_due(self) -> bool:
        """Something waits to be explained."""
        return bool(self._due)

    async def run(
        self, write: Callable[[str, object], None], count: Callable[[AlarmName, str], None]
    ) -> None:
        """Explain what is due, for ever.

        Args:
            write: puts an entry into the journal.
            count: counts what became of an explanation: `made`, `failed` or `late`.
        """
        while True:
            if not self._due:
                self._wake = asyncio.Event()
                await self._wake.wait()
            while self._due:
                name = next(iter(self._due))
                result = await self._explain(name, self._due.pop(name), write)
                count(name, result)

    async def _explain(
        self, name: AlarmName, since_s: float | None, write: Callable[[str, object], None]
    ) -> str:
        """Explain one side; give what became of it."""
        try:
            question = self._question(name, since_s)
            if question is None:
                return "failed"
            insight = await ask(question, self._settings.timeout_s)
            self.latest[name] = insight
            if since_s is not None:
                write("insight", for_journal(insight, hide=self._settings.show_values))
        except TimeoutError:
            log.warning("%s could not be explained within %g s", name, self._settings.timeout_s)
            return "late"
        except (ExplainError, OSError, msgspec.MsgspecError) as error:
            log.warning("%s could not be explained: %s", name, error)
            return "failed"
        except Exception:
            # A bug in explaining must not end the watching.
            log.exception("%s could not be explained", name)
            return "failed"
        return "made"

    def _question(self, name: AlarmName, since_s: float | None) -> Question | None:
        """Take out what is known of one side now; `None` when there is no reference."""
        evidence = self._monitors[name].evidence()
        if evidence is None:
            return None
        now_s = clock.now_s()
        side, model = WATCHED[name]
        cut_by = self._asked(evidence.profiles) if side is Side.OUTPUT else ()
        names = frozenset(profile.name for profile in evidence.profiles + cut_by)
        kept = self._sample if side is Side.INPUT else None

        def rows(first_s: float, end_s: float) -> SampledRows:
            return self._samples.between(
                Wish(
                    side=side,
                    model=model,
                    since_s=first_s,
                    until_s=end_s,
                    max_rows=self._settings.max_rows,
                    names=names,
                    with_question=bool(cut_by),
                )
            )

        began_s = now_s - LOOK_BACK_S if since_s is None else since_s
        needs_before = kept is None and since_s is not None
        return Question(
            alarm=name,
            at_s=now_s,
            since_s=since_s,
            evidence=evidence.columns,
            profiles=evidence.profiles,
            cut_by=cut_by,
            reference=None
            if kept is None
            else {one: values for one, values in kept.columns.items() if one in names},
            n_reference=0 if kept is None else kept.n,
            current=rows(began_s, now_s + 1),
            before=rows(began_s - BEFORE_S, began_s) if needs_before else SampledRows(),
            n_examples=self._settings.examples,
            show_values=self._settings.show_values,
            seed=int(now_s),
        )

    def _asked(self, own: tuple[ColumnProfile, ...]) -> tuple[ColumnProfile, ...]:
        """Give the columns of questions: drifting answers often come from a part of them."""
        monitor = self._monitors.get(AlarmName.INPUT_DRIFT)
        evidence = None if monitor is None else monitor.evidence()
        if evidence is None:
            return ()
        taken = {profile.name for profile in own}
        room = max(0, MAX_PROFILES - len(own))
        return tuple(one for one in evidence.profiles if one.name not in taken)[:room]


async def ask(question: Question, timeout_s: float) -> Insight:
    """Let a child answer a question.

    Raises:
        TimeoutError: it took longer than `timeout_s`, and was killed.
        ExplainError: it ended without an answer.
        OSError: it could not be started.
    """
    raw = _encoded(question)
    process = _start(timeout_s)
    try:
        answer = await asyncio.to_thread(_answer, process, raw, timeout_s)
    finally:
        # Whoever waited may be gone; the thread then sees the end of the child.
        process.kill()
    return msgspec.msgpack.decode(answer, type=Insight)


def _start(timeout_s: float) -> subprocess.Popen[bytes]:
    """Start the child.

    The event loop's own way forks, which copies the page tables of the watcher: 70 ms at 400 MB.
    This one shares them until the child runs its own program, and takes a tenth of that.
    """
    return subprocess.Popen(  # noqa: S603  # our own module, by our own interpreter
        [sys.executable, "-m", MODULE, str(timeout_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | ONE_THREAD,
    )


def _answer(process: subprocess.Popen[bytes], raw: bytes, timeout_s: float) -> bytes:
    """Wait for the answer, in a thread that does nothing else."""
    try:
        answer, errors = process.communicate(raw, timeout_s)
    except subprocess.TimeoutExpired as late:
        process.kill()
        process.communicate()
        raise TimeoutError from late
    if process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines()
        # The kind of the error only: its text may quote a cell.
        kind = lines[-1].partition(":")[0] if lines else "no word"
        raise ExplainError(f"the process ended with {process.returncode}: {kind}")
    return answer


def for_journal(insight: Insight, *, hide: bool, max_bytes: int = MAX_ENTRY_BYTES) -> Insight:
    """Give an insight as the journal keeps it: bounded, and without the cells of rows.

    Args:
        insight: the whole of it.
        hide: leave out the values of the examples, because they are cells as they came.
        max_bytes: what is longer loses the histograms and then the columns of least importance.
    """
    change = msgspec.structs.replace
    if hide:
        bare = tuple(change(example, values={}) for example in insight.examples)
        insight = change(insight, examples=bare)
    columns = list(insight.columns)
    for place in reversed(range(len(columns))):
        if len(msgspec.json.encode(insight)) <= max_bytes:
            break
        columns[place] = change(columns[place], histogram=())
        insight = change(insight, columns=tuple(columns))
    if len(msgspec.json.encode(insight)) > max_bytes:
        insight = change(insight, columns=insight.columns[:1], examples=(), sub_populations=())
    return insight


def _encoded(question: Question) -> bytes:
    """Give the question as bytes, odd cells (huge integers, broken text) made fit when needed."""
    try:
        return msgspec.msgpack.encode(question)
    except (OverflowError, UnicodeEncodeError):
        fit = msgspec.structs.replace(
            question,
            current=question.current.tamed(),
            before=question.before.tamed(),
            reference=None
            if question.reference is None
            else {
                name: [tamed(value) for value in values]
                for name, values in question.reference.items()
            },
        )
        return msgspec.msgpack.encode(fit)
