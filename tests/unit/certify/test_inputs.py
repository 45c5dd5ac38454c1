"""The input side as a whole: nothing secret, nothing too wide, nothing in silence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from proxy.certify import study
from proxy.certify.files import CertifyError
from proxy.certify.inputs import Inputs, Source, study_inputs, with_texts
from proxy.certify.lesson import Teacher
from proxy.certify.recorded import Recorded
from proxy.payload.learning import Learned
from proxy.payload.settings import Payload, Redact

N = 400
SECRETS = (
    "jane.roe@corp.example",
    "4111 1111 1111 1111",
    "sk-live0123456789abcdef",
    "+41446681800",
)


def look(
    path: Path,
    rows: Sequence[object],
    redact: Redact | None = None,
    payload: Payload | None = None,
    time_column: str = "",
) -> Inputs:
    """Study a reference beside requests of one row each."""
    headers = {"content-type": "application/json"}
    requests = [
        Recorded("POST", "/v1/models/m:predict", headers, json.dumps({"instances": [row]}).encode())
        for row in rows
    ]
    source = Source(
        paths=(path,),
        payload=payload or Payload(),
        redact=redact or Redact(),
        ordered=True,
        time_column=time_column,
    )
    lesson = Teacher(source.payload, source.redact, requests).lesson()
    return study_inputs(source, requests, lesson, np.random.default_rng(0))


def written(inputs: Inputs) -> str:
    """Give everything of the reference that enters a benchmark, as text."""
    sample = inputs.sample(1000, np.random.default_rng(0))
    parts = (inputs.profile, inputs.schema, sample, sorted(inputs.text_columns), inputs.warnings)
    return msgspec.json.encode(parts).decode()


@pytest.mark.parametrize("held", [True, False], ids=["held", "streamed"])
def test_no_secret_of_the_reference_enters_a_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    """Common or rare, in a column of its own or among words, in a name, dropped, hashed, masked."""
    monkeypatch.setattr(study, "MAX_HELD_CELLS", 10**9 if held else 100)
    rows = [
        {
            "age": float(i),
            "contact": SECRETS[i % len(SECRETS)],
            "note": f"reach {SECRETS[i % len(SECRETS)]} or the desk today",
            "iban": "CH9300762011623852957",
            "owner": {"name": "Jane Roe", "tier": "gold"},
            "plate": f"ZH {i // 10}",
            "rare": "Zaphod Beeblebrox" if i == 7 else "common",
            SECRETS[0]: 1.0,
        }
        for i in range(N)
    ]
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    redact = Redact(
        drop=("/instances/*/owner/name",),
        hash=("/instances/*/plate",),
        mask=("/instances/*/iban",),
        key="k" * 16,
    )
    inputs = look(path, rows[:60], redact)
    text = written(inputs)
    for secret in (*SECRETS, "CH93007", "Jane", "Roe", "ZH ", "Zaphod", "reach", "k" * 16):
        assert secret not in text
    for kept in ('"common"', '"gold"', '"(masked)"', '"h:', '"note.words"'):
        assert kept in text
    plates = next(column for column in inputs.profile.columns if column.name == "plate")
    assert len(plates.categories) == N // 10


def test_columns_that_only_requests_have_are_certified_from_them(tmp_path: Path) -> None:
    """A small reference is better than none, and is said."""
    path = tmp_path / "r.csv"
    path.write_text("x\n" + "1\n2\n" * N)
    few = look(path, [{"x": 1.0, "y": 2.0}] * 20)
    assert "Columns that the reference has not: y." in few.warnings
    assert [column.name for column in few.profile.columns] == ["x"]
    many = look(path, [{"x": 1.0, "y": float(i)} for i in range(200)])
    assert "y; they are certified from the 200 rows" in " ".join(many.warnings)
    assert [(column.name, column.n) for column in many.profile.columns] == [
        ("x", 2 * N),
        ("y", 200),
    ]


@pytest.mark.parametrize("held", [True, False], ids=["held", "streamed"])
def test_the_truth_in_a_training_set_is_not_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    """Live requests lack it as the certified ones did: that is no column gone missing."""
    monkeypatch.setattr(study, "MAX_HELD_CELLS", 10**9 if held else 100)
    path = tmp_path / "r.csv"
    lines = (f"{i % 7},{i % 2},see you in the rain of york {i % 3}" for i in range(N))
    path.write_text("x,truth,note\n" + "\n".join(lines))
    asked: list[object] = [{"x": float(i), "note": "see me"} for i in range(200)]
    inputs = look(path, asked)
    names = {column.name for column in inputs.profile.columns}
    # What the reference knows as text will be described as text.
    assert {"x", "note.words"} <= names
    assert "truth" not in names
    assert "truth" not in inputs.columns
    assert "Columns that no request has, and that are not watched: truth." in inputs.warnings
    few = look(path, asked[:50])
    assert "truth" in {column.name for column in few.profile.columns}


def test_tensors_of_the_reference_are_described_with_the_directions_of_requests(
    tmp_path: Path,
) -> None:
    """So that an embedding's main directions have a large reference, too."""
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(N, 3)) @ rng.normal(size=(3, 80))
    path = tmp_path / "r.npy"
    np.save(path, cloud)
    inputs = look(path, cloud[:200].tolist())
    names = {column.name for column in inputs.profile.columns}
    assert {"x.norm", "x.pc0", "x.residual"} <= names
    assert inputs.profile.n == N
    residual = next(column for column in inputs.profile.columns if column.name == "x.residual")
    assert residual.n == N
    assert abs(residual.mean) < 1e-3


