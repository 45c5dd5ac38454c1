"""Real rows for studies: departures from New York in 2013, and what may break in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.demo import flights
from proxy.records import Scalar

Columns = dict[str, list[Scalar]]
Change = Callable[[Scalar, np.random.Generator], Scalar]


@dataclass(frozen=True)
class Fault:
    """What breaks in one column."""

    column: str
    change: Change
    rows: int
    """Rows within which it must be found where rows come in any order."""

    def strike(self, columns: Columns, rng: np.random.Generator) -> None:
        """Break the rows."""
        columns[self.column] = [self.change(value, rng) for value in columns[self.column]]


def numeric(function: Callable[[float], float]) -> Change:
    """Give a change of numbers that leaves missing values."""
    return lambda value, _: function(float(value)) if isinstance(value, int | float) else value


def sometimes(share: float, other: Scalar) -> Change:
    """Give a change of a share of the rows to another value."""
    return lambda value, rng: other if rng.random() < share else value


FAULTS: Final = {
    "temperature in Celsius": Fault("temperature", numeric(lambda f: (f - 32) / 1.8), 100),
    "carrier in lower case": Fault("carrier", lambda value, _: str(value).lower(), 100),
    "wind frozen": Fault("wind_speed", lambda _value, _rng: 10.35702, 100),
    "departure delay + 5": Fault("departure_delay", numeric(lambda minutes: minutes + 5), 200),
    "hour off by one": Fault("hour", numeric(lambda hour: hour + 1), 700),
    "distance x 1.1": Fault("distance", numeric(lambda miles: miles * 1.1), 1000),
    "2 % new origin": Fault("origin", sometimes(0.02, "ZZZ"), 1800),
    "5 % missing": Fault("humidity", sometimes(0.05, None), 2500),
    "1 % sentinel": Fault("departure_delay", sometimes(0.01, -999.0), 4500),
}


def columns_of(part: flights.Flights, start: int, stop: int) -> Columns:
    """Give rows by column."""
    rows = part.rows(start, stop)
    return {name: [row[name] for row in rows] for name in flights.COLUMNS}


def seconds(part: flights.Flights) -> NDArray[np.float64]:
    """Give the time of each departure in seconds, local time taken for UTC."""
    return part.departed.astype("M8[s]").astype(np.float64)
