"""Notices delivered to real receivers on the loopback that are down, slow, wrong or hostile."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

import made
from proxy.actuators.caller import SIGNATURE
from proxy.actuators.notice import Notice
from proxy.actuators.notify import Notifier
from proxy.actuators.settings import AlertsSettings, Receiver


def receiver(port: int, name: str = "ops", **changes: object) -> Receiver:
    """Give the settings that reach a receiver on the loopback."""
    values = {"allow_http": True, "allow_private": True, "timeout_s": 2.0, **changes}
    return Receiver(name=name, url=f"http://127.0.0.1:{port}/hook", **values)


Listening = Callable[..., AbstractAsyncContextManager["Inbox"]]


class Inbox(Protocol):
    """What a test sees of a receiver; the real one is in conftest.py."""

    port: int
    bodies: list[bytes]
    fields: list[dict[str, str]]

    def ids(self) -> list[str]:
        """Give the ids of the notices that arrived."""
        ...


class Counts(Counter[tuple[str, str]]):
    """Counts results by receiver."""

    def add(self, name: str, result: str) -> None:
        """Count one."""
        self[name, result] += 1


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; the test's own timeout bounds it."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def notifier(path: Path, counts: Counts, *receivers: Receiver, **changes: object) -> Notifier:
    """Make a notifier that tries again soon."""
    settings = AlertsSettings(receivers=receivers, retry_max_s=0.05, **changes)
    return Notifier(settings, path, count=counts.add, resend_after_s=0.05)


def test_a_notice_arrives_once_with_its_key_and_signature(
    tmp_path: Path, listening: Listening
) -> None:
    """The receiver can verify the sender, recognise a repeat, and read everything."""

    async def run() -> None:
        async with listening() as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox.port, secret="k", token="t"))  # noqa: S106  # a key for the test's own receiver
            sender.start()
            sender.offer(made.NOTICE)
            await until(lambda: counts["ops", "sent"] == 1)
            await sender.close()
            assert msgspec.json.decode(inbox.bodies[0], type=Notice) == made.NOTICE
            fields = inbox.fields[0]
            assert fields["Idempotency-Key"] == made.NOTICE.id
            assert fields["Authorization"] == "Bearer t"
            time, digest = (it.partition("=")[2] for it in fields[SIGNATURE].split(","))
            signed = f"{time}.".encode() + inbox.bodies[0]
            assert digest == hmac.new(b"k", signed, hashlib.sha256).hexdigest()

    asyncio.run(run())


def test_a_receiver_that_is_down_gets_it_when_it_is_back(
    tmp_path: Path, listening: Listening
) -> None:
    """Nothing is lost while nobody listens; the last word on the incident is enough afterwards."""

    async def run() -> None:
        async with listening() as closed:
            port = closed.port
        counts = Counts()
        sender = notifier(tmp_path, counts, receiver(port))
        sender.start()
        sender.offer(made.NOTICE)
        await until(lambda: counts["ops", "failed"] >= 2)
        assert "cannot connect" in sender.last_error["ops"]
        (trouble,) = sender.troubles()
        assert trouble.startswith("the receiver ops could not be told: cannot connect")
        assert trouble.endswith("; it is tried again, 1 waiting")
        sender.offer(made.notice(id="joined"))
        sender.offer(made.notice(id="other", incident="a1/latency#1"))
        async with listening(port=port) as inbox:
            await until(lambda: counts["ops", "sent"] == 2)
        await sender.close()
        assert inbox.ids() == ["joined", "other"]
        assert counts["ops", "superseded"] == 1
        assert sender.last_error == {}
        assert sender.troubles() == []

    asyncio.run(run())


def test_a_notice_that_cannot_be_written_holds_up_no_other(
    tmp_path: Path, listening: Listening
) -> None:
    """One that an older version left, about an alarm that is no more: given up, and told."""

    async def run() -> None:
        async with listening() as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox.port, type="alertmanager"))
            sender.offer(made.notice(id="odd", incident="a1/odd#1", alarms=("no_such_alarm",)))
            sender.start()
            await until(lambda: counts["ops", "rejected"] == 1)
            assert sender.troubles() == [
                "the receiver ops could not be told: ValueError; what it refused is given up"
            ]
            sender.offer(made.NOTICE)
            await until(lambda: counts["ops", "sent"] == 1 and len(inbox.bodies) >= 3)
            await sender.close()
            assert sender.troubles() == []

    asyncio.run(run())


def test_the_receivers_words_are_told_unless_they_quote_its_address(
    tmp_path: Path, listening: Listening
) -> None:
    """Why it refused is what helps; a path may be the key of a webhook."""

    async def run() -> None:
        for text, told in (
            ("no such key", "HTTP 404 (no such key)"),
            ("no /hook here", "HTTP 404"),
        ):
            async with listening(statuses=[404] * 99, text=text) as inbox:
                counts = Counts()
                sender = notifier(tmp_path / text, counts, receiver(inbox.port))
                sender.start()
                sender.offer(made.NOTICE)
                await until(lambda counts=counts: counts["ops", "failed"] >= 1)
                assert sender.last_error["ops"] == told
                await sender.close()

    asyncio.run(run())


def test_errors_of_the_receiver_are_tried_again(tmp_path: Path, listening: Listening) -> None:
    """Two 500s and a 429 later the notice is there, and each try is counted."""

    async def run() -> None:
        async with listening(statuses=[500, 503, 429]) as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox.port))
            sender.start()
            sender.offer(made.NOTICE)
            await until(lambda: counts["ops", "sent"] == 1)
            await sender.close()
            assert counts == {("ops", "failed"): 3, ("ops", "sent"): 1}
            assert len({it["Idempotency-Key"] for it in inbox.fields}) == 1

    asyncio.run(run())


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_a_receiver_will_never_take_is_given_up(
    tmp_path: Path, status: int, listening: Listening
) -> None:
    """A letter called malformed is not sent for a day; the next one is."""

    async def run() -> None:
        async with listening(statuses=[status]) as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox.port))
            sender.start()
            sender.offer(made.NOTICE)
            sender.offer(made.notice(id="next"))
            await until(lambda: counts["ops", "sent"] == 1)
            await sender.close()
            assert counts == {("ops", "rejected"): 1, ("ops", "sent"): 1}

    asyncio.run(run())


def test_a_redirect_is_not_followed(tmp_path: Path, listening: Listening) -> None:
    """Nobody is led to another address, with the signature in hand."""

    async def run() -> None:
        async with listening() as stolen, listening(statuses=[307]) as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox.port))
            sender.start()
            sender.offer(made.NOTICE)
            await until(lambda: counts["ops", "sent"] == 1)
            await sender.close()
            assert counts["ops", "failed"] == 1
            assert stolen.bodies == []
            assert len(inbox.bodies) == 2

    asyncio.run(run())


def test_a_slow_receiver_holds_up_nobody_else(tmp_path: Path, listening: Listening) -> None:
    """Each receiver has its own task: the quick one has all while the slow one still thinks."""

    async def run() -> None:
        async with listening(delay_s=30.0) as slow, listening() as quick:
            counts = Counts()
            sender = notifier(
                tmp_path,
                counts,
                receiver(slow.port, "slow", timeout_s=0.2),
                receiver(quick.port, "quick"),
            )
            sender.start()
            for number in range(5):
                sender.offer(made.notice(id=f"n{number}"))
            await until(lambda: counts["quick", "sent"] == 5 and counts["slow", "failed"] >= 2)
            assert "no answer within 0.2 s" in sender.last_error["slow"]
            await sender.close()

    asyncio.run(run())


def test_a_restart_delivers_what_was_waiting_and_repeats_nothing(
    tmp_path: Path, listening: Listening
) -> None:
    """What was offered before the end of a life arrives in the next, once."""

    async def run() -> None:
        async with listening() as inbox:
            counts = Counts()
            first = notifier(tmp_path, counts, receiver(inbox.port))
            first.offer(made.NOTICE)
            await first.close()
            second = notifier(tmp_path, counts, receiver(inbox.port))
            second.start()
            await until(lambda: counts["ops", "sent"] == 1)
            second.offer(made.NOTICE)
            await second.close()
            third = notifier(tmp_path, counts, receiver(inbox.port))
            third.start()
            third.offer(made.notice(id="new"))
            await until(lambda: counts["ops", "sent"] == 2)
            await third.close()
            assert inbox.ids() == [made.NOTICE.id, "new"]

    asyncio.run(run())


def test_what_is_too_old_is_given_up(tmp_path: Path, listening: Listening) -> None:
    """An alert of yesterday wakes nobody today."""

    async def run() -> None:
        async with listening() as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox.port), max_age_s=1e-9)
            sender.offer(made.NOTICE)
            sender.start()
            await until(lambda: counts["ops", "expired"] == 1)
            await sender.close()
            assert inbox.bodies == []

    asyncio.run(run())


def test_an_open_alert_is_kept_alive_at_alertmanager_until_its_end(
    tmp_path: Path, listening: Listening
) -> None:
    """It is sent again and again, also by the next life, and not after the end."""

    async def run() -> None:
        async with listening() as inbox:
            counts = Counts()
            manager = receiver(inbox.port, type="alertmanager")
            first = notifier(tmp_path, counts, manager)
            first.start()
            first.offer(made.NOTICE)
            await until(lambda: len(inbox.bodies) >= 3)
            await first.close()
            n_before = len(inbox.bodies)
            second = notifier(tmp_path, counts, manager)
            second.start()
            await until(lambda: len(inbox.bodies) >= n_before + 2)
            second.offer(made.notice(id="end", kind="resolved"))
            await until(lambda: counts["ops", "sent"] == 2)
            n_after = len(inbox.bodies)
            await asyncio.sleep(0.3)
            await second.close()
            assert len(inbox.bodies) - n_after <= 1

    asyncio.run(run())
