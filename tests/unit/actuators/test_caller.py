"""The signature and the door's fields; the calls themselves are in tests/wire/test_caller.py."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

import pytest

from proxy.actuators.caller import Caller, Letter, sign
from proxy.actuators.settings import Door


def test_the_signature_covers_time_and_body() -> None:
    """A receiver computes the same from the header's time and the raw body."""
    expected = hmac.new(b"key", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
    assert sign("key", 1_700_000_000, b'{"a":1}') == f"t=1700000000,v1={expected}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://169.254.169.254/latest", "never called"),
        ("https://127.0.0.1:1/", "private"),
        ("https://[::ffff:127.0.0.1]:1/", "private"),
        ("https://localhost:1/", "private"),
        ("https://2130706433:1/", "not valid"),
        ("https://127.1:1/", "not valid"),
    ],
)
def test_addresses_are_judged_before_anything_is_sent(url: str, words: str) -> None:
    """Numbers, names, wrapped and disguised addresses are refused, in words."""

    async def run() -> str:
        caller = Caller()
        try:
            letter = Letter(url=url, body=b"{}", id="1", fields={})
            return (await caller.call(Door(url="https://hooks.example/"), letter)).error
        finally:
            await caller.close()

    assert words in asyncio.run(run())
