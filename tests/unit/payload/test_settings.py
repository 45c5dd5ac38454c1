"""The settings load strictly, as the configuration loads them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.payload.protocols import Protocol
from proxy.payload.settings import Pattern, Payload, Redact, Treatment


def test_nothing_needs_to_be_set() -> None:
    """The defaults sample every known protocol and keep no string that is not certified."""
    assert TypeAdapter(Payload).validate_python({}) == Payload()
    assert TypeAdapter(Redact).validate_python({}) == Redact()
    assert Redact().categories == "certified"
    assert set(Redact().patterns) == set(Pattern)


def test_words_become_members() -> None:
    """Protocols and treatments are written as words."""
    payload = TypeAdapter(Payload).validate_python({"paths": {"^/x$": "json"}})
    assert payload.paths == {"^/x$": Protocol.JSON}
    redact = TypeAdapter(Redact).validate_python({"columns": {"name": "drop"}})
    assert redact.columns == {"name": Treatment.DROP}


@pytest.mark.parametrize(
    "given",
    [
        {"protocl": "json"},
        {"protocol": "grpc"},
        {"max_rows": 0},
        {"max_depth": -1},
        {"paths": {"^/(": "json"}},
    ],
)
def test_mistakes_are_errors(given: dict[str, object]) -> None:
    """Unknown keys, unknown words and numbers out of range are refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(Payload).validate_python(given)
