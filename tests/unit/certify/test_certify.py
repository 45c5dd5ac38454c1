"""Certification as a whole, against real servers on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from proxy.benchmark import Benchmark, dump, load
from proxy.certify.certify import Load, Order, Silence, certify
from proxy.certify.files import CertifyError
from proxy.certify.quality import Labels
from proxy.records import Model
from proxy.relay.settings import Models, Upstream

N_REQUESTS = 60
LOAD = Load(concurrencies=(1, 4), per_level=40)


class ModelUnderTest:
    """Doubles each `x`; every `wrong_every`-th answer is off, every `fail_every`-th fails."""

    def __init__(self, wrong_every: int = 0, fail_every: int = 0) -> None:
        """Be as good as told."""
        self.wrong_every, self.fail_every = wrong_every, fail_every
        self.n_asked = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a V1 prediction."""
        self.n_asked += 1
        if self.fail_every and self.n_asked % self.fail_every == 0:
            return web.Response(status=500)
        (row,) = (await request.json())["instances"]
        is_wrong = self.wrong_every and row["x"] % self.wrong_every == 0
        return web.json_response({"predictions": ["odd" if is_wrong else "even"]})


@asynccontextmanager
async def served(**models: ModelUnderTest) -> AsyncIterator[dict[str, Upstream]]:
    """Serve models on loopback; give their upstreams by name."""
    runners: list[web.AppRunner] = []
    upstreams: dict[str, Upstream] = {}
    try:
        for name, model in models.items():
            app = web.Application()
            app.router.add_post("/{path:.*}", model.answer)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            upstreams[name] = Upstream(name=f"{name}-1", url=url)
        yield upstreams
    finally:
        for runner in runners:
            await runner.cleanup()


def order(folder: Path, upstreams: dict[str, Upstream], columns: str = "x,kind") -> Order:
    """Write both files and order their certification."""
    reference, requests = folder / "reference.csv", folder / "requests.jsonl"
    cells = "\n".join(f"{x},{'even' if x % 2 == 0 else 'odd'}" for x in range(500))
    reference.write_text(f"{columns}\n{cells}\n")
    body = [{"instances": [{"x": x, "kind": "even"}]} for x in range(N_REQUESTS)]
    path = "/v1/models/m:predict"
    requests.write_text("\n".join(json.dumps({"path": path, "body": one}) for one in body))
    return Order(
        models=Models(candidate=upstreams["candidate"], stable=upstreams.get("stable")),
        reference=reference,
        requests=requests,
        load=LOAD,
    )


def measure(folder: Path, **models: ModelUnderTest) -> Benchmark:
    """Certify models."""

    async def scenario() -> Benchmark:
        async with served(**models) as upstreams:
            return await certify(order(folder, upstreams), Silence(), np.random.default_rng(0))

    return asyncio.run(scenario())


def test_everything_that_monitors_need_is_measured(tmp_path: Path) -> None:
    """Profiles of both sides, latency, errors, agreement, capacity, and the hashes of the files."""
    candidate, stable = ModelUnderTest(wrong_every=10), ModelUnderTest()
    benchmark = measure(tmp_path, candidate=candidate, stable=stable)
    assert load(dump(benchmark)) == benchmark
    assert benchmark.models == {"candidate": "candidate-1", "stable": "stable-1"}
    assert [(column.name, column.n) for column in benchmark.input.columns] == [
        ("x", 500),
        ("kind", 500),
    ]
    assert benchmark.input.ordered
    assert {model: profile.n for model, profile in benchmark.outputs.items()} == {
        "candidate": N_REQUESTS,
        "stable": N_REQUESTS,
    }
    assert {model: schema.n for model, schema in benchmark.output_schemas.items()} == {
        "candidate": N_REQUESTS,
        "stable": N_REQUESTS,
    }
    assert [column.name for column in benchmark.output_schemas["stable"].columns] == ["prediction"]
    assert benchmark.agreement is not None
    assert (benchmark.agreement.n, benchmark.agreement.n_differ) == (N_REQUESTS, 6)
    assert benchmark.latency["candidate"].n == 80
    assert set(benchmark.capacity_per_s["stable"]) == {"1", "4"}
    assert min(benchmark.capacity_per_s["stable"].values()) > 0
    assert benchmark.errors["candidate"].failed == {}
    assert benchmark.errors["candidate"].n == N_REQUESTS + 80
    files = {name: tmp_path / f"{name}.{end}" for name, end in
             (("reference", "csv"), ("requests", "jsonl"))}  # fmt: skip
    for name, path in files.items():
        assert benchmark.sha256[name] == sha256(path.read_bytes()).hexdigest()
    assert candidate.n_asked == N_REQUESTS + 80 + 2  # one check before each pass


