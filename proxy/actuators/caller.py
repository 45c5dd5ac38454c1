"""One way to call the outside: signed, bounded, never redirected, to addresses that were judged."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from proxy import clock
from proxy.actuators.address import JudgingResolver, RefusedAddressError, is_numeric, judge
from proxy.actuators.settings import Door

SIGNATURE: Final = "X-Stablehand-Signature"
_MEANT_FOR_GOOD: Final = frozenset({400, 413, 415, 422})
_CHUNK_BYTES: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be sent."""

    url: str
    body: bytes
    id: str
    """Sent as `Idempotency-Key`: the same whenever the same letter is sent again."""
    fields: Mapping[str, str]
    """Header fields beside those that every letter has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of one call."""

    ok: bool
    status: int
    """0: there was no answer."""
    error: str
    """Empty when `ok`."""
    is_final: bool
    """The receiver will never take this letter: trying again is useless."""
    text: str
    """The beginning of the answer, for people."""


class Caller:
    """Calls doors of the configuration; one per owner, closed by it."""

    def __init__(self, max_answer_bytes: int = 65_536, *, keep_alive: bool = False) -> None:
        """Read at most `max_answer_bytes` of any answer; no connection is made yet.

        `keep_alive` is for who calls many times a second: a kept connection stays with the address
        that was judged when it was made.
        """
        self._max_answer_bytes = max_answer_bytes
        self._keep_alive = keep_alive
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def call(self, door: Door, letter: Letter) -> Reply:
        """Send a letter and say what came of it; never raises for what the network does."""
        try:
            return await self._call(door, letter)
        except RefusedAddressError as error:
            return _failed(f"refused: {error}")
        except TimeoutError:
            return _failed(f"no answer within {door.timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _failed(_words(error))

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _call(self, door: Door, letter: Letter) -> Reply:
        host = urlsplit(letter.url).hostname or ""
        if is_numeric(host):
            judge(host, allow_private=door.allow_private)
        async with self._session(allow_private=door.allow_private).post(
            letter.url,
            data=letter.body,
            headers=_fields(door, letter),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=door.timeout_s),
        ) as answer:
            text = await self._read(answer)
            return _reply(answer.status, text)

    async def _read(self, answer: aiohttp.ClientResponse) -> str:
        """Read the beginning of an answer; the rest is left, and the connection with it."""
        read = bytearray()
        while len(read) < self._max_answer_bytes:
            left = self._max_answer_bytes - len(read)
            chunk = await answer.content.read(min(_CHUNK_BYTES, left))
            if not chunk:
                break
            read += chunk
        return read[:200].decode("utf-8", "replace")

    def _session(self, *, allow_private: bool) -> aiohttp.ClientSession:
        """Give the session for one kind of trust; connections of one kind never serve the other."""
        session = self._sessions.get(allow_private)
        if session is None:
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=JudgingResolver(allow_private=allow_private),
                    use_dns_cache=False,
                    force_close=not self._keep_alive,
                    limit=16,
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            self._sessions[allow_private] = session
        return session


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a body: `t=SECONDS,v1=HEX`, HMAC-SHA256 over `SECONDS.BODY`.

    The time is signed too, so that a receiver can refuse old letters that someone replays.
    """
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def _fields(door: Door, letter: Letter) -> dict[str, str]:
    fields = {
        "Content-Type": "application/json",
        "User-Agent": "stablehand",
        "Idempotency-Key": letter.id,
        **letter.fields,
    }
    if door.token:
        fields["Authorization"] = f"Bearer {door.token}"
    if door.secret:
        fields[SIGNATURE] = sign(door.secret, int(clock.utc().timestamp()), letter.body)
    return fields


def _reply(status: int, text: str) -> Reply:
    if 200 <= status < 300:  # noqa: PLR2004  # what 2xx means needs no name
        return Reply(ok=True, status=status, error="", is_final=True, text=text)
    error = f"HTTP {status}"
    if 300 <= status < 400:  # noqa: PLR2004  # what 3xx means needs no name
        error = f"{error}: redirects are not followed"
    return Reply(
        ok=False, status=status, error=error, is_final=status in _MEANT_FOR_GOOD, text=text
    )


def _failed(error: str) -> Reply:
    return Reply(ok=False, status=0, error=error, is_final=False, text="")


def _words(error: Exception) -> str:
    """Say an error without the address it was about: addresses may carry secrets."""
    if isinstance(error, aiohttp.ClientConnectorError):
        inner = error.os_error
        if isinstance(inner, RefusedAddressError):
            return f"refused: {inner}"
        return f"cannot connect: {inner.strerror or type(inner).__name__}"
    if isinstance(error, aiohttp.InvalidURL):
        return "the url is not valid"
    return type(error).__name__
