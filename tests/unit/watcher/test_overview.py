"""How things stand is told from what decisions rest on, what is not known included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from proxy import clock
from proxy.records import AlarmName, AlarmState, Model, Position, Pulse
from proxy.watcher import overview
from proxy.watcher.process import Watcher

MakeWatcher = Callable[..., Watcher]
Pass = Callable[[Watcher, range], None]
START_S = int(clock.now_s())


def test_the_status_of_a_fresh_watcher_knows_what_it_does_not_know(
    make_watcher: MakeWatcher,
) -> None:
    """Go, both models in their positions, every alarm inactive, and the missing benchmark told."""
    status = make_watcher()._desk.status()
    assert (status.title, status.go) == ("churn-2", True)
    assert status.headline.startswith("Nothing is wrong as far as is known; not known yet: ")
    places = [(one.model, one.position, one.ready) for one in status.models]
    assert places == [
        (Model.CANDIDATE, Position.SERVING, None),
        (Model.STABLE, Position.SHADOW, None),
    ]
    assert {one.state for one in status.alarms} == {AlarmState.INACTIVE}
    assert any("certify" in note for note in status.notes)
    assert status.agreement.estimate is None
    assert status.agreement.n_pairs == 0
    msgspec.json.encode(status)


def test_a_firing_alarm_stands_in_the_headline(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """With its incident, its next step, and first among the alarms; it does not stop a roll-out."""
    watcher = make_watcher()
    pass_unready(watcher, range(START_S, START_S + 3))
    status = watcher._desk.status()
    assert status.alarms[0].name is AlarmName.STABLE_UNREADY
    assert status.alarms[0].state is AlarmState.FIRING
    assert status.alarms[0].next_step
    assert "Nothing is wrong" not in status.headline
    assert status.go
    assert [one.ready for one in status.models] == [True, False]
    assert status.models[1].reason == "refused"
    assert status.timeline
    assert "action" not in {entry.kind for entry in status.timeline if entry.text == ""}


def test_running_exchanges_are_counted_over_all_relays(make_watcher: MakeWatcher) -> None:
    """Two relays, one figure per model and position; one that fell silent runs none."""
    watcher = make_watcher()
    for worker in (0, 1, 2):
        watcher._take(
            Pulse(
                worker=worker,
                pid=1,
                at_s=clock.now_s() - 60 * (worker == 2),
                listening=True,
                draining=False,
                connections=1,
                in_flight={"candidate/serving": 2 + worker},
                lag_s=0.0,
                epoch=0,
                dropped={},
            )
        )
    assert overview._in_flight(watcher._desk._office) == {"candidate/serving": 5}


def test_a_serving_model_that_is_not_ready_is_told_before_any_alarm(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """Who leads the traffic to it is warned, and the headline says so; unknown is no warning."""
    watcher = make_watcher()
    assert watcher._desk.routing().caution == ""
    pass_unready(watcher, range(START_S, START_S + 1))
    assert watcher._desk.routing().caution == ""
    view = asyncio.run(watcher._desk.route(Model.STABLE, "ada", ""))
    assert view.caution == "The stable model serves and is not ready: refused"
    assert watcher._desk.status().headline == f"{view.caution}."


def test_who_finds_the_stable_model_serving_is_told_the_way_back(make_watcher: MakeWatcher) -> None:
    """Nothing fires any more, or a person did it: why, and by which commands it ends."""
    watcher = make_watcher()
    asyncio.run(watcher._desk.route(Model.STABLE, "ada", "looking"))
    headline = watcher._desk.status().headline
    assert headline.startswith("Traffic goes to the stable model: ada chose stable. ")
    assert headline.endswith("stablehand route candidate, and then stablehand route auto.")


def test_a_full_disk_and_a_deaf_receiver_are_told(make_watcher: MakeWatcher) -> None:
    """As notes on the status page, each with what it means, for as long as it lasts."""
    watcher = make_watcher()
    known = watcher._desk.status().notes
    watcher._notifier.last_error["duty"] = "HTTP 403"
    watcher._memory._file.path = watcher._memory._file.path / "in" / "the" / "way"
    watcher._memory.save()
    state, deaf = watcher._desk.status().notes[len(known) :]
    assert state.startswith("The file way cannot be written (No such file or directory): ")
    assert state.endswith("a restart would go on from an older state.")
    assert deaf == "The receiver duty could not be told: HTTP 403; what it refused is given up."