def test_several_files_with_times_become_one_reference_with_kept_rows(tmp_path: Path) -> None:
    """Sorted by time, the time not watched, some rows kept, the self-test by the given settings."""

    async def scenario() -> Benchmark:
        async with served(candidate=ModelUnderTest()) as upstreams:
            plain = order(tmp_path, upstreams)
            parts = (tmp_path / "late.csv", tmp_path / "early.csv")
            for first, path in zip((300, 0), parts, strict=True):
                cells = "\n".join(f"{x},even,{x}" for x in range(first, first + 300))
                path.write_text(f"x,kind,at\n{cells}\n")
            wanted = replace(
                plain, reference=parts, time_column="at", keep_sample=50, expected_run_length_s=1e6
            )
            return await certify(wanted, Silence(), np.random.default_rng(0))

    found = asyncio.run(scenario())
    assert [column.name for column in found.input.columns] == ["x", "kind"]
    assert (found.input.n, found.input.ordered) == (600, True)
    assert any("sorted by time" in text for text in found.warnings)
    assert found.sample is not None
    assert found.sample.n == 50
    rows = [float(str(x)) for x in found.sample.columns["x"]]
    assert rows == sorted(rows)
    assert found.self_test is not None
    assert found.self_test.replayed is not None
    assert found.self_test.replayed.budget_ticks == 1e5


def test_without_a_stable_model_the_candidate_is_certified_alone(tmp_path: Path) -> None:
    """There is nothing to agree with, and that is said by absence."""
    benchmark = measure(tmp_path, candidate=ModelUnderTest())
    assert benchmark.agreement is None
    assert set(benchmark.outputs) == {"candidate"}


def test_failures_of_a_working_model_are_its_floor(tmp_path: Path) -> None:
    """A model that fails now and then is measured, not refused."""
    benchmark = measure(tmp_path, candidate=ModelUnderTest(fail_every=10))
    floor = benchmark.errors["candidate"]
    assert floor.failed["server"] in (13, 14)
    assert any("answers of the candidate model were not read" in w for w in benchmark.warnings)


def test_the_same_answers_have_the_same_hash_and_others_another(tmp_path: Path) -> None:
    """Without the model's file, its answers stand for it."""
    one = measure(tmp_path, candidate=ModelUnderTest(), stable=ModelUnderTest(wrong_every=7))
    assert one.sha256["candidate"] != one.sha256["stable"]
    again = measure(tmp_path, candidate=ModelUnderTest(wrong_every=7))
    assert again.sha256["candidate"] == one.sha256["stable"]


def test_a_models_file_or_folder_is_hashed_when_it_is_given(tmp_path: Path) -> None:
    """The hash is that of the file; a folder's changes with its content."""
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "weights").write_bytes(b"1")

    async def scenario(path: Path) -> Benchmark:
        async with served(candidate=ModelUnderTest()) as upstreams:
            wanted = replace(order(tmp_path, upstreams), model_files={Model.CANDIDATE: path})
            return await certify(wanted, Silence(), np.random.default_rng(0))

    of_file = asyncio.run(scenario(folder / "weights")).sha256["candidate"]
    before = asyncio.run(scenario(folder)).sha256["candidate"]
    (folder / "weights").write_bytes(b"2")
    after = asyncio.run(scenario(folder)).sha256["candidate"]
    assert of_file == sha256(b"1").hexdigest()
    assert len({of_file, before, after}) == 3


