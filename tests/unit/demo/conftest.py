"""Small flights and trained models for the tests of the demonstration: no package, no download."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from proxy.actuators.notice import Notice
from proxy.demo.flights import COLUMNS, NUMBERS, Flights
from proxy.demo.traffic import Tally
from proxy.records import AlarmName, AlarmState, Model, Position
from proxy.telemetry.desk import AgreementView, AlarmView, ModelView, RoutingView, Status

CARRIERS = ("AA", "B6", "UA")


def make_flights(n: int = 3000, start: str = "2013-01-01T05:00") -> Flights:
    """Make departures ten minutes apart; late ones are those that left late."""
    rng = np.random.default_rng(5)
    columns = {name: rng.normal(50, 15, n).round(2) for name in NUMBERS}
    columns["departure_delay"] = rng.integers(-10, 60, n).astype(np.float64)
    words = {
        "carrier": np.array(CARRIERS)[rng.integers(0, 3, n)],
        "origin": np.array(["EWR", "JFK"])[rng.integers(0, 2, n)],
        "weekday": np.array(["Mon", "Tue"])[rng.integers(0, 2, n)],
    }
    flights = Flights(
        columns={name: (columns | words)[name] for name in COLUMNS},
        departed=np.datetime64(start, "m") + 10 * np.arange(n),
        late=(columns["departure_delay"] + rng.normal(0, 8, n) > 20).astype(np.float64),
    )
    flights.columns["visibility"][3] = np.nan
    flights.late[4] = np.nan
    return flights


@pytest.fixture
def flights() -> Flights:
    """Give 3,000 departures of January."""
    return make_flights()


@pytest.fixture(scope="session")
def model_arrays() -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Give a logistic model that says late with 0.8 whatever it is asked."""
    n_words = 3 + 2 + 2
    return {
        "fill": np.full(len(NUMBERS), 50.0),
        "codes_carrier": np.array(CARRIERS),
        "codes_origin": np.array(["EWR", "JFK"]),
        "codes_weekday": np.array(["Mon", "Tue"]),
        "weights": np.zeros(len(NUMBERS) + n_words),
        "bias": np.array([np.log(4.0)]),
    }


@pytest.fixture
def model_file(tmp_path: Path, model_arrays: dict[str, object]) -> Path:
    """Give the file of that model."""
    path = tmp_path / "constant.npz"
    np.savez(path, **model_arrays)
    return path


def make_status(
    serving: Model = Model.CANDIDATE,
    alarms: dict[AlarmName, tuple[AlarmState, str]] | None = None,
    *,
    candidate_ready: bool = True,
) -> Status:
    """Make the sidecar's status: who serves, and alarms with state and words."""
    views = tuple(
        AlarmView(
            name=name,
            state=state,
            since_utc="2026-01-01T00:00:00Z",
            episode=1,
            verdict=None,
            words=words,
            evidence_words="",
            strength=0.5,
        )
        for name, (state, words) in (alarms or {}).items()
    )
    models = tuple(
        ModelView(
            model=model,
            name=f"{model}-1",
            url="http://127.0.0.1:1",
            position=Position.SERVING if model is serving else Position.SHADOW,
            ready=candidate_ready or model is Model.STABLE,
        )
        for model in Model
    )
    return Status(
        title="flights",
        version="0",
        at_utc="2026-01-01T00:00:00Z",
        started_utc="2026-01-01T00:00:00Z",
        go=True,
        headline="all is well",
        routing=RoutingView(
            serving=serving,
            shadow=serving.other,
            mirror_fraction=0.5,
            because="initial routing",
            since_utc="2026-01-01T00:00:00Z",
        ),
        models=models,
        traffic=(),
        alarms=views,
        streams=(),
        agreement=AgreementView(
            estimate=0.02, interval=None, floor=0.02, n_pairs=100, words="as certified"
        ),
        timeline=(),
    )


def make_notice(kind: str, *alarms: AlarmName, what: str = "") -> Notice:
    """Make a notice about alarms."""
    return msgspec.convert(
        {
            "id": f"demo/{kind}/{what}",
            "kind": kind,
            "severity": "warning",
            "incident": "demo/1",
            "cause": "data",
            "alarm": alarms[0],
            "alarms": alarms,
            "title": f"{alarms[0]} {kind}",
            "what": what,
            "since_utc": "2026-01-01T00:00:00Z",
            "at_utc": "2026-01-01T00:00:01Z",
            "effect": 1.0,
            "interval": None,
            "unit": "sd",
            "evidence": 20.0,
            "threshold": 17.0,
            "n_reference": 10,
            "n_current": 10,
            "false_alarms": "rarely",
            "blamed": [],
            "done": "",
            "next": "",
            "undo": "",
            "candidate": "c",
            "stable": "s",
            "source": "demo",
            "links": {},
        },
        Notice,
    )


def make_tally(n_sent: int = 100, n_failed: int = 0) -> Tally:
    """Make what the client has seen."""
    return Tally(
        n_sent=n_sent,
        n_answered=n_sent - n_failed,
        n_failed=n_failed,
        failures=("request 7: status 503: overloaded",) if n_failed else (),
        reasons={"status 503": n_failed} if n_failed else {},
        rate_per_s=250.0,
        p50_s=0.002,
        p99_s=0.009,
        flight_time="2013-08-01 05:00",
    )


class Make:
    """The makers above, for tests that cannot import this file."""

    status = staticmethod(make_status)
    notice = staticmethod(make_notice)
    tally = staticmethod(make_tally)


@pytest.fixture
def make() -> type[Make]:
    """Give makers of what a scene is made of."""
    return Make
