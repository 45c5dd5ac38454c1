"""The receiver of alerts: keeps each notice once, refuses what it cannot read."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec

from proxy.demo.receiver import Receiver
from proxy.records import AlarmName


def test_notices_are_kept_once_and_counted_each_time(make: Any) -> None:
    """At least once means that one may come twice; `since` gives what came later."""

    async def scenario() -> None:
        receiver = Receiver()
        await receiver.start()
        statuses = []
        try:
            async with aiohttp.ClientSession() as session:
                for number in (1, 2, 2, 3):
                    body = msgspec.json.encode(
                        make.notice("firing", AlarmName.ERRORS, what=str(number))
                    )
                    async with session.post(receiver.url, data=body) as response:
                        statuses.append(response.status)
                async with session.post(receiver.url, data=b"{}") as response:
                    statuses.append(response.status)
        finally:
            await receiver.close()
        assert statuses == [204, 204, 204, 204, 400]
        assert [one.what for one in receiver.since(0)] == ["1", "2", "3"]
        assert [one.what for one in receiver.since(2)] == ["3"]
        assert receiver.n_received == 4
        assert receiver.n_unreadable == 1

    asyncio.run(scenario())