def test_columns_that_differ_are_told(tmp_path: Path) -> None:
    """A reference with other columns is a warning; with none in common, an error."""

    async def scenario(columns: str) -> Benchmark:
        async with served(candidate=ModelUnderTest()) as upstreams:
            wanted = order(tmp_path, upstreams, columns)
            return await certify(wanted, Silence(), np.random.default_rng(0))

    warnings = " ".join(asyncio.run(scenario("x,sort")).warnings)
    assert "Columns that the reference has not: kind." in warnings
    assert "Columns that no request has: sort." in warnings
    with pytest.raises(CertifyError, match="no column in common"):
        asyncio.run(scenario("y,sort"))


def test_answers_that_nobody_can_read_end_certification(tmp_path: Path) -> None:
    """The reason is the decoder's own."""

    class Silent(ModelUnderTest):
        async def answer(self, request: web.Request) -> web.Response:
            del request
            return web.Response(text="ok")

    with pytest.raises(CertifyError, match="none of its 60 answers can be read"):
        measure(tmp_path, candidate=Silent())


def test_texts_teach_a_vocabulary_that_the_profiles_were_not_made_of(tmp_path: Path) -> None:
    """Novelty is certified on requests that taught nothing; the schema knows the same columns."""

    async def run() -> Benchmark:
        async with served(candidate=ModelUnderTest()) as upstreams:
            plain = order(tmp_path, upstreams)
            notes = [f"flight {x} waits at gate {x % 7}" for x in range(500)]
            cells = "\n".join(f"{x},{note}" for x, note in enumerate(notes))
            plain.reference.write_text(f"x,note\n{cells}\n")
            path = "/v1/models/m:predict"
            bodies = [{"instances": [{"x": x, "note": notes[x]}]} for x in range(N_REQUESTS)]
            lines = [json.dumps({"path": path, "body": body}) for body in bodies]
            plain.requests.write_text("\n".join(lines))
            return await certify(plain, Silence(), np.random.default_rng(0))

    found = asyncio.run(run())
    assert found.learned is not None
    assert found.learned.text_columns == ("note",)
    assert found.schema is not None
    for names in (
        {column.name for column in found.input.columns},
        {column.name for column in found.schema.columns},
    ):
        assert {"x", "note.words", "note.novelty"} <= names
        assert "note" not in names
    novelty = next(column for column in found.schema.columns if column.name == "note.novelty")
    assert novelty.high is not None
    assert novelty.high > 0
    assert found.outputs["candidate"].n == N_REQUESTS * 3 // 4
    assert any("taught" in warning for warning in found.warnings)
    assert load(dump(found)) == found


def test_labels_make_a_certified_quality(tmp_path: Path) -> None:
    """One in ten answers of the candidate is wrong; the file of labels stands among the hashes."""
    labels = tmp_path / "labels.csv"
    rows = "".join(f"{x},even\n" for x in range(N_REQUESTS))
    labels.write_text(f"row,label\n{rows}", encoding="utf-8")

    async def scenario() -> Benchmark:
        async with served(candidate=ModelUnderTest(wrong_every=10)) as upstreams:
            whole = replace(order(tmp_path, upstreams), labels=Labels(path=labels))
            return await certify(whole, Silence(), np.random.default_rng(0))

    benchmark = load(dump(asyncio.run(scenario())))
    assert benchmark.quality["candidate"].n == N_REQUESTS
    assert benchmark.quality["candidate"].figures["accuracy"].value == pytest.approx(0.9)
    assert benchmark.sha256["labels"] == sha256(labels.read_bytes()).hexdigest()
    assert any("labels" in warning for warning in benchmark.warnings)
