"""The relay's own answers."""

from __future__ import annotations

import json

import httptools
import pytest

from proxy.records import Failure
from proxy.relay.refusals import FAILURES, failure_answer, refusal


def test_every_failure_a_client_can_see_has_an_answer() -> None:
    """All but the client's own leaving have a status, an error type and a sentence."""
    assert set(FAILURES) == set(Failure) - {Failure.CLIENT_GONE}


@pytest.mark.parametrize("failure", sorted(FAILURES))
@pytest.mark.parametrize("closes", [True, False])
def test_failure_answers_are_whole_and_say_who_speaks(failure: Failure, closes: bool) -> None:
    """Each is valid HTTP with a JSON body, and marks the proxy as its author."""
    raw = failure_answer(failure, is_head=False, closes=closes)
    parser = httptools.HttpResponseParser(object())
    parser.feed_data(raw)
    assert parser.get_status_code() == FAILURES[failure][0]
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head
    assert json.loads(body)["error"]["code"] in head.decode()
    assert b"Proxy-Status: stablehand; error=" in head
    assert (b"Connection: close" in head) == closes
    assert (b"Retry-After" in head) == (failure is Failure.OVERLOAD)


def test_a_head_request_gets_no_body() -> None:
    """The length is told, the body is not sent."""
    raw = refusal(400, "no", is_head=True, closes=True)
    assert raw.endswith(b"\r\n\r\n")
    assert b"Content-Length: " in raw
