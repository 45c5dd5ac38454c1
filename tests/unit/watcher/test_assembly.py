"""A configuration becomes every monitor, the engine, the plan; a bad benchmark is only a note."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

import made
from proxy import clock
from proxy.benchmark import Benchmark, BenchmarkError, dump
from proxy.config import Loaded, load
from proxy.monitors.settings import AgreementSettings
from proxy.payload.learning import Learned
from proxy.payload.text import hash_word
from proxy.records import (
    AlarmName,
    Capture,
    Message,
    Model,
    Pair,
    Rows,
    Side,
)
from proxy.stats.reference.profile import Profile
from proxy.watcher.assembly import (
    categories_of,
    certified_of,
    collector_of,
    comparer_of,
    decoder_of,
    engine_of,
    monitors_of,
    plan_of,
    read_benchmark,
)
from proxy.watcher.collector import Order
from proxy.watcher.process import Watcher


def loaded(folder: Path, text: str, more: str = "") -> Loaded:
    """Load a configuration from a file."""
    path = folder / "c.yaml"
    path.write_text(text + more, "utf-8")
    return load(path, {})


def outputs(model: Model, value: float | str) -> Rows:
    """Give one answer."""
    return made.rows({"prediction": [value]}, at_s=1.0, model=model, side=Side.OUTPUT)


def test_every_alarm_has_its_monitor(tmp_path: Path, text: str) -> None:
    """A name in the contract that nobody watches would be a promise that is not kept."""
    found = loaded(tmp_path, text)
    names = [one.name for one in monitors_of(found, engine_of(found), None)]
    assert len(names) == len(set(names))
    assert set(names) == set(AlarmName)


def test_without_a_benchmark_the_monitors_say_so(make_watcher: Callable[..., Watcher]) -> None:
    """Each judges, none breaches, and the note names the command that helps."""
    watcher = make_watcher()
    turn = watcher._pipeline.tick(1e6)
    assert {one.verdict.value for one in turn.findings} <= {"unknown", "ok"}
    assert any("run `stablehand certify`" in note for note in watcher._notes)


def test_the_engine_is_as_sure_as_the_configuration_says(tmp_path: Path, text: str) -> None:
    """Ticks come from the monitors' section, certainty from that of the alarms."""
    changed = text.replace(
        "alarms: {", "alarms: {expected_run_length_s: 86400, confirm_evidence: 9, "
    )
    engine = engine_of(loaded(tmp_path, changed))
    assert (engine.tick_s, engine.expected_run_length_s, engine.confirm_evidence) == (1, 86400, 9)


def test_the_engine_knows_the_hour_of_the_day(tmp_path: Path, text: str) -> None:
    """Season is told by UTC, which monitors must not read themselves."""
    engine = engine_of(loaded(tmp_path, text))
    assert abs(clock.now_s() + engine.utc_offset_s - clock.utc().timestamp()) < 1.0


def test_the_plan_names_capacity_and_stable(tmp_path: Path, text: str) -> None:
    """What the policy may do follows from what is configured."""
    plan = plan_of(loaded(tmp_path, text))
    assert (plan.capacity, plan.has_stable, plan.mirror_fraction) == (("more",), True, 0.05)
    alone = plan_of(loaded(tmp_path, "models: {candidate: {url: 'http://h'}}\n"))
    assert (alone.capacity, alone.has_stable) == ((), False)


@pytest.mark.parametrize("raw", [None, b"", b"{}", b"\xff", b"[" * 100_000, b'{"version": 1}'])
def test_a_bad_benchmark_stops_the_check_but_not_the_watching(
    tmp_path: Path, text: str, raw: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """`check` refuses it; a running sidecar goes on without, and says so to people and log."""
    if raw is not None:
        (tmp_path / "b.json").write_bytes(raw)
    found = loaded(tmp_path, text, "benchmark: b.json\n")
    with pytest.raises(BenchmarkError) as caught:
        read_benchmark(found)
    assert "\n" not in str(caught.value)
    notes: list[str] = []
    assert certified_of(found, notes) is None
    (note,) = notes
    assert note.startswith("The benchmark b.json cannot be used: ")
    assert "the benchmark cannot be used" in caplog.text


def test_a_benchmark_of_another_model_is_a_note(tmp_path: Path, text: str) -> None:
    """Everything might still fit, so it is used; who looks at the status learns it."""
    one = Benchmark(
        created_utc="", models={"candidate": "x"}, input=Profile(n=0, ordered=False, columns=())
    )
    (tmp_path / "b.json").write_bytes(dump(one))
    notes: list[str] = []
    assert certified_of(loaded(tmp_path, text, "benchmark: b.json\n"), notes) == one
    assert "certified with 'x' as the candidate model" in notes[0]


def test_without_a_benchmark_no_string_is_known() -> None:
    """So none may be kept in clear."""
    assert categories_of(None) == {}


def test_the_decoder_knows_what_certification_learned(tmp_path: Path, text: str) -> None:
    """Words of the reference make novelty a column."""
    learned = Learned(vocabularies={"text": (hash_word("red"),)})
    certified = Benchmark(
        created_utc="", models={}, input=Profile(n=0, ordered=False, columns=()), learned=learned
    )
    body = Message({"content-type": "application/json"}, b'{"strData": "red blue"}', False)
    capture = Capture(made.EXCHANGE, "/api/v1.0/predictions", body, None)
    (read,) = decoder_of(loaded(tmp_path, text), certified).decode(capture)
    assert isinstance(read, Rows)
    assert dict(zip(read.columns, read.values, strict=True))["text.novelty"] == [0.5]


def test_the_collector_keeps_strings_that_no_benchmark_knows(tmp_path: Path, text: str) -> None:
    """They are to become known; personal data in them is masked all the same."""
    known = loaded(tmp_path, text)
    collector = collector_of(known, decoder_of(known, None), lambda *_: None)
    collector.begin(Order(rows=10), 0.0)
    body = b'{"instances": [{"city": "york"}, {"city": "jane@corp.example"}]}'
    message = Message(fields={"content-type": "application/json"}, body=body, truncated=False)
    target = "/v1/models/m:predict"
    (shown,) = collector.decode(Capture(made.EXCHANGE, target, message, None))
    assert isinstance(shown, Rows)
    assert shown.values == (["(other)", "(other)"],)
    (kept,) = cast("list[Rows]", collector.part(0)["bodies"])
    assert kept.values == (["york", "(masked)"],)


def test_without_a_certified_rule_answers_must_be_equal() -> None:
    """Numbers and words: the strictest rule, for counting only."""
    compare = comparer_of(AgreementSettings(), None)

    def pair(one: float | str, other: float | str) -> Pair:
        return Pair(
            pair_id=1,
            at_s=1.0,
            candidate=outputs(Model.CANDIDATE, one),
            stable=outputs(Model.STABLE, other),
        )

    assert compare(pair(1.5, 1.5)).apart == 0
    assert compare(pair(1.5, 1.6)).apart > 0
    assert compare(pair("a", "a")).apart == 0
    assert compare(pair("a", "b")).apart > 0
