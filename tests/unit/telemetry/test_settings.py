"""Settings of the voice: mistakes are named."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.telemetry.settings import Admin, JournalSettings, LogSettings, MetricsSettings


def test_the_defaults_are_valid() -> None:
    """Every default passes its own rule."""
    for kind in (Admin, MetricsSettings, LogSettings, JournalSettings):
        assert TypeAdapter(kind).validate_python({}) == kind()


def test_a_short_token_is_refused_without_showing_it() -> None:
    """A token that can be guessed is an error, and the error does not print it."""
    with pytest.raises(ValueError, match="at least 32") as caught:
        Admin(token="hunter2-hunter2")  # noqa: S106  # the point of the test
    assert "hunter2" not in str(caught.value)


def test_edges_must_grow() -> None:
    """Equal or falling bucket edges are refused with the name of the setting."""
    with pytest.raises(ValueError, match="gap_edges_s"):
        MetricsSettings(gap_edges_s=(0.1, 0.1))


def test_unknown_keys_and_wrong_units_are_refused() -> None:
    """A typing mistake in a key and a zero timeout are errors."""
    for wrong in ({"prot": 1}, {"watcher_timeout_s": 0}, {"port": 70_000}):
        with pytest.raises(ValidationError):
            TypeAdapter(Admin).validate_python(wrong)


def test_every_setting_is_explained() -> None:
    """The docstring below each field reaches the JSON Schema."""
    for kind in (Admin, MetricsSettings, LogSettings, JournalSettings):
        for name, field in TypeAdapter(kind).json_schema()["properties"].items():
            assert field.get("description"), name
