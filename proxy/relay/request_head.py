"""A request's head: bytes in, a value with what the relay must know and what goes upstream out.

`RequestReader.read` is a pure function of the head's bytes, so it is remembered: clients repeat
their heads, and a head seen before costs one dictionary lookup. What is remembered is bounded.
The answer is the same either way; a property test holds them against each other.

The start line's grammar stands here (RFC 9112 §3) because llhttp knows a fixed list of methods and
refuses bytes above 127 in targets, which models' clients do send; fields are llhttp's.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from proxy.relay.fields import BadFields, check_fields, nominated, split_fields, tokens
from proxy.relay.settings import Listen, RelaySettings

MARKER: Final = b"X-Stablehand-Mirror"
"""Field that marks a copy. A request that carries it is never copied again: no loops."""

CHUNKED: Final = -1
"""As a body's length: it comes in chunks."""


_START_LINE: Final = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([^\x00-\x20\x7f]+) HTTP/([0-9])\.([0-9])"
)
_ORDINARY_LINE: Final = re.compile(
    rb"(?!CONNECT )([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) (/[^\x00-\x20\x7f#]*) HTTP/1\.1"
)
_SPECIAL: Final = re.compile(
    rb"\r\n(host|content-length|connection|keep-alive|proxy-connection|te|trailer|upgrade|forwarded"
    rb"|transfer-encoding|x[-_]forwarded[-_](?:for|proto|host)|x-stablehand-mirror)"
    rb":[ \t]*([^\r]*)"
)
"""The fields that mean something to the relay, in a head in lower case."""
_LAST: Final = b"\r\nVia: 1.1 stablehand\r\nX-Forwarded-For: "
_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}(?: |\Z)")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_HOST: Final = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*(?::[0-9]*)?"
)
_MAX_DIGITS: Final = 18
_NO_START_LINE: Final = "this is not HTTP: the first line is not METHOD TARGET VERSION"
_MAX_REMEMBERED: Final = 512
_MAX_REMEMBERED_BYTES: Final = 4096
_IDENTITY: Final = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"}
)


class Refusal(Exception):  # noqa: N818  # it is an answer, not a fault of ours
    """A request that the relay answers itself, because it cannot or must not be passed on."""

    def __init__(self, status: int, why: str) -> None:
        """Answer `status`, and tell the client `why` in a sentence."""
        super().__init__(why)
        self.status = status
        self.why = why


class RequestHead(Struct, frozen=True, kw_only=True):
    """What the relay must know of a request."""

    method: bytes
    target: bytes
    """In origin form, as it goes upstream."""
    host: bytes
    is_http11: bool
    keep_alive: bool
    """Whether the client wants to send another request on this connection."""
    body_bytes: int
    """Length of the body; `CHUNKED` when only its end will tell."""
    upgrades: bool
    """The client asks to go on as a websocket."""
    takes_trailers: bool
    is_copy: bool
    route: str
    samples: bool
    """Whether this request may be captured and mirrored."""
    forward: bytes
    """The head as it goes upstream, but for its end, which begins with the client's address."""
    raw: bytes
    path: str
    """The target without its query."""


