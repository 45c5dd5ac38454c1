"""A small Redis that the tests of a fleet tell their stories with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Story = Callable[[Any, int], Awaitable[None]]


@pytest.fixture
def with_small(small: Any) -> Callable[[Story], None]:
    """Give what tells a story with a small server and its port."""

    def tell(story: Story) -> None:
        async def told() -> None:
            server = small()
            port = await server.start()
            try:
                await story(server, port)
            finally:
                await server.stop()

        asyncio.run(told())

    return tell
