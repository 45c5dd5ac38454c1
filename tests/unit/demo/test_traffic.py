"""The client: flights in order, an open load, every failure counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import web

from proxy.demo.flights import Flights, to_celsius
from proxy.demo.traffic import Tally, Traffic, request_body
from proxy.tasks import TaskGroup

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
GOOD = b'{"predictions": [[0.5, 0.5]]}'


@asynccontextmanager
async def replaying(
    flights: Flights, handler: Handler, rate_per_s: float = 2000.0
) -> AsyncIterator[Traffic]:
    """Serve `handler` on loopback and replay flights to it."""
    app = web.Application()
    app.router.add_post("/predict", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/predict"
    traffic = Traffic(url, flights, np.random.default_rng(0), rate_per_s)
    tasks = TaskGroup("test")
    tasks.spawn("traffic", traffic.run())
    try:
        yield traffic
    finally:
        await traffic.close()
        await tasks.close()
        await runner.cleanup()


async def until(traffic: Traffic, n: int) -> None:
    """Wait until `n` requests were sent."""
    while traffic.n_sent < n:
        await asyncio.sleep(0.005)


def test_flights_come_in_order_and_begin_again(flights: Flights) -> None:
    """The replay goes round; the data bug changes rows from the moment it is put in force."""
    seen: list[dict[str, object]] = []

    async def record(request: web.Request) -> web.Response:
        seen.append(json.loads(await request.read())["instances"][0])
        return web.Response(body=GOOD)

    async def scenario() -> Tally:
        async with replaying(flights.part(0, 40), record) as traffic:
            await until(traffic, 60)
            traffic.change = to_celsius
            n_changed_from = traffic.n_sent
            await until(traffic, n_changed_from + 20)
            await traffic.close()
            assert traffic.n_sent == len(seen)
            return traffic.tally()

    tally = asyncio.run(scenario())
    rows = flights.rows(0, 40)
    keys = [(row["distance"], row["humidity"]) for row in rows]
    order = [keys.index((row["distance"], row["humidity"])) for row in seen]
    # Requests overlap, so neighbours may overtake each other; none is lost or doubled.
    assert all(
        abs(place - n % 40) < 12 or abs(place - n % 40) > 28 for n, place in enumerate(order)
    )
    assert sorted(order[:40]) == sorted(range(40)) or len(set(order[:40])) > 30
    assert seen[0]["temperature"] == rows[order[0]]["temperature"]
    last = rows[order[-1]]["temperature"]
    assert isinstance(last, float)
    assert seen[-1]["temperature"] == pytest.approx((last - 32) / 1.8, abs=0.01)
    assert tally.n_answered == tally.n_sent
    assert tally.n_failed == 0
    assert 0 < tally.p50_s <= tally.p99_s
    assert tally.flight_time.startswith("2013-01-0")


def test_every_kind_of_failure_is_counted_once(flights: Flights) -> None:
    """Other statuses, answers that are no prediction, and connections that break."""
    n = 0

    async def moody(request: web.Request) -> web.StreamResponse:
        nonlocal n
        n += 1
        if n % 4 == 1:
            return web.Response(status=503, text="overloaded")
        if n % 4 == 2:
            return web.Response(body=b'{"predictions": "none"}')
        if n % 4 == 3:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=GOOD)

    async def scenario() -> Tally:
        async with replaying(flights, moody) as traffic:
            await until(traffic, 40)
            await traffic.close()
            return traffic.tally()

    tally = asyncio.run(scenario())
    assert tally.n_answered + tally.n_failed == tally.n_sent
    assert tally.n_failed == sum(tally.reasons.values())
    assert tally.n_failed >= 0.6 * tally.n_sent
    assert {"status 503", "no prediction"} < set(tally.reasons)
    assert any("overloaded" in failure for failure in tally.failures)


def test_the_load_does_not_wait_for_answers(flights: Flights) -> None:
    """An open load: a model that hangs gets further requests, and the client waits for the end."""
    release = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        del request
        await release.wait()
        return web.Response(body=GOOD)

    async def scenario() -> Tally:
        async with replaying(flights, hang) as traffic:
            await until(traffic, 30)
            assert traffic.tally().n_answered == 0
            release.set()
            await traffic.close()
            return traffic.tally()

    tally = asyncio.run(scenario())
    assert tally.n_answered == tally.n_sent >= 30


def test_a_request_asks_about_one_departure(flights: Flights) -> None:
    """The body is a V1 request with the row's own names."""
    row = flights.rows(3, 4)[0]
    assert json.loads(request_body(row)) == {"instances": [row]}
    assert row["visibility"] is None
