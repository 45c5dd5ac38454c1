"""Snapshots: evidence survives a restart bit by bit, and fits nothing else."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine import snapshot
from proxy.stats.engine.streams import watch_columns, watch_shares
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import build_column


def watch(share: float = 0.01) -> Watch:
    """Give a watch on two shares."""
    tolerance = Tolerance(effect=0.05)
    streams = watch_shares("", {"a": share, "b": share}, 1000, tolerance, 1.0)
    return Watch(streams, Certainty(run_length_ticks=1e6))


def show(watched: Watch, ticks: int, n_bad: int) -> None:
    """Show ticks of 100 rows with this many bad ones in the first stream."""
    for _ in range(ticks):
        bins = np.zeros(100, dtype=np.intp)
        bins[:n_bad] = 1
        watched.add(0, bins)
        watched.add(1, np.zeros(100, dtype=np.intp))
        watched.tick()


@pytest.mark.parametrize("n_bad", [0, 3, 60])
def test_going_on_is_the_same_as_never_having_stopped(n_bad: int) -> None:
    """With and without a breach, evidence, confirmation and recovery go on where they were."""
    original, restarted = watch(), watch()
    show(original, 10, n_bad)
    assert snapshot.load(restarted, snapshot.save(original))
    for _ in range(30):
        show(original, 1, 0)
        show(restarted, 1, 0)
        assert restarted.evidence == original.evidence
        assert restarted.confirmation == original.confirmation
        assert restarted.recovery == original.recovery
        assert restarted.blamed() == original.blamed()
        carriers = [one.breach.carriers if one.breach else {} for one in (original, restarted)]
        assert carriers[0] == carriers[1]


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    """Damaged bytes and evidence about another reference are refused."""
    original, other = watch(), watch(0.02)
    show(original, 10, 60)
    raw = snapshot.save(original)
    for wrong in (b"", b"x", raw[:-9], b"\x80"):
        assert not snapshot.load(watch(), wrong)
    assert not snapshot.load(other, raw)
    assert other.breach is None


def test_a_breach_of_streams_that_are_not_there_is_refused() -> None:
    """A stream or a functional beyond those of the watch would end a later tick."""
    original = watch()
    show(original, 10, 60)
    for carriers in ({0: 99}, {0: -1}, {99: 0}):
        state = msgspec.msgpack.decode(snapshot.save(original))
        state["breach"]["carriers"] = carriers
        assert not snapshot.load(watch(), msgspec.msgpack.encode(state))
    state = msgspec.msgpack.decode(snapshot.save(original))
    state["breach"]["recoveries"][0]["stream"] = 99
    assert not snapshot.load(watch(), msgspec.msgpack.encode(state))


def test_evidence_about_a_column_with_other_borders_fits_no_more() -> None:
    """A new certificate of as many rows has the same masses and bets, but other bins."""
    watches = []
    for centre in (0.0, 5.0):
        values = np.random.default_rng(1).normal(centre, size=5000).tolist()
        streams = watch_columns(
            (build_column("x", values, ordered=True),), {}, Tolerance(effect=0.1)
        )
        watches.append(Watch(streams, Certainty(run_length_ticks=1e6)))
    old, new = watches
    assert snapshot.load(old, snapshot.save(old))
    assert not snapshot.load(new, snapshot.save(old))


def test_the_fingerprint_is_made_once_for_each_watch() -> None:
    """The state is saved every few seconds; equal watches have equal fingerprints all the same."""
    one, other = watch(), watch()
    assert snapshot.fingerprint(one) is snapshot.fingerprint(one)
    assert snapshot.fingerprint(one) == snapshot.fingerprint(other)
    assert snapshot.fingerprint(one) != snapshot.fingerprint(watch(0.02))


def test_several_watches_together() -> None:
    """All must fit; a missing one starts fresh and is reported."""
    first, second = watch(), watch()
    show(first, 10, 60)
    raw = snapshot.save_all({"a": first, "b": second})
    again = {"a": watch(), "b": watch()}
    assert snapshot.load_all(again, raw)
    assert again["a"].breach is not None
    assert not snapshot.load_all({"a": watch(), "c": watch()}, raw)
    assert not snapshot.load_all({"a": watch()}, b"junk")
    assert not snapshot.load_all({}, raw)
