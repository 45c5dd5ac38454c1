"""A desk and vitals to ask: real classes with values at hand, no watcher and no supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest

from proxy.records import (
    Alarm,
    AlarmName,
    AlarmState,
    Fate,
    Model,
    Position,
    Receipt,
    Side,
    Truth,
    Verdict,
)
from proxy.telemetry.desk import (
    AgreementView,
    AlarmView,
    DeskError,
    EntryView,
    JsonObject,
    ModelView,
    ProcessVitals,
    RoutingView,
    Status,
    StreamView,
    TrafficView,
)
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.report import IncidentReport, Live, build

ROUTING = RoutingView(
    serving=Model.STABLE,
    shadow=Model.CANDIDATE,
    mirror_fraction=0.1,
    because="disagreement",
    since_utc="2026-01-02T03:04:00.000Z",
)

TRAFFIC = TrafficView(
    model=Model.STABLE,
    position=Position.SERVING,
    per_s=10.0,
    error_share=0.0,
    p50_s=0.01,
    p95_s=0.02,
    p99_s=0.03,
    in_flight=1,
    bucket_s=5.0,
    rates=(9.0, 10.0),
    p50s_s=(0.01, None),
    p99s_s=(0.03, 0.03),
    errors=(0, 0),
)


def a_status() -> Status:
    """Give a status with one of everything."""
    return Status(
        title="flights",
        version="1.0",
        at_utc="2026-01-02T03:04:05.000Z",
        started_utc="2026-01-02T03:00:00.000Z",
        go=False,
        headline="Disagreement fires.",
        routing=ROUTING,
        models=(
            ModelView(
                model=Model.CANDIDATE,
                name="b",
                url="http://127.0.0.1:1",
                position=Position.SHADOW,
                ready=True,
            ),
        ),
        traffic=(TRAFFIC,),
        alarms=(
            AlarmView(
                name=AlarmName.DISAGREEMENT,
                state=AlarmState.FIRING,
                since_utc="2026-01-02T03:04:00.000Z",
                episode=1,
                verdict=Verdict.BREACH,
                words="The models differ on 12 % of the requests.",
                evidence_words="Chance explains it once in a million years.",
            ),
        ),
        streams=(
            StreamView(
                side=Side.INPUT,
                subject="temp",
                effect=0.1,
                unit="sd",
                interval=None,
                strength=0.1,
                n_current=100,
                summary="As certified.",
            ),
        ),
        agreement=AgreementView(
            estimate=0.12, interval=(0.1, 0.14), floor=0.03, n_pairs=100, words="They differ."
        ),
        timeline=(EntryView(at_utc="2026-01-02T03:04:00.000Z", kind="switch", text="To stable."),),
    )


class Desk:
    """Answers from values, and remembers what it was told to do."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self.told: list[tuple[object, ...]] = []
        self.go = True
        self.broken = False
        self.n_scrapes = 0
        self.numbers = Metrics(version="1.0")
        self.may_report = asyncio.Event()
        self.may_report.set()

    def status(self) -> Status:
        """Give the sample, or fail as a bug would."""
        if self.broken:
            raise ValueError("a secret detail")
        return a_status()

    def alarms(self) -> Sequence[AlarmView]:
        """Give the sample's alarms."""
        return a_status().alarms

    def detail(self, name: AlarmName) -> JsonObject:
        """Give a value that carries the name, numbers of numpy, and a NaN."""
        return {"monitor": name, "effect": np.float64(0.5), "counts": np.arange(3), "nan": np.nan}

    def routing(self) -> RoutingView:
        """Give the sample's routing."""
        return a_status().routing

    def journal(self, n: int) -> Sequence[msgspec.Raw]:
        """Give `n` entries."""
        return [msgspec.Raw(b'{"n":%d}' % number) for number in range(n)]

    async def report(self, name: AlarmName | None) -> IncidentReport:
        """Give the report of a quiet alarm, when it may; there is none while all is well."""
        await self.may_report.wait()
        if name is None:
            raise DeskError(404, "nothing_to_report", "Nothing was found to be wrong.", "Name one.")
        live = Live(made_utc=ROUTING.since_utc, alarms={name: Alarm(name=name)}, watched="flights")
        return build([], name, live)

    def samples(self, n: int) -> Sequence[JsonObject]:
        """Give `n` rows."""
        return [{"row": number} for number in range(n)]

    def reference(self, part: int | None) -> JsonObject:
        """Give a collection that is half full, or its only part."""
        if part is None:
            return {"state": "collecting", "wanted": 10, "rows": 5}
        if part:
            raise DeskError(404, "no_part", f"There is no part {part}.", "?part=0")
        return {"bodies": [], "timings": {}}

    async def collect(self, rows: int, *, force: bool, by: str, why: str) -> JsonObject:
        """Note who wants how many rows, and why."""
        self.told.append(("collect", rows, force, by, why))
        return {"wanted": rows}

    def disagreements(self) -> Sequence[JsonObject]:
        """Give one disagreement."""
        return [{"exchange": "00000000000000aa", "apart": 2.0}]

    def config(self) -> JsonObject:
        """Give a configuration."""
        return {"admin": {"token": "***"}}

    def verdict(self) -> tuple[bool, Sequence[str]]:
        """Give go or stop as set."""
        return self.go, [] if self.go else ["disagreement fires"]

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """Render, and count how often."""
        self.n_scrapes += 1
        return self.numbers.render(accept)

    async def route(self, model: Model | None, by: str, why: str) -> RoutingView:
        """Remember; refuse the stable model when broken."""
        if self.broken:
            raise DeskError(409, "no_stable", "There is no stable model.", "Add models.stable.")
        self.told.append(("route", model, by, why))
        return a_status().routing

    async def acknowledge(self, name: AlarmName | None, by: str, why: str) -> Sequence[AlarmName]:
        """Remember."""
        self.told.append(("ack", name, by, why))
        return [name or AlarmName.ERRORS]

    async def reload(self, by: str) -> JsonObject:
        """Remember."""
        self.told.append(("reload", by))
        return {"changed": []}

    async def label(self, truths: Sequence[Truth]) -> Receipt:
        """Remember."""
        self.told.append(("label", *((one.id, one.row, one.value) for one in truths)))
        return Receipt(fates={Fate.JOINED: len(truths)}, problems=("odd",))


