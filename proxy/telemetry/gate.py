"""Who may do what at the admin door: Host check, origin check, token or loopback, rate.

Reading is for whoever reaches the port, except sampled rows; changing needs the bearer token or the
loopback interface. The rules work on plain values, so that they can be tested without a socket.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from proxy import clock
from proxy.telemetry.settings import Admin

READ_METHODS: Final = frozenset({"GET", "HEAD"})

PRIVATE_PATHS: Final = frozenset({"/api/v1/samples", "/api/v1/reference"})
"""Reads that show values from the traffic: they need what changes need."""

PROBES: Final = frozenset({"/healthz", "/readyz"})
"""Answered under any Host: a probe must never fail over a name, and they tell nothing."""

JSON_TYPES: Final = frozenset(
    {"application/json", "application/x-ndjson", "application/jsonl", "application/x-jsonlines"}
)
"""Content types of a body that changes something; one object a line is for labels."""

FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")
"""With one of these fields a loopback peer is a local reverse proxy that speaks for somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What the gate looks at of one request. Field names in lower case."""

    method: str
    path: str
    peer: str
    """Address of the peer; empty on a unix socket."""
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not let in."""

    status: int
    code: str
    message: str
    hint: str


class Gate:
    """Applies the rules of one door."""

    def __init__(self, admin: Admin, now_s: Callable[[], float] = clock.now_s) -> None:
        """Take the rules from the settings; `now_s` drives the rate limit."""
        self._admin = admin
        self._now_s = now_s
        self._burst = max(1.0, 2 * admin.max_calls_per_s)
        self._left = self._burst
        self._filled_s = now_s()

    def refusal(self, visit: Visit) -> Refusal | None:
        """Give why `visit` is refused, or `None` when it may go on."""
        if visit.path in PROBES and visit.method in READ_METHODS:
            return None
        token = self._token_of(visit)
        if token is False:
            return Refusal(
                status=401,
                code="wrong_token",
                message="The bearer token is not the one in `admin.token`.",
                hint="Send `Authorization: Bearer TOKEN` with the token of this sidecar.",
            )
        refusal = None if token else self._refuse_name(visit)
        if refusal is None and visit.method not in READ_METHODS:
            return self._refuse_change(visit, token=bool(token))
        if refusal is None and visit.path in PRIVATE_PATHS and not token:
            return self._refuse_stranger(visit)
        return refusal

    def _refuse_name(self, visit: Visit) -> Refusal | None:
        """Refuse a Host that is a foreign name: a web page whose name was rebound to us."""
        host = visit.fields.get("host", "")
        if not host or _is_own_name(host, self._admin.allowed_hosts):
            return None
        return Refusal(
            status=403,
            code="foreign_host",
            message="This door is not addressed under that host name.",
            hint="Use the IP address, or add the name to `admin.allowed_hosts`.",
        )

    def _refuse_change(self, visit: Visit, *, token: bool) -> Refusal | None:
        if visit.method != "POST":
            return Refusal(
                status=405,
                code="method_not_allowed",
                message=f"{visit.method} is not a method of this door.",
                hint="Reads are GET, changes are POST.",
            )
        refusal = self._refuse_page(visit)
        if refusal is None and not token:
            refusal = self._refuse_stranger(visit)
        if refusal is None and not self._take():
            return Refusal(
                status=429,
                code="too_many_calls",
                message="More changing calls per second than `admin.max_calls_per_s`.",
                hint="Wait a second.",
            )
        return refusal

    def _refuse_page(self, visit: Visit) -> Refusal | None:
        """Refuse what a web page of another origin can make a browser send."""
        origin = visit.fields.get("origin", "")
        # The authority of an origin is all behind its scheme; `null` has none and is never ours.
        authority = origin.partition("://")[2].lower()
        same = not origin or authority == visit.fields.get("host", "").lower() != ""
        if not same or visit.fields.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return Refusal(
                status=403,
                code="foreign_origin",
                message="A web page of another origin may not change anything here.",
                hint="Use the command line: `stablehand route`, `stablehand ack`.",
            )
        kind = visit.fields.get("content-type", "").partition(";")[0].strip().lower()
        coded = visit.fields.get("content-encoding", "identity").lower() != "identity"
        # A plain HTML form cannot send these types without asking first, and nobody answers.
        if kind not in JSON_TYPES or coded:
            return Refusal(
                status=415,
                code="not_json",
                message="The body must be plain JSON.",
                hint="Send `Content-Type: application/json` and no Content-Encoding.",
            )
        return None

    def _refuse_stranger(self, visit: Visit) -> Refusal | None:
        if _is_local(visit):
            return None
        if self._admin.token:
            return Refusal(
                status=401,
                code="no_token",
                message="This call needs the bearer token.",
                hint="Send `Authorization: Bearer TOKEN` with the token in `admin.token`.",
            )
        return Refusal(
            status=403,
            code="not_local",
            message="Without `admin.token` this call is taken from the loopback interface only.",
            hint="Call from inside the pod, or set `admin.token` and send it.",
        )

    def _token_of(self, visit: Visit) -> bool | None:
        """Give whether the token shown is right; `None` when none is shown or none is set."""
        shown = visit.fields.get("authorization", "")
        if not shown or not self._admin.token:
            return None
        scheme, _, token = shown.partition(" ")
        # Compared as bytes and in constant time, whatever the caller sent.
        right = hmac.compare_digest(
            token.strip().encode("utf-8", "surrogateescape"), self._admin.token.encode()
        )
        return right and scheme.lower() == "bearer"

    def _take(self) -> bool:
        """Take one call from the bucket, when there is one."""
        now_s = self._now_s()
        gained = (now_s - self._filled_s) * self._admin.max_calls_per_s
        self._left = min(self._burst, self._left + max(gained, 0.0))
        self._filled_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _is_own_name(host: str, allowed: tuple[str, ...]) -> bool:
    """Give whether a Host is an address, `localhost`, or a name from the settings.

    An allowed name that begins with a dot allows all names below it; `*` allows every name.
    """
    name = host.lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    name = name.removesuffix(".")
    if name == "localhost" or _is_address(name):
        return True
    wanted = [entry.lower() for entry in allowed]
    below = any(entry.startswith(".") and name.endswith(entry) for entry in wanted)
    return "*" in wanted or name in wanted or below


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_local(visit: Visit) -> bool:
    """Give whether the caller sits on this machine and speaks for itself."""
    if any(visit.fields.get(name) for name in FORWARDED):
        return False
    if not visit.peer:
        return True
    if not _is_address(visit.peer):
        return False
    address = ip_address(visit.peer)
    mapped = address.ipv4_mapped if address.version == 6 else None  # noqa: PLR2004  # IPv6
    return (mapped or address).is_loopback
