"""Two passes over rows that are not kept give the profile of rows that are."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from proxy.records import Scalar
from proxy.stats.reference.column import ColumnProfile, Kind, build_column
from proxy.stats.reference.streaming import ColumnDigest, Digest, Tally

N = 60_000


def rows(seed: int = 0) -> dict[str, list[Scalar]]:
    """Give columns of every kind: continuous, few values, words, truth, mixed, ids, empty."""
    rng = np.random.default_rng(seed)
    mixed: list[Scalar] = rng.normal(size=N).tolist()
    for row, value in enumerate((None, float("nan"), float("inf"), "text", True, 1e200)):
        mixed[row * 7] = value
    return {
        "smooth": np.repeat(rng.normal(10, 2, N // 10), 10).tolist(),
        "hour": rng.integers(0, 24, N).tolist(),
        "tied": np.where(rng.random(N) < 0.3, 0.0, rng.exponential(size=N)).tolist(),
        "city": rng.choice(["york", "bath", "ely"], N, p=[0.7, 0.2, 0.1]).tolist(),
        "member": (rng.random(N) < 0.4).tolist(),
        "mixed": mixed,
        "id": [f"row {i}" for i in range(N)],
        "gone": [None] * N,
    }


def stream(
    columns: dict[str, list[Scalar]], *, ordered: bool, files: int = 1
) -> dict[str, ColumnProfile]:
    """Profile rows in two passes of chunks; with several files their digests are merged."""
    rng = np.random.default_rng(1)
    digest = Digest(rng)
    borders = np.linspace(0, N, files + 1).astype(int).tolist()
    for first, last in itertools.pairwise(borders):
        own = Digest(rng)
        for at in range(first, last, 4096):
            own.add({name: v[at : min(at + 4096, last)] for name, v in columns.items()})
        digest.merge(own)
    tally = Tally(digest, ordered=ordered)
    for at in range(0, N, 5000):
        tally.add({name: values[at : at + 5000] for name, values in columns.items()})
    assert digest.n == tally.n == N
    return {profile.name: profile for profile in tally.profiles()}


def shapes(column: ColumnProfile) -> dict[str, float]:
    """Give the design effects of what is not named by its borders."""
    effects = column.design_effects or {}
    return {name: figure for name, figure in effects.items() if not name.startswith("value")}


@pytest.mark.parametrize("files", [1, 3])
def test_streamed_profiles_are_those_of_rows_at_hand(files: int) -> None:
    """Bins that need no quantile are the same, quantiles lie within the sketch's error."""
    columns = rows()
    streamed = stream(columns, ordered=True, files=files)
    for name, values in columns.items():
        known = build_column(name, values, ordered=True)
        found = streamed[name]
        assert (found.kind, found.n) == (known.kind, known.n)
        assert found.mean == pytest.approx(known.mean, rel=1e-9)
        assert found.sd == pytest.approx(known.sd, rel=1e-9)
        if name not in {"smooth", "tied", "mixed"}:
            assert (found.edges, found.categories) == (known.edges, known.categories)
            assert found.masses == pytest.approx(known.masses)
            assert found.design_effects == known.design_effects
        else:
            assert len(found.edges) == len(known.edges)
            ends = (found.edges[0], found.edges[-1])
            assert ends == (known.edges[0], known.edges[-1])
            assert found.masses == pytest.approx(known.masses, abs=0.003)
            assert shapes(found) == pytest.approx(shapes(known), rel=0.25)


def test_masses_are_counted_not_estimated() -> None:
    """The sketch places the borders; how many rows lie between them is exact."""
    columns = rows()
    found = stream(columns, ordered=False)["smooth"]
    counts = np.bincount(found.binner().bins(columns["smooth"]), minlength=len(found.masses))
    assert np.array(found.masses)[counts > 0] == pytest.approx(counts[counts > 0] / N, rel=1e-3)
    assert found.design_effects is None


def test_rare_categories_are_not_kept() -> None:
    """An id in every row gives no category, and neither does what four rows have."""
    columns: dict[str, list[Scalar]] = {"id": [f"row {i}" for i in range(N)]}
    columns["city"] = ["york"] * (N - 9) + ["ely"] * 5 + ["bath"] * 4
    found = stream(columns, ordered=False)
    assert found["id"].categories == ()
    assert found["city"].categories == ("york", "ely")


def test_a_number_that_is_mostly_infinite_stays_a_number() -> None:
    """As with rows at hand; half of the rows come with text among them."""
    digest, other = (ColumnDigest(np.random.default_rng(1)) for _ in range(2))
    digest.add([math.inf, math.inf, 1.0] * 50)
    other.add([math.inf, math.inf, 2.0, math.inf, "x", True] * 50)
    digest.merge(other)
    assert digest.kind is Kind.NUMERIC
    nothing = ColumnDigest(np.random.default_rng(1))
    nothing.add([math.inf] * 100)
    assert nothing.kind is Kind.CATEGORICAL


def test_a_column_that_comes_late_is_missing_before() -> None:
    """Files may have different columns."""
    digest = Digest(np.random.default_rng(0))
    digest.add({"a": [1.0, 2.0] * 100})
    digest.add({"b": ["x"] * 600})
    tally = Tally(digest, ordered=False)
    tally.add({"a": [1.0, 2.0] * 100})
    tally.add({"b": ["x"] * 600})
    by_name = {profile.name: profile for profile in tally.profiles()}
    assert by_name["a"].n == by_name["b"].n == 800
    assert by_name["a"].masses[-2] == pytest.approx(6 / 8, abs=0.01)
    assert by_name["b"].masses[-2] == pytest.approx(2 / 8, abs=0.01)
    assert (by_name["a"].kind, by_name["b"].categories) == (Kind.NUMERIC, ("x",))
