"""Rows that stay in the benchmark: few, in order, and without what could point at a person."""

from __future__ import annotations

import json
import math

import msgspec
import numpy as np

from proxy.certify.sample import MAX_CELLS, keep_sample
from proxy.records import Scalar
from proxy.stats.reference.profile import build_profile

RNG = np.random.default_rng(0)


def columns(n: int) -> dict[str, list[Scalar]]:
    """Give a number, a category with one rare value, and a boolean."""
    city: list[Scalar] = ["york", "bath"] * (n // 2)
    city[3] = "Atlantis"
    return {"row": [float(i) for i in range(n)], "city": city, "member": [True] * n}


def test_rows_are_drawn_whole_in_order_and_without_rare_strings() -> None:
    """Cells of one row stay together; a string that one row has is missing."""
    given = columns(100)
    sample = keep_sample(given, build_profile(given, RNG, ordered=True), 100, RNG)
    assert sample is not None
    assert sample.n == 100
    assert sample.columns["row"] == given["row"]
    assert sample.columns["city"] == [None if one == "Atlantis" else one for one in given["city"]]
    assert sample.columns["member"] == [True] * 100
    few = keep_sample(given, build_profile(given, RNG, ordered=True), 10, RNG)
    assert few is not None
    rows = few.columns["row"]
    assert few.n == len(rows) == 10
    assert rows == sorted(set(map(float, map(str, rows))))


def test_none_are_kept_when_none_are_wanted_or_there() -> None:
    """Zero switches it off; an empty reference has nothing to keep."""
    given = columns(100)
    profile = build_profile(given, RNG, ordered=True)
    assert keep_sample(given, profile, 0, RNG) is None
    assert keep_sample({}, build_profile({}, RNG, ordered=True), 9, RNG) is None


def test_cells_that_json_cannot_say_are_missing() -> None:
    """NaN and infinities become null, text among numbers too, and digits beyond nine are cut."""
    given: dict[str, list[Scalar]] = {"x": [1 / 3, math.nan, math.inf, "oops", None, 7, 1e9 + 0.5]}
    sample = keep_sample(given, build_profile(given, RNG, ordered=True), 7, RNG)
    assert sample is not None
    assert sample.columns == {"x": [0.333333333, None, None, None, None, 7, 1000000000.0]}
    assert json.loads(msgspec.json.encode(sample))["n"] == 7


def test_wide_references_keep_fewer_rows() -> None:
    """The file is bounded by cells."""
    wide = {f"x{i}": [1.0] * 50 for i in range(8000)}
    sample = keep_sample(wide, build_profile(wide, RNG, ordered=False), 1000, RNG)
    assert sample is not None
    assert sample.n == MAX_CELLS // 8000
