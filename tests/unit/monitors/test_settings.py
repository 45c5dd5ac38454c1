"""Settings of the monitors: strict, documented, and turned into what the detector needs."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.monitors.settings import DriftSettings, Monitors


def test_defaults_are_valid_and_every_field_is_documented() -> None:
    """The defaults pass their own rules, and each setting says what it does."""
    adapter = TypeAdapter(Monitors)
    assert adapter.validate_python({}) == Monitors()
    schema = adapter.json_schema()
    for name, definition in {"Monitors": schema, **schema["$defs"]}.items():
        for field, described in definition["properties"].items():
            text = described.get("description", "")
            assert text, f"{name}.{field} has no docstring"


@pytest.mark.parametrize(
    "wrong",
    [
        {"tick_s": 0},
        {"unknown": 1},
        {"input": {"tolerance": -1}},
        {"latency": {"tolerance": 2}},
        {"errors": {"uncertified_share": -0.1}},
        {"agreement": {"min_pairs": 0}},
    ],
)
def test_mistakes_are_refused(wrong: dict[str, object]) -> None:
    """Unknown keys and values out of range are errors."""
    with pytest.raises(ValidationError):
        TypeAdapter(Monitors).validate_python(wrong)


def test_drift_settings_reach_the_detector() -> None:
    """Every drift setting that the detector knows is handed on."""
    settings = DriftSettings(
        tolerance=0.2,
        weights={"a": 2.0},
        ignore=("b",),
        reference_z=3.5,
        unmeasured_design_effect=9.0,
        max_rows_per_exchange=7,
        max_columns=8,
    )
    rule = settings.rule()
    assert dataclasses.asdict(rule) == {
        "tolerance": {
            "effect": 0.2,
            "reference_z": 3.5,
            "unmeasured_design_effect": 9.0,
            "worse_only": False,
        },
        "weights": {"a": 2.0},
        "ignore": frozenset({"b"}),
        "max_rows": 7,
        "max_columns": 8,
        "learn_ticks": 8640,
        "recent_past": True,
    }
