"""A coverage-guided search for bytes that the relay takes differently when they are cut.

    pip install atheris    (in an environment of its own beside the development dependencies)
    python tests/fuzz/relay.py -max_total_time=600 CORPUS

The properties are those of the unit tests: any bytes from a client, and any bytes from an upstream,
give the same in any segmentation, and leave nothing behind. The first byte chooses the side, the
next eight the cuts.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

with atheris.instrument_imports(include=["proxy.relay"]):
    from tests.unit.relay.conftest import Kit
    from tests.unit.relay.test_downstream import relayed
    from tests.unit.relay.test_upstream import answered

_HEADER_BYTES = 9
_loop = asyncio.new_event_loop()


async def _from_client(data: bytes, cuts: list[int]) -> None:
    whole = await relayed(Kit, data, [])
    assert await relayed(Kit, data, cuts) == whole


def one_input(given: bytes) -> None:
    """Hold one input against the properties."""
    if len(given) <= _HEADER_BYTES:
        return
    side, *cuts = given[:_HEADER_BYTES]
    data = given[_HEADER_BYTES:]
    if side % 2:
        _loop.run_until_complete(_from_client(data, cuts))
    else:
        assert answered(Kit, data, cuts) == answered(Kit, data, [])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
