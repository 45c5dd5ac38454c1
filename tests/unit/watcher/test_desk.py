"""The admin API is answered from what decisions rest on; orders are done, kept and written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

import made
from proxy import clock
from proxy.records import (
    AlarmName,
    Fate,
    Model,
    Side,
    Truth,
)
from proxy.telemetry.desk import DeskError
from proxy.watcher.process import Watcher

MakeWatcher = Callable[..., Watcher]
Pass = Callable[[Watcher, range], None]
START_S = int(clock.now_s())


def test_a_person_routes_and_gives_the_routing_back(make_watcher: MakeWatcher) -> None:
    """The verdict stops while the stable model serves; who and why stand in the journal."""
    watcher = make_watcher()
    desk = watcher._desk
    view = asyncio.run(desk.route(Model.STABLE, "ada", "looks odd"))
    assert (view.serving, view.override) == (Model.STABLE, Model.STABLE)
    go, reasons = desk.verdict()
    assert not go
    assert reasons[0].startswith("traffic goes to the stable model: ")
    view = asyncio.run(desk.route(None, "ada", "was nothing"))
    assert (view.serving, view.override) == (Model.STABLE, None)
    entries = [one for one in watcher._journal.tail(100) if one["kind"] == "override"]
    bodies = [one["body"] for one in entries]
    assert bodies == [
        {"by": "ada", "why": "looks odd", "model": "stable"},
        {"by": "ada", "why": "was nothing", "model": "auto"},
    ]


def test_an_order_outlives_the_watcher(make_watcher: MakeWatcher) -> None:
    """Killed right behind the answer, the next watcher routes as the person said."""
    asyncio.run(make_watcher()._desk.route(Model.STABLE, "ada", ""))
    assert make_watcher()._desk.routing().override is Model.STABLE


def test_without_a_stable_model_nothing_is_routed_to_it(make_watcher: MakeWatcher) -> None:
    """Refused with what to do, and not written down as done."""
    watcher = make_watcher("models: {candidate: {url: 'http://127.0.0.1:1'}}\n")
    with pytest.raises(DeskError, match="No stable model is configured") as caught:
        asyncio.run(watcher._desk.route(Model.STABLE, "ada", ""))
    assert (caught.value.status, caught.value.code) == (409, "no_stable")
    assert watcher._desk.journal(10) == []
    assert watcher._desk.status().routing.shadow is None


def test_an_acknowledgement_takes_only_what_waits(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """All open alarms with `None`; an inactive one takes nothing; it shows in the alarm."""
    watcher = make_watcher()
    assert asyncio.run(watcher._desk.acknowledge(None, "ada", "")) == []
    pass_unready(watcher, range(START_S, START_S + 3))
    assert asyncio.run(watcher._desk.acknowledge(AlarmName.ERRORS, "ada", "")) == []
    taken = asyncio.run(watcher._desk.acknowledge(None, "ada", "on it"))
    assert taken == [AlarmName.STABLE_UNREADY]
    assert "ada" in watcher._desk.alarms()[0].acknowledged
    assert asyncio.run(watcher._desk.acknowledge(AlarmName.ERRORS, "bob", "")) == []


def test_what_others_do_is_refused_with_their_name(make_watcher: MakeWatcher) -> None:
    """Reloading is the supervisor's."""
    desk = make_watcher()._desk
    with pytest.raises(DeskError, match="supervisor") as reload:
        asyncio.run(desk.reload("ada"))
    assert reload.value.status == 503


def test_a_label_finds_the_prediction_of_its_request(make_watcher: MakeWatcher) -> None:
    """It joins what was sampled; the figures and the metrics know it after the next tick."""
    watcher = make_watcher()
    desk = watcher._desk
    watcher._pipeline._monitors[AlarmName.LABEL_QUALITY].observe(
        made.rows(
            {"prediction": [3.5]},
            exchange_id=255,
            at_s=clock.now_s(),
            side=Side.OUTPUT,
            correlation=("order-1",),
        )
    )
    truths = [
        Truth(id="order-1", value=3.0, at_s=clock.now_s()),
        Truth(id="00000000000000ff", value=3.0, at_s=clock.now_s()),
        Truth(id="order-2", value=3.0, at_s=0.0),
    ]
    receipt = asyncio.run(desk.label(truths))
    assert receipt.fates == {Fate.JOINED: 1, Fate.DUPLICATE: 1, Fate.UNKNOWN: 1}
    watcher._hands.carry_out(watcher._pipeline.tick(clock.now_s()))
    models = desk.detail(AlarmName.LABEL_QUALITY)["models"]
    assert models["candidate"]["labelled"]["mae"].value == 0.5
    told = desk.metrics("")[0].decode()
    assert 'stablehand_labels_total{result="joined"} 1.0' in told
    assert 'stablehand_label_quality{measure="mae",model="candidate",source="labelled"} 0.5' in told


def test_the_details_are_there_for_every_alarm(make_watcher: MakeWatcher) -> None:
    """None raises before anything was seen; latency has the extremes."""
    desk = make_watcher()._desk
    for name in AlarmName:
        msgspec.json.encode(desk.detail(name), enc_hook=str)
    assert {"slowest", "failed"} <= set(desk.detail(AlarmName.LATENCY))
    assert desk.samples(5) == []
    assert desk.metrics("")[0].startswith(b"# HELP")
    assert "token" in str(desk.config())
