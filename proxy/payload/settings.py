"""Settings of the payload room: how sampled bodies are read, and what of them may be kept.

The defaults read every protocol that can be told from its path, and keep no free text and no
string that was not certified.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal

from proxy.payload.protocols import Protocol
from proxy.units import STRICT, Bytes, Count, CountOrZero, NonEmpty, Positive


class Treatment(StrEnum):
    """What becomes of a string before anything is kept."""

    CLEAR = "clear"
    """Kept as it is, after the patterns were masked."""
    HASH = "hash"
    """Replaced with a keyed hash: equal strings stay equal. Without a key: masked."""
    MASK = "mask"
    """Replaced with `(masked)`: only its presence is known."""
    DROP = "drop"
    """The column is not read at all."""


class Pattern(StrEnum):
    """Shapes of personal data and secrets that are masked wherever a string is kept."""

    MAIL = "mail"
    CARD = "card"
    PHONE = "phone"
    TOKEN = "token"  # noqa: S105 - the name of a pattern, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointers:
    """Where the rows of a plain JSON body are."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    rows: str | None = None
    """JSON Pointer (RFC 6901) to the rows; `""` is the whole body. Default: none, and the rows are
    looked for under the names that servers use (`rows`, `instances`, `inputs`, `data`, ...)."""
    fields: Mapping[NonEmpty, str] = field(default_factory=dict)
    """Column name to JSON Pointer inside each row. Default: empty, and every field is a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """How sampled bodies become rows."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    protocol: Protocol = Protocol.AUTO
    """Protocol of every body. Default `auto`: chosen by path, then headers, then body. For a model
    under a path of its own use `paths`: only known paths and those are sampled."""
    paths: Mapping[NonEmpty, Protocol] = field(default_factory=dict)
    """Regular expression on the request path to the protocol spoken there; it goes before the known
    paths, and makes that path one whose traffic is sampled. Default: empty."""
    request: Pointers = field(default_factory=Pointers)
    """Where the input rows of plain JSON are."""
    response: Pointers = field(default_factory=Pointers)
    """Where the output rows of plain JSON are."""
    columns: tuple[NonEmpty, ...] = ()
    """Names for input columns that arrive without one (rows as lists, CSV without a header), in
    order. Default: empty, and they are called `x0`, `x1`, ..."""
    csv_header: Literal["auto", "yes", "no"] = "auto"
    """Whether CSV bodies begin with a header line. Default `auto`: they do when no cell of the
    first line is a number and some cell of the second is. Set it when all columns are strings."""
    text_columns: tuple[NonEmpty, ...] = ()
    """Input columns that hold free text: only descriptors of them are kept. Default: empty; a
    string column is text once it held a long string or one of many words."""
    max_rows: Count = 1024
    """Rows kept of one body. A longer batch is thinned evenly and each row kept weighs more.
    Default 1024: bounds the work of one capture to a few milliseconds."""
    max_columns: Count = 256
    """Columns of one body; more are an error of shape (`too_wide`). Default 256."""
    tensor_width: Count = 64
    """Numbers in one cell or unnamed row from which on it is a tensor and described by its norm,
    mean, deviation and so on, rather than number by number. Default 64."""
    max_decode_bytes: Bytes = 262_144
    """Size of a decompressed body beyond which it is not decoded (`too_large`). Default 256 KiB:
    parsing takes about 2 ms at most."""
    max_depth: Count = 32
    """Nesting of a JSON body beyond which it is not parsed (`too_deep`). Default 32; model servers
    nest 6 levels at most."""
    parquet: bool = False
    """Whether Parquet bodies are read (extra `parquet`). Default off: its library takes 60 MiB and
    its pages can unpack to far more than they claim."""
    stall_s: Positive = 1.0
    """Silence between two pieces of a token stream that counts as a stall, in seconds. Default 1:
    readers notice it."""

    def __post_init__(self) -> None:
        """Refuse paths that are no regular expressions."""
        for path in self.paths:
            try:
                re.compile(path)
            except re.error as error:
                raise ValueError(f"paths: {path!r} is no regular expression: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redact:
    """What of sampled bodies may be kept. Redaction happens before anything leaves the decoder."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    categories: Literal["certified", "hash", "clear"] = "certified"
    """Which strings of a table are kept in clear. Default `certified`: those that the benchmark
    knows as categories of their column, which is all that drift needs; every other is hashed,
    or `(other)` without a key. `hash`: none. `clear`: all short ones, for certification and for
    data that is not personal."""
    columns: Mapping[NonEmpty, Treatment] = field(default_factory=dict)
    """Treatment of single columns, by name; goes before `categories`. Default: empty."""
    drop: tuple[str, ...] = ()
    """JSON Pointers, `*` for any key or index, to parts of bodies that are removed before reading.
    Default: empty."""
    hash: tuple[str, ...] = ()
    """JSON Pointers to values that are replaced with keyed hashes before reading. Default: none."""
    mask: tuple[str, ...] = ()
    """JSON Pointers to values that are replaced with `(masked)` before reading. Default: empty."""
    patterns: tuple[Pattern, ...] = tuple(Pattern)
    """Shapes masked inside every string that is kept. Default: all."""
    key: str = ""
    """Secret of the keyed hash (HMAC-SHA256), as `${file:PATH}`. Give replicas the same one, and
    the certification too. Default: none, and what would be hashed becomes `(other)`, since a
    hash of a short string without a key is read back by trying all strings."""
    max_category_chars: CountOrZero = 64
    """Length from which on a string is free text, of which only descriptors are kept. Default 64:
    longer ones are not categories."""
