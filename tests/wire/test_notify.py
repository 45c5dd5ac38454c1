"""Notices delivered to real receivers on the loopback that are down, slow, wrong or hostile."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from proxy.actuators.caller import SIGNATURE, Caller, Letter, Reply
from proxy.actuators.capacity import Capacity
from proxy.actuators.notice import Notice
from proxy.actuators.notify import Notifier
from proxy.actuators.settings import (
    AlertsSettings,
    CapacitySettings,
    CapacityStep,
    Door,
    Receiver,
)
from proxy.records import Action, AlarmName, Step, StepKind

Answer = Callable[[web.Request], web.StreamResponse]
NOTICE = Notice(
    id="a1/alert/disagreement#1/0",
    kind="firing",
    severity="critical",
    incident="a1/disagreement#1",
    cause="model",
    alarm="disagreement",
    alarms=("disagreement",),
    title="Model: the candidate alone goes wrong (disagreement)",
    what="disagreement: the outputs differ.",
    since_utc="2026-11-23T00:00:00.000Z",
    at_utc="2026-11-23T00:05:00.000Z",
    effect=0.31,
    interval=(0.27, 0.35),
    unit="share",
    evidence=20.0,
    threshold=17.0,
    n_reference=5000,
    n_current=420,
    false_alarms="at most one false detection in 365 days per watched quality",
    blamed=(),
    done="Nothing was changed.",
    next="Wait.",
    undo="",
    candidate="flights-2",
    stable="flights-1",
    source="pod-7",
    links={},
)


@dataclass
class Inbox:
    """A real receiver: keeps what it is sent, and answers as it is told."""

    statuses: list[int] = field(default_factory=list)
    """Answers to give, in order; then 200."""
    delay_s: float = 0.0
    bodies: list[bytes] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Take one letter."""
        self.bodies.append(await request.read())
        self.fields.append(dict(request.headers))
        self.arrived.set()
        await asyncio.sleep(self.delay_s)
        status = self.statuses.pop(0) if self.statuses else 200
        location = {"Location": f"http://127.0.0.1:{self.port}/stolen"} if status == 307 else {}
        return web.Response(status=status, text="noted", headers=location)

    def ids(self) -> list[str]:
        """Give the ids of the notices that arrived."""
        return [msgspec.json.decode(body, type=Notice).id for body in self.bodies]


@asynccontextmanager
async def listening(inbox: Inbox) -> AsyncIterator[Inbox]:
    """Run a receiver on its port, or on a free one."""
    app = web.Application()
    app.router.add_post("/{path:.*}", inbox.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", inbox.port, reuse_address=True)
    await site.start()
    inbox.port = runner.addresses[0][1]
    try:
        yield inbox
    finally:
        await runner.cleanup()


def receiver(inbox: Inbox, name: str = "ops", **changes: object) -> Receiver:
    """Give the settings that reach an inbox."""
    values = {"allow_http": True, "allow_private": True, "timeout_s": 2.0, **changes}
    return Receiver(name=name, url=f"http://127.0.0.1:{inbox.port}/hook", **values)


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


def test_a_notice_arrives_once_with_its_key_and_signature(tmp_path: Path) -> None:
    """The receiver can verify the sender, recognise a repeat, and read everything."""

    async def run() -> None:
        async with listening(Inbox()) as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox, secret="k", token="t"))  # noqa: S106  # a key for the test's own receiver
            sender.start()
            sender.offer(NOTICE)
            await until(lambda: counts["ops", "sent"] == 1)
            await sender.close()
            assert msgspec.json.decode(inbox.bodies[0], type=Notice) == NOTICE
            fields = inbox.fields[0]
            assert fields["Idempotency-Key"] == NOTICE.id
            assert fields["Authorization"] == "Bearer t"
            time, digest = (it.partition("=")[2] for it in fields[SIGNATURE].split(","))
            signed = f"{time}.".encode() + inbox.bodies[0]
            assert digest == hmac.new(b"k", signed, hashlib.sha256).hexdigest()

    asyncio.run(run())


def test_a_receiver_that_is_down_gets_it_when_it_is_back(tmp_path: Path) -> None:
    """Nothing is lost while nobody listens; the last word on the incident is enough afterwards."""

    async def run() -> None:
        async with listening(Inbox()) as closed:
            port = closed.port
        inbox, counts = Inbox(port=port), Counts()
        sender = notifier(tmp_path, counts, receiver(inbox))
        sender.start()
        sender.offer(NOTICE)
        await until(lambda: counts["ops", "failed"] >= 2)
        assert "cannot connect" in sender.last_error["ops"]
        sender.offer(msgspec.structs.replace(NOTICE, id="joined"))
        sender.offer(msgspec.structs.replace(NOTICE, id="other", incident="a1/latency#1"))
        async with listening(inbox):
            await until(lambda: counts["ops", "sent"] == 2)
        await sender.close()
        assert inbox.ids() == ["joined", "other"]
        assert counts["ops", "superseded"] == 1
        assert sender.last_error == {}

    asyncio.run(run())


