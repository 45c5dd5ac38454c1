"""Columns of the reference are treated as the pointers treat them in requests."""

from __future__ import annotations

import json

import pytest

from proxy.certify.recorded import Recorded
from proxy.certify.redaction import Treatments, treatments
from proxy.payload.settings import Payload, Redact, Treatment

KEY = "k" * 16


def request(row: dict[str, object]) -> Recorded:
    """Give a recorded V1 prediction."""
    body = json.dumps({"instances": [row]}).encode()
    headers = {"content-type": "application/json"}
    return Recorded(method="POST", target="/v1/models/m:predict", headers=headers, body=body)


ROWS = [
    {"age": age, "mail": f"a{age}@b.ch", "zip": str(8000 + age), "user": {"id": age, "tier": "x"},
     "v": [1.0, 2.0, float(age)]}
    for age in range(20)
]  # fmt: skip


def found(redact: Redact) -> dict[str, Treatment | None]:
    """Give what becomes of the columns of the requests, and of some that none has."""
    shown = treatments(Payload(), redact, [request(row) for row in ROWS])
    names = ("age", "mail", "zip", "user.id", "user.tier", "v[0]", "v[2]", "salary", "v")
    return {name: shown.of(name) for name in names}


def test_requests_show_what_a_pointer_does() -> None:
    """Dropped, hashed and masked, by the place in the body."""
    redact = Redact(
        drop=("/instances/*/mail", "/instances/*/v/2"),
        hash=("/instances/*/zip", "/instances/*/user/id"),
        mask=("/instances/*/user/tier",),
        key=KEY,
    )
    how = found(redact)
    assert how["mail"] is how["v[2]"] is Treatment.DROP
    assert how["zip"] is how["user.id"] is Treatment.HASH
    assert how["user.tier"] is Treatment.MASK
    assert how["age"] is how["v[0]"] is how["salary"] is None


def test_a_column_that_no_request_shows_is_treated_by_its_name() -> None:
    """The end of the pointer names it; what lies below is meant, too."""
    how = Treatments(Redact(drop=("/instances/*/salary", "/rows/*/user"), hash=("/a~1b",)), {})
    assert how.of("salary") is how.of("user.name") is how.of("user[0]") is Treatment.DROP
    assert how.of("a/b") is Treatment.HASH
    assert how.of("salaries") is how.of("bonus.salary") is how.of("x") is None


def test_what_requests_show_goes_before_the_name() -> None:
    """The same name elsewhere in the body may stay."""
    redact = Redact(drop=("/other/*/age",))
    assert found(redact)["age"] is None


@pytest.mark.parametrize("redact", [Redact(), Redact(columns={"age": Treatment.DROP})])
def test_without_pointers_nothing_is_treated_here(redact: Redact) -> None:
    """Treatments of single columns are the table's, as in service."""
    assert set(found(redact).values()) == {None}
