"""Redaction of names, strings and parts of bodies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.redact import MASKED, OTHER, Redactor, is_card
from proxy.payload.settings import Redact, Treatment


@pytest.mark.parametrize(
    "secret",
    [
        "ada@example.org",
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "+49 170 1234567",
        "0049 (170) 123-4567",
        "sk-abcdefghijklmnop1234",
        "ghp_0123456789abcdefghij",
        "9f8e7d6c5b4a3210deadbeef00",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0",
    ],
)
def test_personal_data_and_secrets_are_masked(secret: str) -> None:
    """Each shape is masked, alone and within other words."""
    scrub = Redactor(Redact()).scrub
    assert scrub(secret) == MASKED
    assert secret not in scrub(f"see {secret} now")


@pytest.mark.parametrize(
    "harmless",
    [
        "JFK",
        "2024-11-23",
        "1234567890123",
        "3.14159",
        "cherry red",
        "B-737",
        "skateboarding-equipment",
    ],
)
def test_ordinary_values_are_kept(harmless: str) -> None:
    """Codes, dates, versions and numbers that fail Luhn's check are not secrets."""
    assert Redactor(Redact()).scrub(harmless) == harmless


@given(st.text("0123456789", min_size=12, max_size=18))
def test_luhn_accepts_exactly_one_check_digit(digits: str) -> None:
    """Of the ten digits that can end a number, one passes (ISO/IEC 7812-1, annex B)."""
    assert sum(is_card(digits + str(last)) for last in range(10)) == 1


def test_only_certified_strings_are_kept_by_default() -> None:
    """A category that the benchmark knows stays; any other is hashed, or `(other)` without key."""
    certified = {"carrier": frozenset({"AA", "see (masked)"})}
    redactor = Redactor(Redact(), certified)
    assert redactor.category("carrier", "AA") == "AA"
    assert redactor.category("carrier", "ZZ") == OTHER
    assert redactor.category("origin", "AA") == OTHER
    assert redactor.category("carrier", "see ada@example.org") == "see (masked)"
    keyed = Redactor(Redact(key="k"), certified)
    assert keyed.category("carrier", "ZZ").startswith("h:")


def test_hashes_depend_on_key_and_value() -> None:
    """Equal strings stay equal, other keys give other hashes."""
    first, second = Redactor(Redact(key="a")), Redactor(Redact(key="b"))
    assert first.hashed("x") == first.hashed("x")
    assert len({first.hashed("x"), first.hashed("y"), second.hashed("x")}) == 3
    assert first.hashed("\ud800") != first.hashed("x")


@pytest.mark.parametrize(
    ("categories", "treatment", "kept"),
    [
        ("clear", None, "red"),
        ("clear", Treatment.HASH, OTHER),
        ("clear", Treatment.MASK, MASKED),
        ("hash", None, OTHER),
        ("hash", Treatment.CLEAR, "red"),
        ("certified", Treatment.CLEAR, "red"),
        ("certified", None, OTHER),
    ],
)
def test_the_treatment_of_a_column_goes_first(
    categories: Any, treatment: Treatment | None, kept: str
) -> None:
    """A column that is named in the settings is treated as they say."""
    columns = {} if treatment is None else {"colour": treatment}
    redactor = Redactor(Redact(categories=categories, columns=columns))
    assert redactor.category("colour", "red") == kept


def test_clear_strings_are_scrubbed_all_the_same() -> None:
    """A column kept in clear still has its card numbers masked."""
    redactor = Redactor(Redact(columns={"note": Treatment.CLEAR}))
    assert redactor.category("note", "pay 4111111111111111") == f"pay {MASKED}"


def test_equal_numbers_have_equal_hashes_however_they_are_written() -> None:
    """A file of reference rows gives 7.0 where a request has 7; truth and text stay apart."""
    hashed = Redactor(Redact(key="k")).hashed_value
    assert hashed(7) == hashed(7.0) == hashed("7")
    assert len({str(hashed(value)) for value in (7, 7.5, True, "true", 0)}) == 5
    assert hashed([7, {"a": 7.0}]) == [hashed(7), {"a": hashed(7)}]
    assert hashed(None) is None


def test_pointers_drop_hash_and_mask_parts_of_a_body() -> None:
    """Parts are gone before any decoder sees them."""
    settings = Redact(drop=("/a",), hash=("/b",), mask=("/c/*",), key="k")
    body: Any = {"a": 1, "b": ["x", None, {"y": "z"}], "c": [1, "s", None], "d": 4}
    found = Redactor(settings).body(body)
    assert "a" not in found
    assert found["b"][0].startswith("h:")
    assert found["b"][1] is None
    assert found["b"][2]["y"].startswith("h:")
    assert found["c"] == [MASKED, MASKED, None]
    assert found["d"] == 4


def test_names_are_not_trusted() -> None:
    """Keys of bodies become column names: short, printable and scrubbed."""
    name = Redactor(Redact()).name
    assert name("age") == "age"
    assert name("a\nb\x00") == "a?b?"
    assert len(name("xy" * 1000)) <= 80
    assert name("median house value in USD") == OTHER
    assert name("median house value") == "median house value"
    assert "example" not in name("ada@example.org")


def test_a_dropped_column_is_known() -> None:
    """The table asks before it reads."""
    redactor = Redactor(Redact(columns={"ssn": Treatment.DROP}))
    assert redactor.is_dropped("ssn")
    assert not redactor.is_dropped("age")
