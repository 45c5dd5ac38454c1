"""Counts of several replicas, added up: taken out of the watches, packed, merged and put back.

Every replica counts into the bins of the same benchmark, so the counts of all of them, bin by bin,
are what one watcher would have counted that saw all rows. Nothing is estimated and nothing is lost:
counts are whole numbers. A vector has the bins of a watch stream by stream, in the order of the
streams, whatever the watch's own layout, which differs with what it has learnt.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from proxy.stats.engine.watch import Watch

Tally: TypeAlias = dict[str, NDArray[np.int64]]
"""Counts of one tick by name of the watch: int array [bins of all its streams]."""

MAX_COUNT: Final = 2**20
"""Rows in one bin of one replica in one tick. 16 replicas at this bound are still exact in the
32-bit floats of a watch."""
_WIRE: Final = np.dtype("<u4")


class PoolingError(Exception):
    """Counts that cannot be used; the message says why."""


def layout_sha256(watches: Mapping[str, Watch], salt: Sequence[str] = ()) -> str:
    """Give a hash of what the counts mean: names, streams, bins; equal hashes may be added up.

    It does not depend on bets, weights or learnt design effects: they say what is made of counts.
    """
    digest = hashlib.sha256(msgspec.json.encode(list(salt)))
    for name in sorted(watches):
        for stream in watches[name].certified:
            column = stream.column
            borders = None if column is None else (column.edges, column.categories)
            digest.update(msgspec.json.encode([name, stream.name, stream.bin_names, borders]))
    return digest.hexdigest()


def sizes(watches: Mapping[str, Watch]) -> dict[str, int]:
    """Give the number of bins of each watch."""
    return {name: watch.layout.n_bins for name, watch in watches.items()}


def take(watches: Mapping[str, Watch]) -> Tally:
    """Take the counts since the last tick out of the watches."""
    tally: Tally = {}
    for name, watch in watches.items():
        ordered = [watch.pending[bins] for bins in watch.layout.bins]
        whole = np.rint(np.concatenate(ordered)).astype(np.int64)
        tally[name] = np.clip(whole, 0, MAX_COUNT)
        watch.pending[:] = 0
    return tally


def put(watches: Mapping[str, Watch], tally: Tally) -> None:
    """Add counts to what the watches will fold with their next tick."""
    for name, watch in watches.items():
        counts = tally.get(name)
        if counts is None:
            continue
        place = 0
        for bins in watch.layout.bins:
            size = bins.stop - bins.start
            watch.pending[bins] += counts[place : place + size].astype(np.float32)
            place += size


def merge(tallies: Sequence[Tally]) -> Tally:
    """Give the sum of counts, bin by bin."""
    total: Tally = {}
    for tally in tallies:
        for name, counts in tally.items():
            total[name] = total[name] + counts if name in total else counts.copy()
    return total


def n_rows(tally: Tally) -> int:
    """Give how many rows were counted at most in one stream: the rows of the tick, about."""
    return max((int(counts.sum()) for counts in tally.values()), default=0)


def pack(tally: Tally) -> bytes:
    """Give counts as compressed bytes, the watches in the order of their names."""
    flat = [tally[name] for name in sorted(tally)]
    joined = np.concatenate(flat) if flat else np.zeros(0, dtype=np.int64)
    return zlib.compress(joined.astype(_WIRE).tobytes(), 1)


def unpack(raw: bytes, expected: Mapping[str, int]) -> Tally:
    """Read packed counts of watches with `expected` numbers of bins.

    Raises:
        PoolingError: they are damaged, of another length, or larger than any replica counts.
    """
    n_bytes = sum(expected.values()) * _WIRE.itemsize
    reader = zlib.decompressobj()
    try:
        # One byte more than expected is enough to know that there is too much.
        plain = reader.decompress(raw, n_bytes + 1)
    except zlib.error as error:
        raise PoolingError(f"they cannot be unpacked ({error})") from error
    if len(plain) != n_bytes or not reader.eof or reader.unused_data:
        raise PoolingError(f"they are not the {n_bytes} bytes that were expected")
    joined = np.frombuffer(plain, dtype=_WIRE).astype(np.int64)
    if joined.size and int(joined.max()) > MAX_COUNT:
        raise PoolingError(f"a count of {int(joined.max())} is more than a tick can hold")
    tally: Tally = {}
    place = 0
    for name in sorted(expected):
        tally[name] = joined[place : place + expected[name]]
        place += expected[name]
    return tally
