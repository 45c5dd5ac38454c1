"""The catalogue: names and labels as Prometheus and the contract want them."""

from __future__ import annotations

import re

import pytest

from proxy.telemetry import catalogue
from proxy.telemetry.catalogue import Family, Kind

FAMILIES = (*catalogue.BY_WATCHER, *catalogue.BY_SUPERVISOR)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_follow_the_conventions(family: Family) -> None:
    """One prefix, `_total` on counters and only there, base units, help that is a sentence."""
    assert re.fullmatch(r"stablehand_[a-z]+(_[a-z]+)*", family.name)
    assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
    assert not re.search(r"_(ms|milliseconds|kb|percent|count|sum|bucket)(_|$)", family.name)
    if family.kind is Kind.HISTOGRAM:
        assert family.name.endswith("_seconds")
    assert family.help.endswith(".")
    assert len(set(family.labels)) == len(family.labels)
    assert not set(family.labels) & {"le", "quantile", "job", "instance", "pod", "namespace"}


def test_every_family_is_exported_once() -> None:
    """No family was forgotten in the lists, and no name is used twice."""
    made = [value for value in vars(catalogue).values() if isinstance(value, Family)]
    assert sorted(family.name for family in made) == sorted(family.name for family in FAMILIES)
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
