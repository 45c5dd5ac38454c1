"""Reference rows become what the decoder would have made of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from proxy.certify.answers import certifying, decode_inputs, stack
from proxy.certify.files import CertifyError
from proxy.certify.recorded import Recorded
from proxy.certify.redaction import treatments
from proxy.certify.rows import RowMaker
from proxy.certify.tables import Cell
from proxy.payload.decode import Decoder
from proxy.payload.learning import Learned
from proxy.payload.settings import Payload, Redact, Treatment
from proxy.payload.text import hash_word
from proxy.records import Scalar

KEY = "k" * 16
ROWS: list[dict[str, Cell]] = [
    {
        "age": age,
        "member": age % 2 == 0,
        "city": ["york", "bath", None][age % 3],
        "iban": f"CH{age:02d}",
        "mail": f"a{age}@b.ch",
        "note": f"please call me at a{age}@b.ch or anywhere",
        "user": {"id": age, "tags": ["x", "y"]},
        "pixels": [[float(age), 1.0], [2.0, 3.0]],
        "v": [0.5, float(age)],
    }
    for age in range(1, 41)
]


def maker(
    redact: Redact, learned: Learned | None = None, payload: Payload | None = None
) -> RowMaker:
    """Give a maker of rows for requests like `ROWS`."""
    settings = payload or Payload()
    how = treatments(settings, redact, [request(row) for row in ROWS])
    return RowMaker(settings, redact, learned, how, {"age", "note.words", "v[0]"})


def request(row: Cell) -> Recorded:
    """Give a recorded V1 prediction."""
    body = json.dumps({"instances": [row]}).encode()
    headers = {"content-type": "application/json"}
    return Recorded(method="POST", target="/v1/models/m:predict", headers=headers, body=body)


def reference(redact: Redact) -> dict[str, list[Scalar]]:
    """Make the columns of the rows as a reference."""
    names = list(ROWS[0])
    return maker(redact).rows({name: [row[name] for row in ROWS] for name in names})


@pytest.mark.parametrize(
    "redact",
    [
        Redact(categories="clear"),
        Redact(categories="hash", key=KEY),
        Redact(categories="clear", drop=("/instances/*/iban",), mask=("/instances/*/city",)),
        Redact(
            categories="clear", key=KEY, hash=("/instances/*/iban", "/instances/*/user/id"),
            columns={"mail": Treatment.HASH, "age": Treatment.DROP},
        ),
    ],
    ids=["clear", "hash", "pointers", "columns"],
)  # fmt: skip
def test_rows_of_the_reference_are_those_of_requests(redact: Redact) -> None:
    """Flattened, described, dropped, hashed and masked to the very same values."""
    live = stack(
        decode_inputs(Decoder(Payload(), certifying(redact)), [request(row) for row in ROWS])
    )
    assert reference(redact) == live


def test_parts_of_vectors_without_a_name_are_treated() -> None:
    """A pointer may name a place in the row."""
    redact = Redact(drop=("/instances/*/1",), key=KEY)
    rows: list[Cell] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    asked = [request(row) for row in rows]
    how = treatments(Payload(), redact, asked)
    made = RowMaker(Payload(), redact, None, how, {"x0", "x2"}).rows({"": rows})
    assert made == {"x0": [1.0, 4.0], "x2": [3.0, 6.0]}


def test_a_hash_of_a_number_does_not_depend_on_the_file() -> None:
    """CSV gives 7.0 where a request has 7; the hash is one."""
    redact = Redact(hash=("/instances/*/user/id",), key=KEY)
    made = maker(redact).rows({"user.id": [7.0, None]})["user.id"]
    live = stack(
        decode_inputs(Decoder(Payload(), certifying(redact)), [request({"user": {"id": 7}})])
    )
    assert made == [live["user.id"][0], None]


def test_secrets_in_strings_are_masked() -> None:
    """Mail addresses, card numbers and tokens are found inside whatever is kept."""
    cells = ["me@corp.example", "4111 1111 1111 1111", "sk-abcdefgh12345678", "fine"]
    assert maker(Redact()).rows({"c": cells})["c"] == ["(masked)", "(masked)", "(masked)", "fine"]


def test_texts_are_described_with_the_vocabulary() -> None:
    """Once a column held text it is text for good."""
    learned = Learned(text_columns=("note",), vocabularies={"note": (hash_word("red"),)})
    made = maker(Redact(), learned).rows({"note": ["red blue", None]})
    assert made["note.words"] == [2, None]
    assert made["note.novelty"] == [0.5, None]
    late = maker(Redact())
    late.rows({"c": ["a", "b"]})
    assert late.text_columns == frozenset()
    assert "c.words" in late.rows({"c": ["a", "a sentence of at least five words"]})
    assert late.text_columns == {"c"}


def test_arrays_without_a_name_are_named_as_those_of_requests() -> None:
    """`x0`, `x1`, ... and beyond 64 numbers a tensor."""
    made = maker(Redact()).rows({"": np.arange(6.0).reshape(3, 2).tolist()})
    assert made == {"x0": [0.0, 2.0, 4.0], "x1": [1.0, 3.0, 5.0]}
    assert maker(Redact()).rows({"": np.ones((2, 100)).tolist()})["x.size"] == [100, 100]


def test_columns_of_requests_go_before_others_when_there_are_too_many() -> None:
    """Beside them as many as a body may have; the rest is counted."""
    one = maker(Redact(), payload=Payload(max_columns=3))
    names = [f"c{i}" for i in range(10)]
    assert [name for name in names if one.accepts(name)] == ["c0", "c1", "c2"]
    assert [name for name in names if one.accepts(name)] == ["c0", "c1", "c2"]
    assert one.accepts("age")
    assert one.accepts("note")
    assert one.accepts("v")
    assert one.n_left_out == 7


def test_a_ragged_tensor_is_refused_with_its_column() -> None:
    """A reference that cannot be read is not guessed at."""
    with pytest.raises(CertifyError, match="column 'm': A tensor is ragged"):
        maker(Redact()).rows({"m": [[[1.0], [2.0, 3.0]]]})
