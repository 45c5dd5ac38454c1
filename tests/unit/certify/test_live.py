"""A benchmark of live traffic: everything that was seen, and a warning about what it is worth."""

from __future__ import annotations

import numpy as np
import pytest

import made
from proxy.benchmark import dump, load
from proxy.certify.certify import Silence
from proxy.certify.files import CertifyError
from proxy.certify.live import Lately, certify_lately
from proxy.records import Model, Rows, Scalar, Side

N = 1500


def body(
    number: int, side: Side, columns: dict[str, list[Scalar]], model: Model = Model.CANDIDATE
) -> Rows:
    """Give the rows of one side of one exchange; the stable model got a copy."""
    return made.rows(
        columns,
        exchange_id=number if model is Model.CANDIDATE else 10_000 + number,
        at_s=float(number),
        model=model,
        side=side,
        pair_id=number if model is Model.STABLE else None,
    )


def lately(n: int = N) -> Lately:
    """Give what was collected of `n` requests, every third of which was mirrored."""
    rng = np.random.default_rng(0)
    bodies: list[Rows] = []
    for i in range(n):
        x = float(rng.normal())
        secret: Scalar = "rare" if i == 3 else "york"
        bodies.append(body(i, Side.INPUT, {"x": [x], "city": [secret]}))
        bodies.append(body(i, Side.OUTPUT, {"p": [x / 2]}))
        if i % 3 == 0:
            bodies.append(body(i, Side.OUTPUT, {"p": [x / 2 + 0.01]}, Model.STABLE))
    timings = [(float(rng.lognormal(-3, 0.1)), 1, 80) for _ in range(n)]
    return Lately(
        bodies=bodies,
        timings={"candidate": timings, "stable": timings[:5]},
        answers={"candidate": n, "stable": 5},
        failed={"candidate": {"server": 2}},
        names={"candidate": "churn-2"},
        utc_offset_s=1.7e9,
    )


def test_everything_that_was_seen_is_certified() -> None:
    """Inputs, answers of both models, agreement, latency, failures; a file that can be read."""
    found = certify_lately(lately(), Silence(), np.random.default_rng(0))
    assert load(dump(found)) == found
    assert (found.input.n, found.input.ordered) == (N, True)
    assert {model: profile.n for model, profile in found.outputs.items()} == {
        "candidate": N,
        "stable": N // 3,
    }
    assert found.agreement is not None
    assert found.agreement.n == N // 3
    assert set(found.latency) == {"candidate"}
    assert found.errors["candidate"].failed == {"server": 2}
    assert found.self_test is not None
    assert found.sample is not None
    assert found.models == {"candidate": "churn-2"}
    assert len(found.sha256["reference"]) == 64


def test_the_certificate_says_what_it_is_worth() -> None:
    """It certifies today, capacity is not known, and rare strings do not enter."""
    found = certify_lately(lately(), Silence(), np.random.default_rng(0))
    told = " ".join(found.warnings)
    assert "1,500 rows of live traffic in 25.0 minutes" in told
    assert "not that this is right" in told
    assert "latency of: stable" in told
    assert "Capacity was not measured" in told
    assert b"rare" not in dump(found).replace(b"rarely", b"")


def test_traffic_that_cannot_be_read_is_no_reference() -> None:
    """The way out stands in the message."""
    only_answers = Lately(bodies=[body(1, Side.OUTPUT, {"p": [1.0]})])
    with pytest.raises(CertifyError, match="no input row was read"):
        certify_lately(only_answers, Silence(), np.random.default_rng(0))
