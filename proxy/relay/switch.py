"""The switch: one cell with the `Routing` in force, and the pools it chooses from.

The relay reads the cell at every request and nobody waits for anybody: a new routing is one
assignment, and exchanges that run finish where they began.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from proxy.records import Model, Routing
from proxy.relay.pool import Pool

log = logging.getLogger(__name__)


def read_routing(path: str, default: Routing) -> Routing:
    """Read the last routing from `path`; a missing or damaged file gives `default`."""
    if not path:
        return default
    try:
        return msgspec.msgpack.decode(Path(path).read_bytes(), type=Routing)
    except FileNotFoundError:
        return default
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("routing file %s is not readable, using the default: %s", path, error)
        return default


class Switch:
    """Where requests go, and where they go when that place refuses them."""

    def __init__(self, serving: dict[Model, Pool], shadow: dict[Model, Pool], at: Routing) -> None:
        """Choose among the pools of the models that exist; `serving` holds the candidate's."""
        self._serving = serving
        self._shadow = shadow
        self.routing = Routing()
        self.model = Model.CANDIDATE
        self.pool = serving[Model.CANDIDATE]
        self._take(at)

    def set(self, routing: Routing) -> bool:
        """Take a newer routing; `False`: it was older than the one in force."""
        if routing.epoch < self.routing.epoch:
            return False
        self._take(routing)
        return True

    def _take(self, routing: Routing) -> None:
        pool = self._serving.get(routing.serving)
        if pool is None:
            log.error("routing names the model %s, which is not configured", routing.serving)
            routing = msgspec.structs.replace(routing, serving=Model.CANDIDATE, shadow=None)
            pool = self._serving[Model.CANDIDATE]
        self.routing = routing
        self.model = routing.serving
        self.pool = pool

    def alternative(self, model: Model) -> tuple[Model, Pool] | None:
        """Give the model that takes over a request that `model` refused, and its pool.

        Only stable takes over: a candidate that traffic was led away from may answer wrongly, and
        a wrong prediction is worse than an error that says so.
        """
        pool = self._serving.get(Model.STABLE)
        return None if pool is None or model is Model.STABLE else (Model.STABLE, pool)

    def shadow(self, model: Model) -> Pool | None:
        """Give the pool for copies to `model`; `None`: it does not exist."""
        return self._shadow.get(model)

    def in_flight(self) -> dict[str, int]:
        """Give the running exchanges by `model/position`."""
        counts = {f"{model}/serving": pool.n_running for model, pool in self._serving.items()}
        counts |= {f"{model}/shadow": pool.n_running for model, pool in self._shadow.items()}
        return counts

    async def close(self) -> None:
        """Close all pools."""
        for pool in (*self._serving.values(), *self._shadow.values()):
            await pool.close()
