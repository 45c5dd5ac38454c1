"""Recorded requests: what the models are asked during certification, as JSON lines.

One object a line: `{"method": "POST", "path": "/v1/models/m:predict", "headers": {...}, "body":
...}`. `body` is any JSON value, or text; `body_base64` holds other bytes. `method` is POST and
`headers` are `content-type: application/json` unless given. `label` is what turned out to be true:
one value, or a list with one for each row. Requests stand in the order in which they came, because
their dependence is measured.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from proxy.certify.files import CertifyError, Damage, read_source
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

    def body_id(self) -> str | None:
        """Give the id that a JSON body names itself by; `None` when it names none."""
        try:
            return msgspec.json.decode(self.body, type=_Named).id
        except msgspec.MsgspecError:
            return None


def read_requests(path: Path) -> tuple[list[Recorded], str]:
    """Read recorded requests; give them with the SHA-256 of the file.

    Raises:
        CertifyError: the file cannot be read, or has damaged lines.
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
            line = {
                "method": request.method,
                "path": request.target,
                "headers": request.headers,
                "body": msgspec.Raw(request.body),
            }
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
    return Recorded(line.method, line.path, kept, body, label)


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
