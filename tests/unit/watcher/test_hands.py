"""What was decided is written down, told, and done: in this order, and never twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from aiohttp import web

from proxy import clock
from proxy.records import Model
from proxy.watcher.process import Watcher

MakeWatcher = Callable[..., Watcher]
Pass = Callable[[Watcher, range], None]
START_S = int(clock.now_s())


def journal(watcher: Watcher) -> list[dict[str, object]]:
    """Give the entries of the journal, oldest first."""
    return [dict(entry) for entry in watcher._journal.tail(1000)]


def kinds(watcher: Watcher) -> list[object]:
    """Give the kinds of the entries."""
    return [entry["kind"] for entry in journal(watcher)]


async def capacity_server(calls: list[str], status: int) -> web.AppRunner:
    """Answer capacity calls with one status, and note each."""

    async def answer(request: web.Request) -> web.Response:
        calls.append(await request.text())
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/more", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


def run_ladder(
    make: MakeWatcher, text: str, pass_unready: Pass, status: int
) -> tuple[Watcher, int]:
    """Let a ladder of alert, capacity and escalation be climbed; give the number of calls."""
    calls: list[str] = []

    async def climb() -> Watcher:
        runner = await capacity_server(calls, status)
        there = text.replace("127.0.0.1:3", f"127.0.0.1:{runner.addresses[0][1]}")
        watcher = make(there.replace("[alert,", "[alert, 'expand:more',"))
        for second in range(0, 12, 3):
            pass_unready(watcher, range(START_S + second, START_S + second + 3))
            while len(watcher._hands._tasks):
                await asyncio.sleep(0.01)
        await watcher._hands.close()
        await watcher._capacity.close()
        await runner.cleanup()
        return watcher

    return asyncio.run(climb()), len(calls)


def test_a_calm_turn_leaves_no_trace(make_watcher: MakeWatcher) -> None:
    """No finding of interest, no entry: the journal of a healthy deployment stays empty."""
    watcher = make_watcher()
    for at_s in range(START_S, START_S + 5):
        watcher._hands.carry_out(watcher._pipeline.tick(float(at_s)))
    assert journal(watcher) == []


@pytest.mark.parametrize("status", [200, 500])
def test_a_ladder_is_climbed_and_every_step_written_down(
    make_watcher: MakeWatcher, text: str, pass_unready: Pass, status: int
) -> None:
    """Alert, capacity and escalation each once; what came of a call stands in the journal."""
    watcher, n_calls = run_ladder(make_watcher, text, pass_unready, status)
    steps = [
        entry["body"]["step"]["kind"]  # type: ignore[index]  # the body of an action
        for entry in journal(watcher)
        if entry["kind"] == "action"
    ]
    assert steps == ["alert", "expand", "escalate"]
    assert n_calls == 1
    (outcome,) = [entry["body"] for entry in journal(watcher) if entry["kind"] == "outcome"]
    assert isinstance(outcome, dict)
    assert outcome["ok"] is (status == 200)
    assert ("500" in outcome["error"]) is (status == 500)
    told, _ = watcher._metrics.render()
    for step, result in (
        ("alert", "ok"),
        ("expand", "ok" if status == 200 else "failed"),
        ("escalate", "ok"),
    ):
        line = f'stablehand_actions_total{{result="{result}",step="{step}"}} 1.0'
        assert line in told.decode()


def test_a_call_that_a_restart_cut_off_is_made_again_once(
    make_watcher: MakeWatcher, text: str, pass_unready: Pass
) -> None:
    """Under the same key, so that the receiver adds capacity once; its outcome stands then."""
    keys: list[str] = []

    async def lives() -> Watcher:
        answers = asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            keys.append(request.headers["Idempotency-Key"])
            await answers.wait()
            return web.Response()

        app = web.Application()
        app.router.add_post("/more", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        there = text.replace("127.0.0.1:3", f"127.0.0.1:{runner.addresses[0][1]}")
        there = there.replace("[alert,", "[alert, 'expand:more',")
        first = make_watcher(there)
        pass_unready(first, range(START_S, START_S + 3))
        while not keys:
            await asyncio.sleep(0.01)
        await first._hands.close()
        await first._capacity.close()
        answers.set()
        for kind in ("action", "outcome"):
            first._hands.write(kind, {"of": "another version"})
        first._journal.close()
        for _ in range(2):
            later = make_watcher(there)
            later._hands.begin("Watching began.", {})
            while len(later._hands._tasks):
                await asyncio.sleep(0.01)
            await later._capacity.close()
            later._journal.close()
        await runner.cleanup()
        return later

    last = asyncio.run(lives())
    assert len(keys) == 2
    assert keys[0] == keys[1]
    bodies = [entry["body"] for entry in journal(last) if entry["kind"] == "outcome"]
    assert [body["ok"] for body in bodies if isinstance(body, dict) and "ok" in body] == [True]


@pytest.mark.parametrize(("status", "replicas"), [(200, 4), (500, 0)])
def test_the_replicas_that_a_step_asks_for_are_exported(
    make_watcher: MakeWatcher, text: str, pass_unready: Pass, status: int, replicas: int
) -> None:
    """An autoscaler that reads metrics sees them while the step is in force; not when it failed."""
    asking = text.replace("max_tries: 1", "max_tries: 1\n      body: {replicas: 4}")
    watcher, _ = run_ladder(make_watcher, asking, pass_unready, status)
    told, _ = watcher._metrics.render()
    assert f"stablehand_desired_replicas {float(replicas)}\n".encode() in told


def test_what_is_told_was_written_down_before(
    make_watcher: MakeWatcher, text: str, pass_unready: Pass
) -> None:
    """The transition stands before the action, the action before its notice."""
    watcher, _ = run_ladder(make_watcher, text, pass_unready, 200)
    found = kinds(watcher)
    assert found[0] == "transition"
    assert found.index("action") < found.index("notice")


def test_a_dry_run_asks_nobody_for_capacity(
    make_watcher: MakeWatcher, text: str, pass_unready: Pass
) -> None:
    """It is decided and told as if it were done, but no call is made."""
    dry = text.replace("policy:\n", "policy:\n  dry_run: true\n")
    watcher, n_calls = run_ladder(make_watcher, dry, pass_unready, 200)
    assert n_calls == 0
    assert "outcome" in kinds(watcher)


def test_a_switch_is_on_disk_before_it_is_told(make_watcher: MakeWatcher) -> None:
    """Cell, journal, metrics and the notice to people say the same; a second time says nothing."""
    watcher = make_watcher()
    since_utc = watcher._hands.routing_since_utc
    action = watcher._pipeline.override(Model.STABLE, "ada", clock.now_s())
    watcher._hands.switch(action)
    found = watcher._memory._mind.cell.load()
    assert found is not None
    assert (found.serving, found.shadow) == (Model.STABLE, Model.CANDIDATE)
    assert kinds(watcher) == ["routing", "outcome", "notice"]
    body, _ = watcher._metrics.render("")
    assert b'stablehand_routing{serving="stable"} 1' in body
    assert watcher._hands.routing_since_utc >= since_utc
    watcher._hands.route("policy")
    assert kinds(watcher) == ["routing", "outcome", "notice"]


def test_what_was_decided_survives_the_next_moment(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """The state is saved with the decision: a watcher killed right behind it goes on from there."""
    first = make_watcher()
    first._hands.carry_out(first._pipeline.tick(START_S - 1.0))
    assert not (first._loaded.state_dir / "watcher.state").exists()
    pass_unready(first, range(START_S, START_S + 3))
    second = make_watcher()
    name = next(name for name in second._pipeline.alarms if name.value == "stable_unready")
    assert second._pipeline.alarms[name].state == first._pipeline.alarms[name].state != "inactive"


def test_what_a_person_says_is_saved_at_once(make_watcher: MakeWatcher) -> None:
    """It stands in the journal, and the state is on disk."""
    watcher = make_watcher()
    watcher._hands.person_spoke("ack", {"by": "ada"})
    (entry,) = journal(watcher)
    assert json.loads(json.dumps(entry))["body"] == {"by": "ada"}
    assert (watcher._loaded.state_dir / "watcher.state").exists()


def test_a_notice_names_the_scene(make_watcher: MakeWatcher, pass_unready: Pass) -> None:
    """Who reads it learns which models, which pod, and where to look."""
    watcher = make_watcher()
    pass_unready(watcher, range(START_S, START_S + 3))
    notice = next(entry["body"] for entry in journal(watcher) if entry["kind"] == "notice")
    assert isinstance(notice, dict)
    assert (notice["candidate"], notice["stable"]) == ("churn-2", "churn-1")
    assert notice["links"]["status"].startswith("http://127.0.0.1:8101")
