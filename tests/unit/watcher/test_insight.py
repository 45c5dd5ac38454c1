"""When a drift is explained, from which rows, and what is kept of it; real children do the work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest

import made
from proxy import clock
from proxy.benchmark import Benchmark, ReferenceSample
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.output_drift import OutputDrift
from proxy.monitors.settings import DriftSettings, ExplainSettings
from proxy.pipeline import Standing, Turn
from proxy.policy import Decision, Facts
from proxy.records import (
    AlarmName,
    AlarmState,
    Case,
    Finding,
    Posture,
    Routing,
    Scalar,
    Side,
    Transition,
    Verdict,
)
from proxy.stats.explain.insight import Question
from proxy.stats.explain.samples import SampledRows
from proxy.stats.reference.profile import build_profile
from proxy.watcher.insight import MODULE, Explainer, ExplainError, ask
from proxy.watcher.samples import Samples

INPUT = AlarmName.INPUT_DRIFT
Columns = dict[str, list[Scalar]]


def draw(rng: np.random.Generator, n: int) -> Columns:
    """Give rows as certified."""
    return {"age": rng.normal(40, 10, n).tolist(), "city": rng.choice(["york", "bath"], n).tolist()}


def certified(*, sample: bool = True) -> Benchmark:
    """Give a benchmark of 2,000 rows, of which 300 are kept."""
    rng = np.random.default_rng(3)
    rows = draw(rng, 2000)
    return Benchmark(
        created_utc="",
        models={"candidate": "new"},
        input=build_profile(rows, rng, ordered=False),
        outputs={"candidate": build_profile({"y": rows["age"]}, rng, ordered=False)},
        sample=ReferenceSample(columns={k: v[:300] for k, v in rows.items()}, n=300)
        if sample
        else None,
    )


class Scene:
    """A watched input: a monitor that is shown rows, those kept of them, and who explains."""

    def __init__(self, settings: ExplainSettings | None = None, *, sample: bool = True) -> None:
        """Begin a minute ago, so that everything lies within the last hour."""
        benchmark = certified(sample=sample)
        rule = DriftSettings(unmeasured_design_effect=1.0)
        engine = Engine(tick_s=1.0)
        self.samples = Samples(np.random.default_rng(1))
        self.monitor = InputDrift(rule, benchmark, engine)
        self.output = OutputDrift(rule, benchmark, engine)
        self.explainer = Explainer(
            settings or ExplainSettings(), (self.monitor, self.output), benchmark, self.samples
        )
        self.rng = np.random.default_rng(7)
        self.now_s = clock.now_s() - 60
        self.number = 0
        self.written: list[tuple[str, object]] = []
        self.counted: list[tuple[AlarmName, str]] = []

    def tick(self, shift: float = 0.0, to: AlarmState | None = None) -> Finding:
        """Let a second with 40 rows pass, and show the turn to who explains."""
        columns = draw(self.rng, 40)
        columns["age"] = [float(str(age)) + shift for age in columns["age"]]
        for row in range(40):
            self.number += 1
            rows = made.rows(
                {name: [values[row]] for name, values in columns.items()},
                exchange_id=self.number,
                at_s=self.now_s + row / 40,
            )
            self.samples.keep(rows)
            self.monitor.observe(rows)
        self.now_s += 1
        finding = self.monitor.judge(self.now_s)
        changes = [] if to is None else [changed(finding, to)]
        self.explainer.look(turn_of(self.now_s, finding, changes))
        return finding

    def answers(self, fault: float) -> None:
        """Let a second with 40 answers pass; with a fault those about one city are other."""
        asked = draw(self.rng, 40)
        given = [
            float(str(age)) + fault * (city == "bath")
            for age, city in zip(asked["age"], asked["city"], strict=True)
        ]
        for row in range(40):
            self.number += 1
            question = made.rows(
                {"city": [asked["city"][row]]}, exchange_id=self.number, at_s=self.now_s + row / 40
            )
            answer = msgspec.structs.replace(
                question, side=Side.OUTPUT, columns=("y",), values=([given[row]],)
            )
            self.samples.keep_case(Case(input=question, output=answer))
            self.output.observe(answer)
        self.now_s += 1
        finding = self.output.judge(self.now_s)
        self.explainer.look(turn_of(self.now_s, finding, ()))

    def breach(self) -> Finding:
        """Let time pass until the drift is found."""
        for _ in range(10):
            self.tick()
        for _ in range(20):
            finding = self.tick(25.0)
            if finding.verdict is Verdict.BREACH:
                return finding
        raise AssertionError("the drift was not found")

    def work(self, n: int) -> None:
        """Explain until `n` results are counted."""

        async def until_done() -> None:
            done = asyncio.Event()

            def count(name: AlarmName, result: str) -> None:
                self.counted.append((name, result))
                if len(self.counted) >= n:
                    done.set()

            def write(kind: str, body: object) -> None:
                self.written.append((kind, body))

            running = asyncio.ensure_future(self.explainer.run(write, count))
            await asyncio.wait_for(done.wait(), 60)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        asyncio.run(until_done())


def changed(finding: Finding, to: AlarmState) -> Transition:
    """Give the change of the alarm's state."""
    return Transition(
        alarm=finding.monitor,
        episode=1,
        was=AlarmState.PENDING,
        to=to,
        at_s=finding.at_s,
        finding=finding,
    )


def turn_of(at_s: float, finding: Finding, changes: Sequence[Transition]) -> Turn:
    """Give what a tick came to, as far as explanations care."""
    facts = Facts(
        alarms={},
        stable_ready=None,
        candidate_ready=None,
        has_stable=False,
        n_pairs=0,
        capacity=(),
    )
    return Turn(
        at_s=at_s,
        before=Standing(alarms={}, posture=Posture()),
        facts=facts,
        findings=(finding,),
        transitions=tuple(changes),
        decision=Decision(posture=Posture(), actions=(), diagnosis=""),
        routing=Routing(),
    )


