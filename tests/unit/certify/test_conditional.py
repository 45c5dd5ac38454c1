"""Questions and answers of certification meet row by row, or are left out."""

from __future__ import annotations

import numpy as np
from msgspec import structs

import made
from proxy.certify.answers import Decoded
from proxy.certify.conditional import conditional_of, questions
from proxy.certify.recorded import Recorded
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.records import Rows, Scalar, Side
from proxy.stats.reference.profile import build_profile


def rows(side: Side, columns: dict[str, list[Scalar]]) -> Rows:
    """Give rows of one exchange."""
    return made.rows(columns, side=side)


def certified(n: int) -> tuple[list[Rows | None], Decoded]:
    """Give questions of two rows each and the signs of their x."""
    rng = np.random.default_rng(1)
    asked: list[Rows | None] = []
    given: list[Rows | None] = []
    for _ in range(n):
        x: list[Scalar] = rng.normal(size=2).tolist()
        asked.append(rows(Side.INPUT, {"x": x}))
        given.append(
            rows(Side.OUTPUT, {"class": ["up" if float(v or 0) > 0 else "down" for v in x]})
        )
    return asked, Decoded(outputs=given)


def test_rows_are_joined_by_request() -> None:
    """Each class gets the inputs that it was answered to; unreadable halves are left out."""
    asked, decoded = certified(600)
    asked[0] = None
    decoded.outputs[1] = None
    asked[2] = rows(Side.INPUT, {"x": [1.0]})
    rng = np.random.default_rng(2)
    columns: dict[str, list[Scalar]] = {"x": rng.normal(size=1200).tolist()}
    profile = build_profile(columns, rng, ordered=False)
    outputs = build_profile(decoded.columns(), rng, ordered=False)
    found = conditional_of(asked, decoded, profile, outputs)
    assert found is not None
    by_name = {stream.profile.name: stream.profile for stream in found.streams}
    assert set(by_name) == {"x | class = up", "x | class = down"}
    assert sum(one.n for one in by_name.values()) == 2 * 597
    assert min(by_name["x | class = up"].edges) > 0 > max(by_name["x | class = down"].edges)


def test_a_column_with_a_season_is_not_watched_within_classes() -> None:
    """What the hour moves is certified by the hour; within a class it would alarm every day."""
    asked, decoded = certified(600)
    rng = np.random.default_rng(2)
    times_s = (np.arange(6000) * 300.0).tolist()
    wave = np.sin(2 * np.pi * np.array(times_s) / 86_400.0)
    columns: dict[str, list[Scalar]] = {"x": (rng.normal(size=6000) + wave).tolist()}
    profile = build_profile(columns, rng, ordered=True, times_s=times_s)
    assert profile.seasons is not None
    outputs = build_profile(decoded.columns(), rng, ordered=True)
    assert conditional_of(asked, decoded, profile, outputs) is None
    plain = structs.replace(profile, seasons=None)
    assert conditional_of(asked, decoded, plain, outputs) is not None


def test_an_answer_with_a_season_is_not_watched_within_classes() -> None:
    """The same holds for the other columns of the answers; the class itself may have a season."""
    rng = np.random.default_rng(3)
    times_s = (np.arange(6000) * 300.0).tolist()
    wave = np.sin(2 * np.pi * np.array(times_s) / 86_400.0)
    given: dict[str, list[Scalar]] = {
        "class": ["up" if chance < 0.5 + 0.3 * w else "down" for chance, w in
                  zip(rng.uniform(size=6000), wave, strict=True)],
        "score": (rng.normal(size=6000) + wave).tolist(),
        "flat": rng.normal(size=6000).tolist(),
    }  # fmt: skip
    outputs = build_profile(given, rng, ordered=True, times_s=times_s)
    assert outputs.seasons is not None
    assert {one.name for one in outputs.seasons.columns} == {"class", "score"}
    profile = build_profile({"x": rng.normal(size=6000).tolist()}, rng, ordered=True)
    found = conditional_of(
        [rows(Side.INPUT, {"x": [0.0] * 6000})],
        Decoded(outputs=[rows(Side.OUTPUT, given)]),
        profile,
        outputs,
    )
    assert found is not None
    assert {one.profile.name for one in found.streams} == {
        "flat | class = up",
        "flat | class = down",
    }


def test_without_a_common_row_there_is_nothing() -> None:
    """No question can be read: there is nothing to condition."""
    asked, decoded = certified(3)
    rng = np.random.default_rng(2)
    empty = build_profile({}, rng, ordered=False)
    outputs = build_profile(decoded.columns(), rng, ordered=False)
    assert conditional_of([None] * len(asked), decoded, empty, outputs) is None


def test_questions_keep_the_order_of_the_requests() -> None:
    """A request that cannot be read leaves a gap, so that the others stay beside their answers."""
    bodies = [b'{"instances": [{"x": 1.0}]}', b"{", b'{"instances": [{"x": 3.0}]}']
    requests = [
        Recorded(
            method="POST",
            target="/v1/models/m:predict",
            headers={"content-type": "application/json"},
            body=body,
        )
        for body in bodies
    ]
    found = questions(Decoder(Payload(), Redact()), requests)
    assert [None if one is None else one.values[0] for one in found] == [[1.0], None, [3.0]]
