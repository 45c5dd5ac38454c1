"""Sending recorded requests to a model over real HTTP, and timing every answer.

The load is closed: a fixed number of requests runs at any moment, so that each load cell of the
benchmark gets answers. Answers keep the order of the requests. A model that fails is measured, not
pitied: only one that cannot be reached at all, or fails half of everything, ends certification.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from proxy.certify.files import CertifyError
from proxy.certify.recorded import Recorded
from proxy.clock import now_s
from proxy.monitors.errors import CLASS_OF, SERVER_ERROR
from proxy.records import Failure
from proxy.relay.settings import ClientTls, Upstream
from proxy.relay.tls import no_passphrase

BROKEN_SHARE: Final = 0.5
"""From this share of failed answers on, there is nothing to certify."""
_MODEL_IN_PATH: Final = re.compile(r"(/models/)[^/:?]+")

Step = Callable[[], None]
"""Told once for each answer: moves a progress bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one model did with one request."""

    status: int
    """0: no complete answer came."""
    failure: Failure | None
    """`None`: a complete answer came, whatever its status."""
    started_s: float
    finished_s: float
    in_flight: int
    """Requests running when this one began, itself included."""
    fields: dict[str, str]
    """Header fields, names in lower case."""
    body: bytes

    @property
    def failed_class(self) -> str | None:
        """The class under which the failure is counted; `None` for a sound answer.

        A 4xx is no failure of the model: it says that the recorded request is wrong.
        """
        if self.failure is not None:
            return CLASS_OF[self.failure]
        return "server" if self.status >= SERVER_ERROR else None


class Line:
    """An open line to one model: one client session."""

    def __init__(self, name: str, upstream: Upstream) -> None:
        """Speak to `upstream`; `name` (candidate, stable) is for messages."""
        self._name = name
        self._upstream = upstream
        self._n_running = 0
        timeout = aiohttp.ClientTimeout(
            total=upstream.response_timeout_s, sock_connect=upstream.connect_timeout_s
        )
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            connector=aiohttp.TCPConnector(limit=0, ssl=_tls(upstream.tls)),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("accept", "accept-encoding", "user-agent"),
        )

    async def close(self) -> None:
        """End the session."""
        await self._session.close()

    async def check(self, request: Recorded) -> None:
        """Make sure that the model can be reached and answers something.

        Raises:
            CertifyError: it cannot be reached.
        """
        answer = await self.ask(request)
        if answer.failure is not None:
            raise CertifyError(
                f"{self._name} model: {self._upstream.url} cannot be reached "
                f"({answer.body.decode(errors='replace')}); start it, or correct "
                f"models.{self._name}.url"
            )

    async def ask(self, request: Recorded) -> Answer:
        """Send one request and time its answer."""
        self._n_running += 1
        in_flight, started_s = self._n_running, now_s()
        failure, status, fields, body = None, 0, {}, b""
        try:
            async with self._session.request(
                request.method,
                self._url(request.target),
                data=request.body or None,
                headers=self._headers(request),
                allow_redirects=False,
            ) as response:
                body = await response.read()
                status = response.status
                fields = {name.lower(): value for name, value in response.headers.items()}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure, body = _failure(error), (str(error) or type(error).__name__).encode()
        finally:
            self._n_running -= 1
        return Answer(
            status=status,
            failure=failure,
            started_s=started_s,
            finished_s=now_s(),
            in_flight=in_flight,
            fields=fields,
            body=body,
        )

    async def drive(
        self, requests: Sequence[Recorded], concurrency: int, n: int, step: Step
    ) -> list[Answer]:
        """Send `n` requests, from the first on and round again, `concurrency` at a time.

        Returns:
            The answers, in the order of the requests.

        Raises:
            CertifyError: half of the answers or more are failures.
        """
        answers: list[Answer | None] = [None] * n
        numbered = enumerate(islice(cycle(requests), n))
        await asyncio.gather(
            *(self._work(numbered, answers, step) for _ in range(min(concurrency, n)))
        )
        given = [answer for answer in answers if answer is not None]
        self._refuse_broken(given)
        return given

    async def _work(
        self,
        numbered: Iterator[tuple[int, Recorded]],
        answers: list[Answer | None],
        step: Step,
    ) -> None:
        for index, request in numbered:
            answers[index] = await self.ask(request)
            step()

    def _refuse_broken(self, answers: Sequence[Answer]) -> None:
        kinds = Counter(_in_words(answer) for answer in answers if _is_bad(answer))
        n_bad = kinds.total()
        if n_bad < max(1.0, BROKEN_SHARE * len(answers)):
            return
        most, _ = kinds.most_common(1)[0]
        raise CertifyError(
            f"{self._name} model: {n_bad} of {len(answers)} answers failed, most often: {most}; "
            "a benchmark of a broken model would hide its faults"
        )

    def _url(self, target: str) -> URL:
        path = target
        if self._upstream.model is not None:
            path = _MODEL_IN_PATH.sub(rf"\g<1>{quote(self._upstream.model, safe='')}", path)
        return URL(self._upstream.url.rstrip("/") + path, encoded=True)

    def _headers(self, request: Recorded) -> dict[str, str]:
        if self._upstream.host is None:
            return request.headers
        return request.headers | {"host": self._upstream.host}


def _is_bad(answer: Answer) -> bool:
    return answer.failure is not None or not 200 <= answer.status < 400  # noqa: PLR2004 - HTTP


def _in_words(answer: Answer) -> str:
    text = answer.body[:200].decode(errors="replace")
    return f"{answer.failure}: {text}" if answer.failure else f"status {answer.status}: {text}"


def _failure(error: Exception) -> Failure:
    """Give the name of what went wrong, as the relay would."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return Failure.CONNECT_TIMEOUT
        case TimeoutError():
            return Failure.TIMEOUT
        case aiohttp.ClientConnectorError():
            return Failure.REFUSED
        case aiohttp.ClientPayloadError():
            return Failure.TRUNCATED
        case aiohttp.ClientResponseError():
            return Failure.PROTOCOL
        case _:
            return Failure.RESET


def _tls(tls: ClientTls | None) -> ssl.SSLContext | bool:
    """Give what aiohttp verifies an `https` upstream with.

    Raises:
        CertifyError: a certificate file cannot be used.
    """
    if tls is None:
        return True
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, no_passphrase)
    except (OSError, ssl.SSLError) as error:
        raise CertifyError(f"TLS of the model: {error}; see models.*.tls") from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