def test_a_wide_reference_is_cut_to_what_requests_can_have(tmp_path: Path) -> None:
    """Ten thousand columns: those of the requests and as many others as a body may have."""
    names = [f"c{i}" for i in range(10_000)]
    path = tmp_path / "r.csv"
    path.write_text(",".join(names) + "\n" + (",".join("1" for _ in names) + "\n") * 50)
    inputs = look(path, [{"c9999": 1.0, "c5000": 2.0}] * 20)
    assert len(inputs.profile.columns) == 2 + 256
    assert {"c9999", "c5000"} <= {column.name for column in inputs.profile.columns}
    assert "9,742 columns of the reference were left out" in inputs.warnings[0]
    assert "payload.max_columns" in inputs.warnings[0]


def test_the_schema_of_a_streamed_reference_knows_all_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extremes and the one missing cell may stand in rows that were not drawn."""
    monkeypatch.setattr(study, "MAX_HELD_CELLS", 1000)
    monkeypatch.setattr(study, "MAX_DRAWN_CELLS", 1000)
    cells = [str(i % 100) for i in range(60_000)]
    cells[31_000], cells[31_001], cells[31_002] = "-1000", "5000", ""
    path = tmp_path / "r.csv"
    path.write_text("x\n" + "\n".join(cells[:31_002]) + "\nNA\n" + "\n".join(cells[31_003:]))
    inputs = look(path, [{"x": float(i)} for i in range(20)])
    assert inputs.schema is not None
    (column,) = inputs.schema.columns
    assert (column.low, column.high) == (-1000, 5000)
    assert column.missing_share == pytest.approx(1 / 60_000)
    assert inputs.schema.n == 60_000 + 20


def test_the_time_column_is_read_and_not_watched(tmp_path: Path) -> None:
    """It grows for ever: as a column it would always drift."""
    path = tmp_path / "r.csv"
    rows = "\n".join(f"{i},2013-01-{1 + i // 24:02d}T{i % 24:02d}:00" for i in range(24 * 28))
    path.write_text(f"x,at\n{rows}\n")
    inputs = look(path, [{"x": 1.0}] * 20, time_column="at")
    assert [column.name for column in inputs.profile.columns] == ["x"]
    assert inputs.profile.ordered
    assert "at" not in inputs.columns


def test_nothing_in_common_is_refused(tmp_path: Path) -> None:
    """The reference of another model would make every monitor blind."""
    path = tmp_path / "r.csv"
    path.write_text("y\n1\n2\n")
    with pytest.raises(CertifyError, match=r"no column in common.*rename the columns"):
        look(path, [{"x": 1.0}] * 20)


def test_columns_that_held_text_are_remembered_for_service() -> None:
    """What only the reference showed is added to what requests taught."""
    assert with_texts(None, frozenset()) is None
    assert with_texts(None, frozenset({"b"})) == Learned(text_columns=("b",))
    known = Learned(text_columns=("a",), vocabularies={"a": (1,)})
    assert with_texts(known, frozenset({"b"})) == Learned(
        text_columns=("a", "b"), vocabularies={"a": (1,)}
    )
