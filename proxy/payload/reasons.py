"""Why a sampled body gave no rows: a closed list, since it becomes a label of a metric."""

from __future__ import annotations

from enum import StrEnum

from proxy.records import Scalar


class Reason(StrEnum):
    """The `reason` of an `Undecodable`."""

    EMPTY = "empty"
    """A body was to be expected and there was none."""
    TRUNCATED = "truncated"
    """The body is longer than the capture limit, or the exchange broke off."""
    TOO_LARGE = "too_large"
    """Longer than `max_decode_bytes`, perhaps only after decompression."""
    TOO_DEEP = "too_deep"
    TOO_WIDE = "too_wide"
    """More columns than `max_columns`."""
    NOT_JSON = "not_json"
    NOT_UTF8 = "not_utf8"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    BAD_CODING = "bad_coding"
    """The content coding (gzip, ...) is damaged."""
    CODING_UNAVAILABLE = "coding_unavailable"
    """The content coding is unknown, or its library is not installed (extra `codings`)."""
    UNSUPPORTED_MEDIA = "unsupported_media"
    """A media type that no decoder reads, such as an image."""
    MEDIA_UNAVAILABLE = "media_unavailable"
    """The media type needs a library that is not installed (extra `parquet`)."""
    UNKNOWN_PROTOCOL = "unknown_protocol"
    """Neither path, headers nor body tell a protocol."""
    MISSING_FIELD = "missing_field"
    """The body lacks what its protocol requires."""
    WRONG_SHAPE = "wrong_shape"
    """Rows of mixed kinds, columns of different lengths, a shape that its data contradict."""
    WRONG_DATATYPE = "wrong_datatype"
    NO_ROWS = "no_rows"
    """A readable body with zero rows in it."""
    ERROR_BODY = "error_body"
    """An answer with status 200 that says it is an error."""
    DECODER_FAILED = "decoder_failed"
    """A defect of ours: the guard around the decoders caught something unforeseen."""


class Unreadable(Exception):  # noqa: N818 - a statement about the body, not a failure of ours
    """A body that cannot become rows. Raised by decoders, caught once, in `decode`."""

    def __init__(
        self, reason: Reason, detail: str, timings: dict[str, list[Scalar]] | None = None
    ) -> None:
        """Say why, and in one sentence for people what was found; never with payload values.

        `timings` is what can be told all the same of how a stream arrived.
        """
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.timings = timings or {}
