"""Recorded requests: what the models are asked during certification, as JSON lines.

One object a line: `{"method": "POST", "path": "/v1/models/m:predict", "headers": {...}, "body":
...}`. `body` is any JSON value, or text; `body_base64` holds other bytes. `method` is POST and
`headers` are `content-type: application/json` unless given. `label` is what turned out to be true:
one value, or a list with one for each row. `time` is when the request came, ISO 8601 or seconds
since 1970: with it the answers are certified by the hour of the day, too. Requests stand in the
order in which they came, because their dependence is measured.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from proxy.certify.files import CertifyError, Damage, read_source
from proxy.certify.times import utc_seconds
from proxy.payload.protocols import routes
from proxy.payload.settings import Payload
from proxy.records import TruthValue

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_OWN_FIELDS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "upgrade"}
)
"""Fields that belong to the recorded connection, not to the request."""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    method: str = "POST"
    headers: dict[str, str] = {}
    body: msgspec.Raw = msgspec.Raw(b"")
    body_base64: str = ""
    label: bool | int | float | str | list[bool | int | float | str | None] | None = None
    time: int | float | str | None = None


class _Named(msgspec.Struct):
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request to send."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    label: TruthValue = None
    """What turned out to be true. `None`: not told here."""
    time_s: float | None = None
    """When it came, in seconds since 1970, UTC. `None`: not known."""

    def body_id(self) -> str | None:
        """Give the id that a JSON body names itself by; `None` when it names none."""
        try:
            return msgspec.json.decode(self.body, type=_Named).id
        except msgspec.MsgspecError:
            return None


def read_requests(path: Path) -> tuple[list[Recorded], str]:
    """Read recorded requests; give them with the SHA-256 of the file.

    Raises:
        CertifyError: the file cannot be read, has damaged lines, or times that contradict its
            order.
    """
    source = read_source(path, "file of recorded requests")
    damage = Damage(path)
    decode = msgspec.json.Decoder(_Line).decode
    requests: list[Recorded] = []
    for number, line in source.lines():
        try:
            requests.append(_request(decode(line)))
        except (msgspec.MsgspecError, ValueError) as error:
            damage.add(number, f"no recorded request: {error}")
    damage.check()
    if not requests:
        raise CertifyError(f"{path}: there are no recorded requests")
    _check_times(path, requests)
    return requests, source.sha256


def warn_of_paths(requests: Sequence[Recorded], payload: Payload) -> list[str]:
    """Say which paths a sidecar would not look at: relays sample known and configured ones only."""
    known = [re.compile(pattern) for _, pattern in routes(tuple(payload.paths))]
    paths = dict.fromkeys(request.target.partition("?")[0] for request in requests)
    strange = [path for path in paths if not any(one.search(path) for one in known)]
    if not strange:
        return []
    shown, n = strange[0], len(strange) - 1
    more = f" and {n} more paths" if n else ""
    told = (
        f"Requests to {shown}{more} will be neither sampled nor copied, since that is no path of a "
        "known protocol; name it in the configuration, under payload.paths: "
        f"{_pattern(shown)}: json"
    )
    return [told]


def _pattern(path: str) -> str:
    """Give the regular expression of exactly this path, as YAML takes it between quotes."""
    return "'^" + re.escape(path).replace("'", "''") + "$'"


def write_requests(path: Path, requests: list[Recorded]) -> None:
    """Write requests whose bodies are JSON in the form that `read_requests` reads."""
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for request in requests:
            line: dict[str, object] = {
                "method": request.method,
                "path": request.target,
                "headers": request.headers,
                "body": msgspec.Raw(request.body),
            }
            if request.time_s is not None:
                line["time"] = request.time_s
            file.write(encode(line) + b"\n")


def _request(line: _Line) -> Recorded:
    """Check one line.

    Raises:
        ValueError: a field says something that cannot be sent.
    """
    if line.method not in METHODS:
        raise ValueError(f"method {line.method!r} is none of {', '.join(sorted(METHODS))}")
    if not line.path.startswith("/") or not line.path.isprintable() or " " in line.path:
        raise ValueError(f"path {line.path!r} does not begin with / or has blanks")
    headers = {name.lower(): value for name, value in line.headers.items()}
    for name, value in headers.items():
        if not name or not (name + value).isprintable() or ":" in name:
            raise ValueError(f"header {name!r} cannot be sent")
    kept = {name: value for name, value in headers.items() if name not in _OWN_FIELDS}
    body = _body(line)
    if body:
        kept.setdefault("content-type", "application/json")
    label: TruthValue = list(line.label) if isinstance(line.label, list) else line.label
    return Recorded(line.method, line.path, kept, body, label, _time(line))


def _check_times(path: Path, requests: Sequence[Recorded]) -> None:
    """Refuse times that only some requests have, and such as go backwards.

    Raises:
        CertifyError: with the first request concerned, numbered from 1.
    """
    times = [request.time_s for request in requests]
    known = [at_s for at_s in times if at_s is not None]
    if known and len(known) < len(times):
        raise CertifyError(
            f"{path}: {len(times) - len(known)} of {len(times)} requests have no time (first: "
            f"request {times.index(None) + 1}); give all of them one, or none"
        )
    for number, (before, after) in enumerate(pairwise(known), start=2):
        if after < before:
            raise CertifyError(
                f"{path}: the times of the requests go backwards (first at request {number}); put "
                "them in the order of time"
            )


def _time(line: _Line) -> float | None:
    if line.time is None:
        return None
    time_s = utc_seconds(line.time)
    if time_s is None:
        raise ValueError(f"time {line.time!r:.40} is none: ISO 8601 or seconds since 1970")
    return time_s


def _body(line: _Line) -> bytes:
    raw = bytes(line.body)
    if line.body_base64:
        if raw:
            raise ValueError("give body or body_base64, not both")
        try:
            return base64.b64decode(line.body_base64, validate=True)
        except binascii.Error as error:
            raise ValueError(f"body_base64 is not base64: {error}") from error
    if raw in {b"", b"null"}:
        return b""
    return msgspec.json.decode(raw, type=str).encode() if raw.startswith(b'"') else raw