def test_a_new_breach_is_explained_at_once_and_stands_in_the_journal() -> None:
    """The column is named, from rows since the change, beside the kept reference."""
    scene = Scene()
    finding = scene.breach()
    scene.work(1)
    assert scene.counted == [(INPUT, "made")]
    found = scene.explainer.latest[INPUT]
    assert (found.columns[0].name, found.since_s) == ("age", finding.since_s)
    assert found.separation is not None
    assert found.separation.carriers[0][0] == "age"
    assert found.separation.n_reference == 300
    assert scene.written == [("insight", found)]


def test_it_is_explained_again_when_the_alarm_fires_and_every_hour() -> None:
    """Between these nothing is due, however many ticks the breach lasts."""
    scene = Scene(ExplainSettings(every_s=30))
    scene.breach()
    scene.work(1)
    for _ in range(5):
        scene.tick(25.0)
    assert not scene.explainer.is_due
    scene.tick(25.0, to=AlarmState.FIRING)
    assert scene.explainer.is_due
    scene.work(2)
    for _ in range(29):
        scene.tick(25.0)
    assert not scene.explainer.is_due
    scene.tick(25.0)
    assert scene.explainer.is_due


def test_it_is_explained_again_when_another_column_is_to_blame() -> None:
    """Not at once: columns often follow one after the other."""
    scene = Scene()
    finding = scene.breach()
    scene.work(1)
    also = msgspec.structs.replace(finding.blamed[0], subject="city")
    grown = msgspec.structs.replace(finding, blamed=(*finding.blamed, also))
    at_s = finding.at_s
    for late_s, is_due in ((59.0, False), (61.0, True), (200.0, False)):
        scene.explainer.look(turn_of(at_s + late_s, grown, ()))
        assert scene.explainer.is_due == is_due
        scene.explainer._due.clear()


def test_a_calm_hour_is_looked_at_and_not_written_down() -> None:
    """The last hour beside the reference, for who asks; the journal is for what happens."""
    scene = Scene(ExplainSettings(every_s=20))
    while not scene.explainer.is_due:
        scene.tick()
    scene.work(1)
    found = scene.explainer.latest[INPUT]
    assert (found.since_s, found.examples, scene.written) == (None, (), [])
    assert found.separation is not None
    assert found.separation.n_current == 2 * 150 + 120, "two closed spans and the open one"


def test_a_benchmark_without_kept_rows_is_made_up_for_by_rows_before_the_change() -> None:
    """The reason says so."""
    scene = Scene(sample=False)
    scene.breach()
    scene.work(1)
    found = scene.explainer.latest[INPUT]
    assert "before the change" in found.reason
    assert found.separation is not None


def test_drifting_answers_are_cut_by_what_was_asked() -> None:
    """Answers of one city are lower; the benchmark keeps no answers, those before stand in."""
    scene = Scene()
    for tick in range(40):
        scene.answers(-30.0 if tick >= 20 else 0.0)
    assert scene.explainer.is_due
    scene.work(1)
    found = scene.explainer.latest[AlarmName.OUTPUT_DRIFT]
    assert found.columns[0].name == "y"
    assert [part.condition for part in found.sub_populations] == ["city = bath"]
    assert found.separation is not None
    assert [name for name, _ in found.separation.carriers] == ["y"], "questions are not compared"
    assert {"y", "city"} <= set(found.examples[0].values)


def test_switched_off_nothing_is_ever_due() -> None:
    """No child is started."""
    scene = Scene(ExplainSettings(enabled=False))
    scene.breach()
    assert not scene.explainer.is_due


def test_a_child_that_takes_too_long_is_killed_and_counted() -> None:
    """It costs its explanation; the next one is made."""
    scene = Scene(ExplainSettings(timeout_s=0.01))
    scene.breach()
    scene.work(1)
    assert scene.counted == [(INPUT, "late")]
    assert INPUT not in scene.explainer.latest


def test_a_child_that_dies_is_counted_and_its_last_word_is_known() -> None:
    """A question from another version, say: the error names what the child said."""
    scene = Scene()
    scene.breach()
    evidence = scene.monitor.evidence()
    assert evidence is not None
    broken = msgspec.structs.replace(evidence.columns[0], masses=(1.0,))
    question = Question(
        alarm=INPUT,
        at_s=0.0,
        since_s=None,
        evidence=(broken,),
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
    with pytest.raises(ExplainError, match=r"ended with 1: .*Error"):
        asyncio.run(ask(question, 60))


def children() -> list[str]:
    """Give the numbers of the running children that explain something."""
    found = []
    for path in Path("/proc/self/task").glob("*/children"):
        for pid in path.read_text().split():
            with suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                found += [pid] * (MODULE.encode() in command)
    return found


def test_when_the_watcher_ends_its_child_does_not_go_on() -> None:
    """Nothing is left behind to finish an answer that nobody waits for."""
    scene = Scene()
    scene.breach()

    async def begin_and_end() -> None:
        running = asyncio.ensure_future(scene.explainer.run(lambda *_: None, lambda *_: None))
        while not children():
            await asyncio.sleep(0.005)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(begin_and_end())
    assert children() == []


def test_cells_that_no_coding_holds_are_made_fit() -> None:
    """Integers beyond 64 bits and broken text come from clients, and must not stop this."""
    scene = Scene()
    scene.breach()
    odd = made.rows({"age": [1 << 80], "city": ["a\ud800"]}, at_s=scene.now_s)
    scene.samples.keep(odd)
    scene.work(1)
    assert scene.counted == [(INPUT, "made")]
