"""The director: does the deeds through public doors, and judges only what it sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import numpy as np
import pytest
from aiohttp import web

from proxy.demo import director
from proxy.demo.director import Expected, StageReport, do, play
from proxy.demo.flights import DemoError, Flights, to_celsius
from proxy.demo.processes import ModelServer, Sidecar
from proxy.demo.receiver import Receiver
from proxy.demo.script import Act, Check, Deed, Scene, Stage, serves
from proxy.demo.stage import Company
from proxy.demo.traffic import Traffic
from proxy.records import Model


class Door:
    """A sidecar's admin door that says what it is told to say, and notes what it is asked."""

    def __init__(self, status: Any) -> None:
        """Answer with this status."""
        self.status = status
        self.orders: list[tuple[str, object]] = []
        self.n_looks = 0
        self.refuses = False

    async def look(self, request: web.Request) -> web.Response:
        """Answer `GET /api/v1/status`."""
        del request
        self.n_looks += 1
        if self.refuses:
            return web.Response(status=503)
        return web.Response(body=msgspec.json.encode(self.status))

    async def order(self, request: web.Request) -> web.Response:
        """Answer a `POST`."""
        self.orders.append((request.path, await request.json()))
        return web.Response(status=409 if self.refuses else 200, text="no")


class Silent:
    """An audience that keeps what it was shown."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.seen: list[str] = []

    def begin(self, report: StageReport) -> None:
        """See a stage begin."""
        self.seen.append(f"begin {report.stage.words}")

    def look(self, report: StageReport, scene: Scene, elapsed_s: float) -> None:
        """See how things stand."""

    def met(self, report: StageReport, expected: Expected) -> None:
        """See something come that had to."""
        self.seen.append(f"{report.act.letter} met {expected.check.words}")

    def violated(self, report: StageReport, words: str) -> None:
        """See something that must not be."""
        self.seen.append(f"{report.act.letter} violated {words}")


@asynccontextmanager
async def company_at(door: Door, flights: Flights, folder: Path) -> AsyncIterator[Company]:
    """Give a company whose sidecar is the door; its servers are not started."""
    app = web.Application()
    app.router.add_get("/api/v1/status", door.look)
    app.router.add_post("/api/v1/{what}", door.order)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            yield Company(
                session=session,
                candidate=ModelServer("candidate", folder / "constant.npz", folder),
                stable=ModelServer("stable", folder / "constant.npz", folder),
                sidecar=Sidecar(folder / "config.yaml", url, folder),
                receiver=Receiver(),
                traffic=Traffic(url, flights, np.random.default_rng(0)),
                admin_url=url,
                data_url=url,
                folder=folder,
            )
    finally:
        await runner.cleanup()


def act(*musts: Check, nevers: tuple[Check, ...] = (), deadline_s: float = 0.5) -> Act:
    """Make an act of one stage in which nothing is done."""
    stage = Stage(deed=Deed.WATCH, words="watch", musts=musts, nevers=nevers, deadline_s=deadline_s)
    return Act(letter="t", title="test", stages=(stage,))


def run(door: Door, flights: Flights, folder: Path, *acts: Act) -> tuple[list[Any], Silent]:
    """Play acts before a silent audience."""
    audience = Silent()

    async def scenario() -> list[StageReport]:
        async with company_at(door, flights, folder) as company:
            return await play(acts, company, audience)

    return asyncio.run(scenario()), audience


def test_a_stage_ends_as_soon_as_all_was_seen(make: Any, flights: Flights, tmp_path: Path) -> None:
    """Delays are noted once, at the first look that showed it."""
    door = Door(make.status())
    (report,), audience = run(
        door, flights, tmp_path, act(serves(Model.CANDIDATE), deadline_s=30.0)
    )
    assert report.is_good
    assert report.took_s < 10
    assert report.expected[0].after_rows == 0
    assert audience.seen == ["begin watch", f"t met {serves(Model.CANDIDATE).words}"]


def test_what_does_not_come_in_time_makes_a_stage_bad_and_the_play_goes_on(
    make: Any, flights: Flights, tmp_path: Path
) -> None:
    """The next act may still teach something."""
    door = Door(make.status())
    never = act(serves(Model.STABLE), deadline_s=0.3)
    reports, _ = run(door, flights, tmp_path, never, act(serves(Model.CANDIDATE)))
    assert [report.is_good for report in reports] == [False, True]
    assert reports[0].expected[0].after_s is None
    assert door.n_looks >= 3


def test_a_stage_that_goes_wrong_keeps_what_may_explain_it(
    make: Any, flights: Flights, tmp_path: Path
) -> None:
    """A probe of a model that failed meanwhile, and what the sidecar says in the end."""
    status = make.status()
    models = tuple(
        msgspec.structs.replace(one, ready=False, reason="no answer within 2 s")
        if one.model is Model.STABLE
        else one
        for one in status.models
    )
    told = msgspec.structs.replace(status, models=models, headline="No downgrade: no way back.")
    (report,), _ = run(Door(told), flights, tmp_path, act(serves(Model.STABLE), deadline_s=0.3))
    assert list(report.clues) == [
        "the stable model was not ready: no answer within 2 s",
        "the sidecar says: No downgrade: no way back.",
    ]


def test_what_must_never_be_spoils_a_stage_that_has_everything_else(
    make: Any, flights: Flights, tmp_path: Path
) -> None:
    """It is told once, with its delay."""
    door = Door(make.status())
    bad = serves(Model.CANDIDATE)
    (report,), audience = run(door, flights, tmp_path, act(bad, nevers=(bad,)))
    assert not report.is_good
    assert list(report.violations) == [bad.words]
    assert audience.seen.count(f"t violated {bad.words}") == 1


def test_later_than_its_own_limit_is_too_late(make: Any, flights: Flights, tmp_path: Path) -> None:
    """A stage may go on after the limit of one of its musts."""
    seen = iter([False, False, True, True, True, True])
    late = Check("late", lambda _: next(seen))
    stage = Stage(
        deed=Deed.WATCH, words="watch", musts=(late,), deadline_s=5.0, limits_s=(("late", 0.1),)
    )
    door = Door(make.status())
    (report,), _ = run(door, flights, tmp_path, Act(letter="t", title="t", stages=(stage,)))
    assert report.expected[0].after_s is not None
    assert report.expected[0].after_s > 0.1
    assert not report.is_good


def test_a_sidecar_that_does_not_answer_ends_the_play(
    make: Any, flights: Flights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be judged without its status."""
    monkeypatch.setattr(director, "LOST_S", 0.3)
    door = Door(make.status())
    door.refuses = True
    with pytest.raises(DemoError, match="status cannot be read"):
        run(door, flights, tmp_path, act())
    assert door.n_looks > 1


