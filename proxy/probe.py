"""Ask a model server whether it is ready.

With a `health` path an HTTP GET must be answered 2xx; without one a TCP connection must do. The
supervisor asks for the pod's readiness, the watcher for the policy's: each on its own, so that
neither depends on the other's life.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Final

import aiohttp

from proxy.clock import now_s
from proxy.records import Health, Model
from proxy.relay.settings import Upstream
from proxy.relay.tls import UpstreamTls

PROBE_EVERY_S: Final = 2.0
"""Often enough to know a way back within seconds, seldom enough to cost a model nothing."""
TIMEOUT_S: Final = 2.0
LATE_S: Final = 0.5
"""A time-out that is noticed so much later was noticed by a process that was held up."""
MAX_TRIES: Final = 3
_OK: Final = range(200, 300)
_SILENT: Final = "silent"


class Probe:
    """Asks one model server, again and again."""

    def __init__(self, model: Model, upstream: Upstream) -> None:
        """Make a probe of `upstream`; nothing is sent before `ask`."""
        self._model = model
        self._upstream = upstream
        self._tls = UpstreamTls(upstream) if upstream.is_tls else None
        self._session: aiohttp.ClientSession | None = None

    async def ask(self) -> Health:
        """Ask the model; what goes wrong is in the answer, nothing is raised.

        A time-out that is noticed late says that this process was held up, on a machine without
        time to spare, and nothing of the model: it is asked again.
        """
        for _ in range(MAX_TRIES):
            began_s = now_s()
            reason = await self._ask()
            if reason != _SILENT or now_s() - began_s < TIMEOUT_S + LATE_S:
                break
        if reason == _SILENT:
            reason = f"no answer within {TIMEOUT_S:g} s"
        return Health(model=self._model, at_s=now_s(), ready=not reason, reason=reason)

    async def _ask(self) -> str:
        """Ask once; give why the model is not ready, empty when it is."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._reason()
        except TimeoutError:
            return _SILENT
        except UnicodeError:
            return f"{self._upstream.address[0]} is no host name: check the url"
        except (OSError, aiohttp.ClientError, ssl.SSLError) as error:
            return str(error) or type(error).__name__

    async def _reason(self) -> str:
        """Give why the model is not ready; empty when it is."""
        path = self._upstream.health
        context = None if self._tls is None else self._tls.context()
        name = None if self._tls is None else self._tls.server_name
        if path is None:
            host, port = self._upstream.address
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return ""
        if self._session is None:
            # A fresh connection each time: one that is kept open would not tell of a full backlog.
            connector = aiohttp.TCPConnector(force_close=True)
            self._session = aiohttp.ClientSession(connector=connector)
        url = self._upstream.url.rstrip("/") + path
        async with self._session.get(
            url, ssl=context or True, server_hostname=name, allow_redirects=False
        ) as answer:
            await answer.content.read(1024)
            return "" if answer.status in _OK else f"{path} answered {answer.status}"

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
