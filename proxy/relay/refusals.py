"""The answers the relay gives itself: nothing but these is ever ours on the data port.

`Proxy-Status` (RFC 9209) tells people and tests that the proxy speaks, not the model.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from proxy.records import Failure

FAILURES: Final[dict[Failure, tuple[int, str, str]]] = {
    Failure.REFUSED: (502, "connection_refused", "the model refuses connections"),
    Failure.CONNECT_TIMEOUT: (504, "connection_timeout", "no connection to the model in time"),
    Failure.RESET: (502, "connection_terminated", "the model hung up before it answered"),
    Failure.TRUNCATED: (502, "connection_terminated", "the model hung up while it answered"),
    Failure.TIMEOUT: (504, "http_response_timeout", "the model did not answer in time"),
    Failure.PROTOCOL: (502, "http_protocol_error", "the model's answer is not valid HTTP"),
    Failure.OVERLOAD: (503, "connection_limit_reached", "too many requests are running"),
}
"""Status, error type of RFC 9209, and a sentence, for each failure that leaves a client to tell."""

_ERRORS: Final = {400: "http_request_error", 503: "connection_limit_reached"}


def refusal(status: int, why: str, *, is_head: bool = False, closes: bool) -> bytes:
    """Give the whole answer for a request that was not passed on."""
    return _answer(status, _ERRORS.get(status, "http_request_denied"), why, is_head, closes)


def failure_answer(failure: Failure, *, is_head: bool, closes: bool) -> bytes:
    """Give the whole answer for a request whose model failed."""
    status, error, why = FAILURES[failure]
    return _answer(status, error, why, is_head, closes)


def _answer(status: int, error: str, why: str, is_head: bool, closes: bool) -> bytes:
    body = json.dumps({"error": {"code": error, "message": why}}).encode() + b"\n"
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Proxy-Status: stablehand; error={error}",
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append("Retry-After: 1")
    if closes:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode()
    return head if is_head else head + body