def test_deeds_go_through_public_doors(
    make: Any, flights: Flights, model_file: Path, tmp_path: Path
) -> None:
    """Data are broken at the client, the model at its server, the operator uses the admin API."""
    door = Door(make.status())
    assert model_file.is_file()

    async def scenario() -> None:
        async with company_at(door, flights, tmp_path) as company:
            await do(Deed.BREAK_DATA, company)
            assert company.traffic.change is to_celsius
            await do(Deed.MEND_DATA, company)
            assert company.traffic.change is None
            try:
                await do(Deed.START_CANDIDATE, company)
                await do(Deed.BREAK_MODEL, company)
                await do(Deed.MEND_MODEL, company)
                await do(Deed.RESTORE, company)
                assert company.candidate.pid is not None
                await do(Deed.KILL_CANDIDATE, company)
                assert company.candidate.ended() == -9
            finally:
                await company.candidate.stop()
            door.refuses = True
            with pytest.raises(DemoError, match="was answered 409: no"):
                await do(Deed.RESTORE, company)

    asyncio.run(scenario())
    paths = [path.rpartition("/")[2] for path, _ in door.orders]
    assert paths == ["ack", "routing", "routing", "routing"]
    bodies = [body for _, body in door.orders]
    assert isinstance(bodies[1], dict)
    assert isinstance(bodies[2], dict)
    assert (bodies[1]["serving"], bodies[2]["serving"]) == ("candidate", "auto")
