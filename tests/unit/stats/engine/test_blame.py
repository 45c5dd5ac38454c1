"""Whom to blame: an error rate for the list, and derived streams traced back to real columns."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from proxy.stats.basis.demands import Tolerance
from proxy.stats.engine.blame import Suspect, e_bh, explained, with_members
from proxy.stats.engine.streams import watch_shares

NAMES = ("a", "b", "c", "a with b", "together", "least")
PLAIN = dict(
    zip(
        NAMES,
        watch_shares("", dict.fromkeys(NAMES, 0.01), 1000, Tolerance(effect=0.1), 1.0),
        strict=True,
    )
)
COLUMNS = frozenset({"a", "b", "c"})
MEMBERS = {"a with b": frozenset({"a", "b"}), "together": COLUMNS | {"least"}, "least": COLUMNS}


def suspect(name: str, subject: str = "", share: float = 1.0) -> Suspect:
    """Give a suspect; one that is called `least` names the column `subject` in `share` of rows."""
    watched = replace(
        PLAIN[name],
        members=MEMBERS.get(name, frozenset()),
        spokesmen=(subject,) if name == "least" else (),
    )
    return Suspect(
        stream=NAMES.index(name),
        watched=watched,
        subject=subject or name,
        share=share,
    )


def places(*named: str) -> set[int]:
    """Give the places of streams."""
    return {NAMES.index(name) for name in named}


def names(suspects: list[Suspect]) -> list[str]:
    """Give the names of the streams."""
    return [one.watched.name for one in suspects]


def lasting(*suspects: Suspect) -> list[str]:
    """Give the subjects that nothing explains."""
    beside = explained(suspects)
    return [one.subject for one in suspects if one.stream not in beside]


def test_e_bh_by_hand() -> None:
    """With A = 100: 40, 40 and 40 are blamed together (3 x 40 > 100), 40 and 1 are not."""
    assert e_bh(np.array([40.0, 40.0, 40.0]), math.log(100)) == [0, 1, 2]
    assert e_bh(np.array([1.0, 60.0, 51.0]), math.log(100)) == [1, 2]
    assert e_bh(np.array([1.0, 40.0, 1.0]), math.log(100)) == [1]


def test_a_column_explains_what_is_derived_from_it() -> None:
    """With a to blame, its product, the error of all and the vote for it say nothing more."""
    whole = [suspect("a"), suspect("a with b"), suspect("together"), suspect("least", "a")]
    assert lasting(*whole) == ["a"]
    assert lasting(suspect("c"), suspect("a with b")) == ["c", "a with b"]


def test_a_clear_vote_for_another_column_stays_beside_a_guilty_one() -> None:
    """That c drifts with the season does not hide that a fits nothing any more.

    But where c stopped coming, its votes go to the others, and none of them has a majority.
    """
    assert lasting(suspect("c"), suspect("together"), suspect("least", "a", 0.9)) == ["c", "a"]
    assert lasting(suspect("c"), suspect("together"), suspect("least", "a", 0.3)) == ["c"]


def test_a_clear_vote_explains_a_product_and_an_unclear_one_is_explained_by_it() -> None:
    """Most rows name a: it is a. A tenth name a, and a came apart from b: that says more."""
    assert lasting(suspect("a with b"), suspect("least", "a", 0.9)) == ["a"]
    assert lasting(suspect("a with b"), suspect("least", "a", 0.1)) == ["a with b"]
    assert lasting(suspect("a with b"), suspect("least", "c", 0.1)) == ["a with b", "c"]


def test_an_unexplained_stream_is_traced_to_the_column_that_most_rows_name() -> None:
    """The error of all columns alone names nobody: the vote does, before its own evidence would."""
    others = [suspect("b"), suspect("least", "a", 0.9), suspect("a")]
    found = with_members([suspect("together")], others, places("b"))
    assert names(found) == ["together", "least"]
    assert lasting(*found) == ["a"]
    own = with_members([suspect("together")], others[1:], places("a", "least"))
    assert lasting(*own) == ["a"]
    assert names(own) == ["together", "least", "a"]


def test_without_a_clear_vote_likely_members_are_taken() -> None:
    """Members with half of the evidence come after what was rejected, and no others."""
    others = [suspect("b"), suspect("least", "a", 0.1), suspect("c")]
    assert names(with_members([suspect("together")], others, places("b"))) == ["together", "b"]


def test_what_a_rejected_column_explains_is_not_traced_further() -> None:
    """With a rejected nobody else is accused for the sake of streams that a moves."""
    rejected = [suspect("a"), suspect("a with b"), suspect("together")]
    assert with_members(rejected, [suspect("b"), suspect("c")], places("b", "c")) == rejected