def test_errors_of_the_receiver_are_tried_again(tmp_path: Path) -> None:
    """Two 500s and a 429 later the notice is there, and each try is counted."""

    async def run() -> None:
        async with listening(Inbox(statuses=[500, 503, 429])) as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox))
            sender.start()
            sender.offer(NOTICE)
            await until(lambda: counts["ops", "sent"] == 1)
            await sender.close()
            assert counts == {("ops", "failed"): 3, ("ops", "sent"): 1}
            assert len({it["Idempotency-Key"] for it in inbox.fields}) == 1

    asyncio.run(run())


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_a_receiver_will_never_take_is_given_up(tmp_path: Path, status: int) -> None:
    """A letter called malformed is not sent for a day; the next one is."""

    async def run() -> None:
        async with listening(Inbox(statuses=[status])) as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox))
            sender.start()
            sender.offer(NOTICE)
            sender.offer(msgspec.structs.replace(NOTICE, id="next"))
            await until(lambda: counts["ops", "sent"] == 1)
            await sender.close()
            assert counts == {("ops", "rejected"): 1, ("ops", "sent"): 1}

    asyncio.run(run())


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """Nobody is led to another address, with the signature in hand."""

    async def run() -> None:
        async with listening(Inbox()) as stolen, listening(Inbox(statuses=[307])) as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox))
            sender.start()
            sender.offer(NOTICE)
            await until(lambda: counts["ops", "sent"] == 1)
            await sender.close()
            assert counts["ops", "failed"] == 1
            assert stolen.bodies == []
            assert len(inbox.bodies) == 2

    asyncio.run(run())


def test_a_slow_receiver_holds_up_nobody_else(tmp_path: Path) -> None:
    """Each receiver has its own task: the quick one has all while the slow one still thinks."""

    async def run() -> None:
        async with listening(Inbox(delay_s=30.0)) as slow, listening(Inbox()) as quick:
            counts = Counts()
            sender = notifier(
                tmp_path, counts, receiver(slow, "slow", timeout_s=0.2), receiver(quick, "quick")
            )
            sender.start()
            for number in range(5):
                sender.offer(msgspec.structs.replace(NOTICE, id=f"n{number}"))
            await until(lambda: counts["quick", "sent"] == 5 and counts["slow", "failed"] >= 2)
            assert "no answer within 0.2 s" in sender.last_error["slow"]
            await sender.close()

    asyncio.run(run())


def test_a_restart_delivers_what_was_waiting_and_repeats_nothing(tmp_path: Path) -> None:
    """What was offered before the end of a life arrives in the next, once."""

    async def run() -> None:
        async with listening(Inbox()) as inbox:
            counts = Counts()
            first = notifier(tmp_path, counts, receiver(inbox))
            first.offer(NOTICE)
            await first.close()
            second = notifier(tmp_path, counts, receiver(inbox))
            second.start()
            await until(lambda: counts["ops", "sent"] == 1)
            second.offer(NOTICE)
            await second.close()
            third = notifier(tmp_path, counts, receiver(inbox))
            third.start()
            third.offer(msgspec.structs.replace(NOTICE, id="new"))
            await until(lambda: counts["ops", "sent"] == 2)
            await third.close()
            assert inbox.ids() == [NOTICE.id, "new"]

    asyncio.run(run())


def test_what_is_too_old_is_given_up(tmp_path: Path) -> None:
    """An alert of yesterday wakes nobody today."""

    async def run() -> None:
        async with listening(Inbox()) as inbox:
            counts = Counts()
            sender = notifier(tmp_path, counts, receiver(inbox), max_age_s=1e-9)
            sender.offer(NOTICE)
            sender.start()
            await until(lambda: counts["ops", "expired"] == 1)
            await sender.close()
            assert inbox.bodies == []

    asyncio.run(run())


