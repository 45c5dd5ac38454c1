"""The certified benchmark as a value: what certification measured, in one readable file.

`stablehand certify` writes it, the watcher loads it. It holds profiles, the schema, floors and
hashes, and a small redacted sample of the reference's rows, so that later rows can be shown beside
them; `--keep-sample 0` leaves the rows out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from proxy.payload.learning import Learned
from proxy.payload.schema import VERSION as SCHEMA_VERSION
from proxy.payload.schema import Schema
from proxy.records import Scalar
from proxy.stats.promise.self_test import SelfTest
from proxy.stats.quality.certified_quality import Quality
from proxy.stats.reference.column import ColumnProfile
from proxy.stats.reference.floors import Agreement, ErrorFloor
from proxy.stats.reference.latency import LatencyProfile
from proxy.stats.reference.profile import Profile
from proxy.stats.reference.season import trouble_of

VERSION: Final = 1
MAX_SAMPLE: Final = 1000
"""Rows of the reference that are kept at most."""


class BenchmarkError(Exception):
    """The benchmark file cannot be used; the message says why and what to do."""


class ReferenceSample(Struct, frozen=True, kw_only=True):
    """Some rows of the reference, drawn at random and redacted, to show later rows beside."""

    columns: dict[str, list[Scalar]]
    """Values by column of the input profile, each of length `n`. A string that fewer than five
    reference rows have is `None`: it could point at a person."""
    n: int


class Benchmark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was certified before deployment. Keys of the dictionaries are `candidate`, `stable`."""

    version: int = VERSION
    created_utc: str
    models: dict[str, str]
    """Names of the models."""
    sha256: dict[str, str] = {}
    """Hashes of what was certified: `candidate`, `stable`, `reference`, `requests`."""
    input: Profile
    """What comes in."""
    schema: Schema | None = None
    """The form of what comes in. `None`: neither reference nor requests had a row."""
    output_schemas: dict[str, Schema] = {}
    """The form of what each model answered. A model that is not named: it had no row."""
    learned: Learned | None = None
    """Vocabularies and main directions for the decoder. `None`: there was no text and no tensor."""
    outputs: dict[str, Profile] = {}
    """What each model answered to the same requests."""
    latency: dict[str, LatencyProfile] = {}
    errors: dict[str, ErrorFloor] = {}
    agreement: Agreement | None = None
    """`None`: there was no stable model to compare with."""
    quality: dict[str, Quality] = {}
    """How good each model was by labels. Empty: certified without labels."""
    capacity_per_s: dict[str, dict[str, float]] = {}
    """Completed answers per second by model and running exchanges (as text)."""
    self_test: SelfTest | None = None
    """What this benchmark can see, and whether its reference agrees with itself."""
    sample: ReferenceSample | None = None
    """`None`: certified with `--keep-sample 0`."""
    requests: int = 0
    """Requests that were sent to each model."""
    warnings: tuple[str, ...] = ()
    """What a reader of the certificate should know, one sentence each."""


def load(raw: bytes) -> Benchmark:
    """Read a benchmark.

    Raises:
        BenchmarkError: the bytes are no benchmark of this version, or contradict themselves.
    """
    try:
        version = msgspec.json.decode(raw, type=_Versioned).version
        if version != VERSION:
            raise BenchmarkError(
                f"the benchmark has version {version}, this stablehand reads version {VERSION}; "
                "certify again"
            )
        benchmark = msgspec.json.decode(raw, type=Benchmark)
    except msgspec.DecodeError as error:
        raise BenchmarkError(
            f"the benchmark is damaged or no benchmark ({error}); certify again"
        ) from error
    _check(benchmark)
    return benchmark


def dump(benchmark: Benchmark) -> bytes:
    """Write a benchmark as indented JSON that ends with a newline."""
    return msgspec.json.format(msgspec.json.encode(benchmark), indent=1) + b"\n"


class _Versioned(Struct, frozen=True):
    version: int


def _check_schemas(benchmark: Benchmark) -> None:
    for schema in (benchmark.schema, *benchmark.output_schemas.values()):
        if schema is not None and schema.version != SCHEMA_VERSION:
            raise BenchmarkError(
                f"its schema has version {schema.version}, this stablehand reads version "
                f"{SCHEMA_VERSION}; certify again"
            )


def _check(benchmark: Benchmark) -> None:
    """Refuse a benchmark that a hand or a broken disk has changed."""
    _check_schemas(benchmark)
    _check_sample(benchmark)
    if trouble := next(filter(None, _troubles(benchmark)), ""):
        raise BenchmarkError(f"{trouble}; certify again")


def _troubles(benchmark: Benchmark) -> Iterator[str]:
    """Give what contradicts itself, part by part; empty words where nothing does."""
    for profile in (benchmark.input, *benchmark.outputs.values()):
        yield from _troubles_of_profile(profile)
    for basis_name, basis in ({} if benchmark.learned is None else benchmark.learned.bases).items():
        if any(len(direction) != len(basis.mean) for direction in basis.directions):
            yield f"the main directions of {basis_name!r} have different lengths"
    yield from (one.trouble() for one in benchmark.latency.values())
    yield from (one.trouble() for one in benchmark.errors.values())
    yield from (one.loss.trouble() for one in benchmark.quality.values() if one.loss is not None)
    if benchmark.agreement is not None:
        yield benchmark.agreement.trouble()
    for levels in benchmark.capacity_per_s.values():
        if not all(level.isdecimal() and rate >= 0 for level, rate in levels.items()):
            yield "a capacity is negative, or its level is no number of running exchanges"


def _troubles_of_profile(profile: Profile) -> Iterator[str]:
    names = [column.name for column in profile.columns]
    if len(set(names)) < len(names):
        yield "a profile has one column twice"
    yield from (column.trouble() for column in profile.columns)
    derived: tuple[ColumnProfile, ...] = ()
    if profile.multivariate is not None:
        derived = profile.multivariate.derived
        yield profile.multivariate.trouble()
        yield from (column.trouble() for column in derived)
    if profile.conditional is not None:
        yield profile.conditional.trouble()
        yield from (stream.profile.trouble() for stream in profile.conditional.streams)
    if profile.seasons is not None:
        yield trouble_of(profile.seasons, (*profile.columns, *derived))


def _check_sample(benchmark: Benchmark) -> None:
    """Refuse a kept sample that is too large, ragged, or of columns that were not certified."""
    sample = benchmark.sample
    if sample is None:
        return
    if not 0 <= sample.n <= MAX_SAMPLE:
        raise BenchmarkError(
            f"its sample has {sample.n} rows, at most {MAX_SAMPLE} are kept; certify again"
        )
    known = {column.name for column in benchmark.input.columns}
    for name, values in sample.columns.items():
        if len(values) != sample.n:
            raise BenchmarkError(
                f"column {name!r} of its sample has {len(values)} values for {sample.n} rows; "
                "certify again"
            )
        if name not in known:
            raise BenchmarkError(
                f"column {name!r} of its sample is not in the input profile; certify again"
            )
