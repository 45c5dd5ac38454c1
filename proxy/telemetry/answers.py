"""The manners of our HTTP answers: JSON bodies, JSON errors, nothing cached, nothing leaked.

Used by the watcher's API and by the supervisor's door, so it stays light. No routes here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from proxy.telemetry.desk import DeskError

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SAFE: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Fields on every answer of ours."""

_SHUTDOWN_S: Final = 2.0
_KEEPALIVE_S: Final = 15.0


def json_answer(
    value: object, status: int = 200, *, enc_hook: Callable[[object], object] = str
) -> web.Response:
    """Give `value` as a JSON answer. `enc_hook` turns what msgspec does not know into what it does.

    Lone NaN and infinities become null: JSON has no word for them.
    """
    body = msgspec.json.encode(value, enc_hook=enc_hook)
    return web.Response(body=body, status=status, content_type="application/json", headers=SAFE)


def error_answer(
    status: int, code: str, message: str, hint: str = "", fields: dict[str, str] | None = None
) -> web.Response:
    """Give an error as `{"error": {"code", "message", "hint"}}`."""
    answer = json_answer({"error": {"code": code, "message": message, "hint": hint}}, status)
    answer.headers.update(fields or {})
    return answer


@web.middleware
async def speak_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a JSON error; an unexpected one is logged and shows nothing."""
    try:
        return await handler(request)
    except DeskError as error:
        return error_answer(error.status, error.code, error.message, error.hint)
    except web.HTTPException as error:
        code = error.reason.lower().replace(" ", "_")
        fields = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return error_answer(error.status, code, f"{request.method} {request.path}: {error.reason}.",
                            _hint(error.status), fields)  # fmt: skip
    except Exception:
        log.exception("admin call failed", extra={"path": request.path, "method": request.method})
        return error_answer(
            500, "internal", "The call failed inside stablehand.", "The log has the details."
        )


def _hint(status: int) -> str:
    hints = {
        404: "The paths are listed in docs/operations.md under 'Admin HTTP'.",
        405: "Reads are GET, changes are POST.",
        413: "Send less at once.",
    }
    return hints.get(status, "")


async def serve_tcp(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve `app` on a TCP port; give the runner (for `cleanup()`) and the port that was bound.

    Raises:
        OSError: the port cannot be bound.
    """
    runner = await make_runner(app)
    try:
        await web.TCPSite(runner, host, port, backlog=64).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner, int(runner.addresses[0][1])


async def serve_unix(app: web.Application, path: Path) -> web.AppRunner:
    """Serve `app` on a unix socket that only this user can reach; a stale socket is replaced.

    Raises:
        OSError: the socket cannot be made.
    """
    runner = await make_runner(app)
    _remove(path)
    before = os.umask(0o177)
    try:
        await web.UnixSite(runner, path, backlog=64).start()
    except OSError:
        await runner.cleanup()
        raise
    finally:
        os.umask(before)
    return runner


def _quiet() -> logging.Logger:
    quiet = logging.getLogger(f"{__name__}.wire")
    quiet.setLevel(logging.CRITICAL)
    return quiet


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def make_runner(app: web.Application) -> web.AppRunner:
    """Give a runner with our manners, set up, for sockets that were bound elsewhere."""
    runner = web.AppRunner(
        app,
        access_log=None,
        # Bytes that are no HTTP would be logged with a traceback each: a log storm for the asking.
        logger=_quiet(),
        # Nobody needs to send us compressed bodies, so nobody can send us a bomb.
        auto_decompress=False,
        handle_signals=False,
        keepalive_timeout=_KEEPALIVE_S,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    return runner
