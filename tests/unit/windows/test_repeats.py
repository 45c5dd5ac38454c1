"""What comes twice is known to; memory is bounded."""

from __future__ import annotations

from proxy.windows.repeats import Repeats


def test_an_id_is_new_once() -> None:
    """The second time it is repeated, and counted as such."""
    seen = Repeats(max_ids=8)
    assert [seen.is_repeated(number) for number in (1, 2, 1, 1, 3)] == [
        False, False, True, True, False,
    ]  # fmt: skip
    assert seen.n_repeated == 2


def test_the_oldest_ids_are_forgotten() -> None:
    """Beyond the bound an id counts as new again; the others stay known."""
    seen = Repeats(max_ids=3)
    for number in range(4):
        seen.is_repeated(number)
    assert len(seen._known) == len(seen._order) == 3
    assert seen.is_repeated(3)
    assert not seen.is_repeated(0)
