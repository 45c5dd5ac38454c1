"""The benchmark file: what is written can be read, and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from msgspec.structs import replace

from proxy.benchmark import (
    MAX_SAMPLE,
    Benchmark,
    BenchmarkError,
    ReferenceSample,
    dump,
    load,
)
from proxy.payload.learning import Learned
from proxy.payload.schema import infer
from proxy.payload.tensor import Basis
from proxy.records import Side
from proxy.stats.reference.profile import build_profile

RNG = np.random.default_rng(0)
BENCHMARK = Benchmark(
    created_utc="2026-01-01T00:00:00Z",
    models={"candidate": "new"},
    sha256={"candidate": "ab"},
    input=build_profile(
        {"age": list(RNG.normal(size=500)), "city": ["york", "bath"] * 250, "gone": [None] * 500},
        RNG,
        ordered=True,
    ),
)


def test_round_trip_is_exact_and_readable() -> None:
    """Writing and reading gives the same value, as indented JSON."""
    raw = dump(BENCHMARK)
    assert load(raw) == BENCHMARK
    assert json.loads(raw)["models"] == {"candidate": "new"}
    assert raw.endswith(b"}\n")


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[1]", b"\xff", dump(BENCHMARK)[:500], b'{"version": 1}']
)
def test_damaged_files_are_refused_in_words(raw: bytes) -> None:
    """A file that is no benchmark gives one clear sentence with what to do."""
    with pytest.raises(BenchmarkError, match="certify again"):
        load(raw)


def test_another_version_is_refused() -> None:
    """A benchmark of a later version is not guessed at."""
    with pytest.raises(BenchmarkError, match="version 9"):
        load(dump(BENCHMARK).replace(b'"version": 1', b'"version": 9'))


def test_a_schema_of_another_version_is_refused() -> None:
    """The schemas of either side have a version of their own."""
    schema = infer(Side.INPUT, {"age": [1.0]}, [])
    assert schema is not None
    later = replace(schema, version=7)
    for changed in (
        replace(BENCHMARK, schema=later),
        replace(BENCHMARK, output_schemas={"stable": later}),
    ):
        with pytest.raises(BenchmarkError, match="schema has version 7"):
            load(dump(changed))
    now = replace(BENCHMARK, schema=schema, output_schemas={"candidate": schema})
    assert load(dump(now)) == now


def test_what_was_learned_is_kept_and_checked() -> None:
    """Words and directions come back as they were; directions that do not fit are refused."""
    basis = Basis(mean=[0.0, 1.0], directions=[[1.0, 0.0]])
    taught = replace(BENCHMARK, learned=Learned(vocabularies={"q": (1, 2)}, bases={"e": basis}))
    assert load(dump(taught)) == taught
    broken = Basis(mean=[0.0, 1.0], directions=[[1.0]])
    with pytest.raises(BenchmarkError, match="different lengths"):
        load(dump(replace(BENCHMARK, learned=Learned(bases={"e": broken}))))


def test_contradictions_are_refused() -> None:
    """Masses that do not fit the bins, and edges that fall, are found when the file is read."""
    for change, word in (("masses", "masses"), ("edges", "increase")):
        broken = json.loads(dump(BENCHMARK))
        column = broken["input"]["columns"][0]
        column[change] = column[change][:-1] if change == "masses" else column[change][::-1]
        with pytest.raises(BenchmarkError, match=word):
            load(json.dumps(broken).encode())


def test_unknown_fields_are_refused() -> None:
    """A misspelt field is an error and not ignored."""
    broken = json.loads(dump(BENCHMARK)) | {"latencies": {}}
    with pytest.raises(BenchmarkError, match="latencies"):
        load(json.dumps(broken).encode())


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (ReferenceSample(columns={"age": [1.0]}, n=2), "1 values for 2 rows"),
        (ReferenceSample(columns={"shoe": [1.0]}, n=1), "'shoe' of its sample is not in"),
        (ReferenceSample(columns={}, n=MAX_SAMPLE + 1), "sample has 1001 rows"),
    ],
)
def test_a_sample_that_contradicts_the_profile_is_refused(
    sample: ReferenceSample, why: str
) -> None:
    """Kept rows are of certified columns, equally many, and few."""
    with pytest.raises(BenchmarkError, match=why):
        load(dump(replace(BENCHMARK, sample=sample)))