class RequestReader:
    """Reads heads under one set of settings."""

    def __init__(self, settings: RelaySettings, *, is_trusted: bool) -> None:
        """Read heads of clients whose `X-Forwarded-*` are believed (`is_trusted`) or not."""
        self._routes = [(label, re.compile(pattern)) for label, pattern in settings.routes]
        self._is_trusted = is_trusted
        self._scheme = b"https" if settings.listen.tls is not None else b"http"
        self._proto = b"\r\nX-Forwarded-Proto: " + self._scheme + b"\r\nX-Forwarded-Host: "
        self._max_target_bytes = settings.listen.max_target_bytes
        self._max_body_bytes = settings.listen.max_body_bytes
        self._remembered: dict[bytes, RequestHead] = {}

    def read(self, raw: bytes) -> RequestHead:
        """Give the value of the head `raw`, which ends with its empty line.

        Raises:
            Refusal: the head is malformed, or asks for what is not done here.
        """
        head = self._remembered.get(raw)
        if head is None:
            head = self.read_anew(raw)
            if len(raw) <= _MAX_REMEMBERED_BYTES:
                if len(self._remembered) >= _MAX_REMEMBERED:
                    self._remembered.clear()
                self._remembered[raw] = head
        return head

    def read_anew(self, raw: bytes) -> RequestHead:
        """Do what `read` does, from the bytes alone."""
        return self.read_quickly(raw) or self.read_carefully(raw)

    def read_quickly(self, raw: bytes) -> RequestHead | None:
        """Do what `read_carefully` does for an ordinary head, at a third of its cost.

        Ordinary: HTTP/1.1, a path as its target, and of the fields that mean anything here only
        `Host`, `Content-Length` and `Connection: keep-alive`. `None`: look carefully.
        """
        line, _, block = raw.partition(b"\r\n")
        match = _ORDINARY_LINE.fullmatch(line)
        lower = raw.lower()
        length = _ordinary_length(_SPECIAL.findall(lower))
        if match is None or length is None or 0 < self._max_body_bytes < length:
            return None
        method, target = match.groups()
        start = lower.index(b"\r\nhost:") + len(b"\r\nhost:")
        host = raw[start : raw.index(b"\r\n", start)].strip(b" \t")
        if len(target) > self._max_target_bytes or not host or _HOST.fullmatch(host) is None:
            return None
        try:
            check_fields(block)
        except BadFields:
            return None
        start = lower.find(b"\r\nconnection:")
        kept = raw[:-4] if start < 0 else raw[:start] + raw[raw.index(b"\r\n", start + 2) : -4]
        path = target.partition(b"?")[0].decode("latin-1")
        route = self._route(path)
        return RequestHead(
            method=method,
            target=target,
            host=host,
            is_http11=True,
            keep_alive=True,
            body_bytes=length,
            upgrades=False,
            takes_trailers=False,
            is_copy=False,
            route=route,
            samples=(route != "other") if self._routes else length != 0,
            forward=b"".join((kept, self._proto, host, _LAST)),
            raw=raw,
            path=path,
        )

    def _route(self, path: str) -> str:
        return next((label for label, pattern in self._routes if pattern.search(path)), "other")

    def read_carefully(self, raw: bytes) -> RequestHead:
        """Do what `read` does for any head: this is the specification."""
        line, _, block = raw.partition(b"\r\n")
        method, target, is_http11 = self._start_line(line)
        # With no field at all, the head's empty line is all that is left.
        lines = _Lines(block if block != b"\r\n" else b"\r\n\r\n")
        body_bytes = lines.body_bytes(is_http11=is_http11)
        if 0 < self._max_body_bytes < body_bytes:
            raise Refusal(413, f"the body is longer than {self._max_body_bytes} bytes")
        target, host = _origin(method, target, lines.host(is_http11=is_http11))
        upgrades = is_http11 and lines.asks_for_websocket()
        if upgrades and body_bytes != 0:
            raise Refusal(400, "a websocket handshake has no body")
        path = target.partition(b"?")[0].decode("latin-1")
        route = self._route(path)
        return RequestHead(
            method=method,
            target=target,
            host=host,
            is_http11=is_http11,
            keep_alive=lines.keeps_alive(is_http11=is_http11),
            body_bytes=body_bytes,
            upgrades=upgrades,
            takes_trailers=lines.takes_trailers,
            is_copy=lines.has(MARKER.lower()),
            route=route,
            samples=(route != "other") if self._routes else body_bytes != 0,
            forward=self._forward(b"%b %b HTTP/1.1" % (method, target), host, lines, upgrades),
            raw=raw,
            path=path,
        )

    def _start_line(self, line: bytes) -> tuple[bytes, bytes, bool]:
        match = _START_LINE.fullmatch(line)
        if match is None:
            raise Refusal(400, _NO_START_LINE)
        method, target, major, minor = match.groups()
        if major != b"1" or minor not in b"01":
            raise Refusal(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        if len(target) > self._max_target_bytes:
            raise Refusal(414, f"the target is longer than {self._max_target_bytes} bytes")
        return method, target, minor == b"1"

    def _forward(self, start: bytes, host: bytes, lines: _Lines, upgrades: bool) -> bytes:
        """Give the head as it goes upstream; it ends where the client's address belongs."""
        out, peers, vouched = [start], b"", {b""}
        for name, value, line in lines.fields:
            # WSGI servers cannot tell X_Forwarded_For from X-Forwarded-For: both are dropped.
            if name.replace(b"_", b"-") in _IDENTITY:
                if self._is_trusted and name in _IDENTITY:
                    if name == b"x-forwarded-for":
                        peers += value + b", "
                        continue
                    vouched.add(name)
                    out.append(line)
            elif name == b"host":
                vouched.add(name)
                out.append(line if value == host else b"Host: " + host)
            elif name not in lines.dropped:
                out.append(line)
        out += self._added(host, lines, vouched)
        if upgrades:
            out += (b"Connection: Upgrade", b"Upgrade: websocket")
        # Last, so that each connection adds its address behind it without another look.
        out.append(b"X-Forwarded-For: " + peers)
        return b"\r\n".join(out)

    def _added(self, host: bytes, lines: _Lines, vouched: set[bytes]) -> list[bytes]:
        """Give the fields that are added, where nobody we trust has set them."""
        added = []
        if b"host" not in vouched:
            added.append(b"Host: " + host)
        if lines.takes_trailers:
            added += (b"TE: trailers", b"Connection: TE")
        if b"x-forwarded-proto" not in vouched:
            added.append(b"X-Forwarded-Proto: " + self._scheme)
        if b"x-forwarded-host" not in vouched and host:
            added.append(b"X-Forwarded-Host: " + host)
        added.append(b"Via: 1.1 stablehand")
        return added


def judge(data: bytes, listen: Listen) -> None:
    """Refuse what cannot be, or is too long to be, a head; the same however it came.

    `data` is a head or the beginning of one, not empty.

    Raises:
        Refusal: it can come to nothing.
    """
    if _METHOD.match(data) is None:
        raise Refusal(400, _NO_START_LINE)
    target = data.partition(b"\r\n")[0].partition(b" ")[2]
    if len(target) > listen.max_target_bytes + len(b" HTTP/1.1"):
        raise Refusal(414, f"the target is longer than {listen.max_target_bytes} bytes")
    if len(data) > listen.max_head_bytes:
        raise Refusal(431, f"the head is longer than {listen.max_head_bytes} bytes")


def _ordinary_length(found: list[tuple[bytes, bytes]]) -> int | None:
    """Give the body's length if no more than that, one host and keep-alive is said."""
    length, seen = 0, set()
    for name, value in found:
        if name in seen:
            return None
        seen.add(name)
        if name == b"content-length":
            if not (value.isdigit() and len(value) < _MAX_DIGITS):
                return None
            length = int(value)
        elif name != b"host" and (name, value) != (b"connection", b"keep-alive"):
            return None
    return length if b"host" in seen else None


class _Lines:
    """The field lines of one request, and what they say together."""

    def __init__(self, block: bytes) -> None:
        try:
            self.fields = split_fields(block)
        except BadFields as error:
            raise self._refusal(block, str(error)) from None
        connection = [member for value in self.values(b"connection") for member in tokens(value)]
        self.connection = connection
        self.dropped = nominated(connection)
        self.takes_trailers = any(
            member.partition(b";")[0] == b"trailers"
            for value in self.values(b"te")
            for member in tokens(value)
        )

    @staticmethod
    def _refusal(block: bytes, why: str) -> Refusal:
        """Give 501 to a transfer coding that is well-formed but not spoken here."""
        coding = re.search(rb"(?im)^transfer-encoding:[ \t]*([a-z]+)[ \t]*\r$", block)
        if coding is not None and coding.group(1).lower() in {b"identity", b"gzip", b"deflate"}:
            return Refusal(501, "the only transfer coding spoken here is chunked")
        return Refusal(400, f"the head is malformed: {why}")

    def values(self, name: bytes) -> list[bytes]:
        return [value for field, value, _ in self.fields if field == name]

    def has(self, name: bytes) -> bool:
        return any(field == name for field, _, _ in self.fields)

    def host(self, *, is_http11: bool) -> bytes | None:
        hosts = self.values(b"host")
        if len(hosts) > 1 or (not hosts and is_http11):
            raise Refusal(400, f"{len(hosts)} Host fields: there must be one")
        if hosts and _HOST.fullmatch(hosts[0]) is None:
            raise Refusal(400, "the Host field names no host")
        return hosts[0] if hosts else None

    def body_bytes(self, *, is_http11: bool) -> int:
        codings = self.values(b"transfer-encoding")
        if not codings:
            lengths = self.values(b"content-length")
            return int(lengths[0]) if lengths else 0
        if [coding.lower() for coding in codings] != [b"chunked"]:
            raise Refusal(501, "the only transfer coding spoken here is chunked")
        if not is_http11:
            raise Refusal(400, "HTTP/1.0 knows no transfer coding")
        return CHUNKED

    def keeps_alive(self, *, is_http11: bool) -> bool:
        if is_http11:
            return b"close" not in self.connection
        return b"keep-alive" in self.connection and b"close" not in self.connection

    def asks_for_websocket(self) -> bool:
        # Any other protocol, h2c above all, would go on uninspected: the field is dropped then.
        return b"upgrade" in self.connection and [
            value.lower() for value in self.values(b"upgrade")
        ] == [b"websocket"]


def _origin(method: bytes, target: bytes, host: bytes | None) -> tuple[bytes, bytes]:
    """Give the target in origin form, and the host it is meant for (RFC 9112 §3.2)."""
    if method == b"CONNECT":
        raise Refusal(405, "tunnels to other hosts are not made here")
    if b"#" in target:
        raise Refusal(400, "a target has no fragment")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target, host or b""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise Refusal(400, "the target is neither a path nor an http address")
    authority, rest = match.groups()
    if not authority or _HOST.fullmatch(authority) is None:
        raise Refusal(400, "the target's authority names no host")
    if not rest.startswith(b"/"):
        rest = b"*" if method == b"OPTIONS" and not rest else b"/" + rest
    return rest, authority