def test_an_open_alert_is_kept_alive_at_alertmanager_until_its_end(tmp_path: Path) -> None:
    """It is sent again and again, also by the next life, and not after the end."""

    async def run() -> None:
        async with listening(Inbox()) as inbox:
            counts = Counts()
            manager = receiver(inbox, type="alertmanager")
            first = notifier(tmp_path, counts, manager)
            first.start()
            first.offer(NOTICE)
            await until(lambda: len(inbox.bodies) >= 3)
            await first.close()
            n_before = len(inbox.bodies)
            second = notifier(tmp_path, counts, manager)
            second.start()
            await until(lambda: len(inbox.bodies) >= n_before + 2)
            second.offer(msgspec.structs.replace(NOTICE, id="end", kind="resolved"))
            await until(lambda: counts["ops", "sent"] == 2)
            n_after = len(inbox.bodies)
            await asyncio.sleep(0.3)
            await second.close()
            assert len(inbox.bodies) - n_after <= 1

    asyncio.run(run())


async def call(door: Door, url: str) -> Reply:
    """Call a door once."""
    caller = Caller(max_answer_bytes=1000)
    try:
        return await caller.call(door, Letter(url=url, body=b"{}", id="1", fields={}))
    finally:
        await caller.close()


def test_the_inner_network_is_closed_without_permission() -> None:
    """By number and by name: nothing of the letter arrives."""

    async def run() -> None:
        async with listening(Inbox()) as inbox:
            for host in ("127.0.0.1", "localhost"):
                url = f"http://{host}:{inbox.port}/"
                reply = await call(Door(url=url, allow_http=True), url)
                assert not reply.ok
                assert reply.error.startswith("refused: ")
            assert inbox.bodies == []

    asyncio.run(run())


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """A hostile receiver costs neither memory nor time."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with_data = b"x" * 65_536
        try:
            while True:
                await response.write(with_data)
        except ConnectionError:
            return response

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/", endless)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        door = Door(url=url, allow_http=True, allow_private=True, timeout_s=10.0)
        reply = await call(door, url)
        await runner.cleanup()
        assert reply.ok
        assert reply.text == "x" * 200

    asyncio.run(run())


def act(kind: StepKind, name: str = "replicas") -> Action:
    """Make a capacity action."""
    return Action(
        id=f"{kind}/throughput#1/1/{name}",
        step=Step(kind=kind, argument=name),
        because="throughput: the candidate falls behind",
        alarms=(AlarmName.THROUGHPUT,),
        at_s=0.0,
    )


def test_a_capacity_step_is_asked_for_under_one_key_until_it_is_taken() -> None:
    """Two errors, then success: three tries, one key, the parameters of the configuration."""

    async def run() -> None:
        async with listening(Inbox(statuses=[500, 500])) as inbox:
            url = f"http://127.0.0.1:{inbox.port}/scale"
            open_door = {"allow_http": True, "allow_private": True}
            step = CapacityStep(name="replicas", url=url, body={"by": 2}, **open_door)
            capacity = Capacity(CapacitySettings(steps=(step,)), "a1", pause_s=0.01)
            assert capacity.names == ("replicas",)
            outcome = await capacity.apply(act(StepKind.EXPAND))
            undone = await capacity.apply(act(StepKind.UNDO))
            await capacity.close()
            assert (outcome.ok, outcome.error, undone.ok) == (True, "", True)
            keys = [it["Idempotency-Key"] for it in inbox.fields]
            expand, undo = "a1/expand/throughput#1/1/replicas", "a1/undo/throughput#1/1/replicas"
            assert keys == [expand, expand, expand, undo]
            sent = [msgspec.json.decode(body) for body in inbox.bodies]
            assert [it["operation"] for it in sent] == ["expand"] * 3 + ["undo"]
            assert sent[0]["parameters"] == {"by": 2}

    asyncio.run(run())


def test_a_capacity_step_that_is_refused_says_why() -> None:
    """Tries are bounded, a final answer ends them, and an unknown step is no crash."""

    async def run() -> None:
        async with listening(Inbox(statuses=[500] * 3 + [422])) as inbox:
            url = f"http://127.0.0.1:{inbox.port}/scale"
            step = CapacityStep(
                name="replicas", url=url, is_reversible=False, allow_http=True, allow_private=True
            )
            capacity = Capacity(CapacitySettings(steps=(step,)), "a1", pause_s=0.01)
            outcomes = [
                await capacity.apply(act(StepKind.EXPAND)),
                await capacity.apply(act(StepKind.EXPAND)),
                await capacity.apply(act(StepKind.EXPAND, "nothing")),
                await capacity.apply(act(StepKind.UNDO)),
            ]
            await capacity.close()
            assert [it.error for it in outcomes] == [
                "HTTP 500 (noted)",
                "HTTP 422 (noted)",
                "there is no capacity step called 'nothing'",
                "",
            ]
            assert [it.ok for it in outcomes] == [False, False, False, True]
            assert len(inbox.bodies) == 4

    asyncio.run(run())