class Vitals:
    """A supervisor's view as set."""

    def __init__(self) -> None:
        """Begin well."""
        self.ok = True
        self.drained_by: list[str] = []

    def alive(self) -> tuple[bool, Sequence[str]]:
        """Give alive as set."""
        return self.ok, [] if self.ok else ["no relay listens"]

    def ready(self) -> tuple[bool, Sequence[str]]:
        """Give ready as set; not while draining."""
        return self.ok and not self.drained_by, ["draining"] if self.drained_by else []

    def processes(self) -> Mapping[str, ProcessVitals]:
        """Give one relay and a watcher that was started twice."""
        return {
            "relay-0": ProcessVitals(up=True, restarts=0),
            "watcher": ProcessVitals(up=False, restarts=2),
        }

    def drain(self, by: str) -> JsonObject:
        """Remember."""
        self.drained_by.append(by)
        return {"draining": True}

    def reloaded(self) -> bool:
        """Give that the last configuration is in force."""
        return True

    async def reload(self, by: str) -> JsonObject:
        """Take it from everyone but bob."""
        if by == "bob":
            raise DeskError(422, "refused", "line 3: no such key", "Mend it.")
        return {"by": by}


@pytest.fixture
def desk() -> Desk:
    """Give a desk that was told nothing yet."""
    return Desk()


@pytest.fixture
def vitals() -> Vitals:
    """Give a supervisor that is well."""
    return Vitals()
