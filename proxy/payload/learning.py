"""What certification learns for the decoder: vocabularies of texts, main directions of tensors.

A pupil looks over the shoulder of a decoder and keeps a bounded number of words and vectors; what
it learned from them stands in the benchmark. No text is kept, only hashes of words.

What was learned from must not be measured as well: the words of a text are never new to a
vocabulary that was made of it, so its novelty would look better than that of any later text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from proxy.payload import tensor, text
from proxy.payload.tensor import Array, Basis

EVERY: Final = 4
"""One in so many requests of certification teaches."""
MAX_TEACHING: Final = 1000
"""Requests that teach at most."""
MAX_TEXT_COLUMNS: Final = 8
MAX_WORDS: Final = 20_000
"""Words of one column: 200 KiB in the benchmark."""
MAX_TENSOR_COLUMNS: Final = 4
MAX_VECTORS: Final = 500
"""Vectors of one column that main directions are made of: ten for each of 50 directions."""
MAX_WIDTH: Final = 4096
"""Numbers of a tensor up to which directions are stored: with eight of them 400 KiB."""


class Learned(Struct, frozen=True, kw_only=True):
    """What the decoder needs of the reference, by column of either side."""

    text_columns: tuple[str, ...] = ()
    """Columns that held free text."""
    vocabularies: dict[str, tuple[int, ...]] = {}
    """Hashes of the words of text columns."""
    bases: dict[str, Basis] = {}
    """Main directions of tensor columns."""


class Pupil:
    """Learns from texts and tensors that pass by."""

    def __init__(self) -> None:
        """Know nothing."""
        self._words: dict[str, set[int]] = {}
        self._vectors: dict[str, list[Array]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether there was neither text nor tensor: nothing can be learned then."""
        return not self._words and not self._vectors

    def texts(self, name: str, values: Sequence[str | None]) -> None:
        """Look at texts of one column."""
        if name not in self._words and len(self._words) >= MAX_TEXT_COLUMNS:
            return
        words = self._words.setdefault(name, set())
        room = MAX_WORDS - len(words)
        if room > 0:
            words |= text.vocabulary((one for one in values if one is not None), room)

    def tensors(self, name: str, arrays: Sequence[Array]) -> None:
        """Look at tensors of one column."""
        if name not in self._vectors and len(self._vectors) >= MAX_TENSOR_COLUMNS:
            return
        vectors = self._vectors.setdefault(name, [])
        room = MAX_VECTORS - len(vectors)
        vectors += [array.ravel() for array in arrays if array.size <= MAX_WIDTH][:room]

    def learned(self) -> Learned:
        """Give what was learned; columns with too few or unequal vectors have no directions."""
        fitted = {name: tensor.fit(vectors) for name, vectors in self._vectors.items()}
        return Learned(
            text_columns=tuple(sorted(self._words)),
            vocabularies={name: tuple(sorted(words)) for name, words in self._words.items()},
            bases={name: basis for name, basis in fitted.items() if basis is not None},
        )
