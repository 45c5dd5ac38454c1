"""The line shows what it is told to every monitor, and keeps its word over a restart."""

from __future__ import annotations

import msgspec

import made
import sampled
from proxy.alarms import AlarmSettings
from proxy.monitors import Monitor
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.pipeline import Pipeline, Plan
from proxy.pipeline.line import PAIRS_SPAN_S
from proxy.policy import PolicySettings
from proxy.records import (
    AlarmName,
    AlarmState,
    Case,
    Finding,
    Health,
    Message,
    Model,
    Observation,
    Outcome,
    Position,
    Pulse,
    Routing,
    Rows,
    StepKind,
    Undecodable,
    Verdict,
)


class Scripted:
    """A monitor that concludes what a test says, and remembers what it was shown."""

    def __init__(self, name: AlarmName, *, fits: bool = True) -> None:
        self.name = name
        self.verdict = Verdict.OK
        self.confirmation = 0.0
        self.seen: list[Observation] = []
        self.n_resets = 0
        self._fits = fits

    def observe(self, value: Observation) -> None:
        """Remember."""
        self.seen.append(value)

    def judge(self, now_s: float) -> Finding:
        """Conclude as told."""
        breach = self.verdict is Verdict.BREACH
        return made.finding(
            monitor=self.name,
            at_s=now_s,
            evidence=20.0 * breach,
            confirmation=self.confirmation,
            spoke=False if breach else None,
            verdict=self.verdict,
            since_s=now_s if breach else None,
            blamed=(),
            reason="as scripted",
        )

    def snapshot(self) -> bytes:
        """Give a word that `restore` knows."""
        return b"evidence"

    def restore(self, raw: bytes) -> bool:
        """Fit or not, as told."""
        return self._fits and raw == b"evidence"

    def detail(self) -> dict[str, object]:
        """Tell of no stream."""
        return {"streams": []}

    def reset(self) -> None:
        """Count."""
        self.n_resets += 1


def a_line(
    *monitors: Monitor, counter: sampled.Counter | None = None, has_stable: bool = True
) -> Pipeline:
    """Give a line with a stable model and these monitors."""
    counter = counter or sampled.Counter()
    return Pipeline(
        Plan(
            alarms=AlarmSettings(),
            policy=PolicySettings(),
            has_stable=has_stable,
            mirror_fraction=0.5,
        ),
        monitors,
        Decoder(Payload(), Redact()),
        compare=sampled.compared,
        meter=counter,
        keeper=counter,
    )


def kinds(monitor: Scripted) -> list[type]:
    """Give the kinds of what a monitor was shown."""
    return [type(value) for value in monitor.seen]


def test_a_capture_becomes_rows_of_both_sides_for_every_monitor() -> None:
    """Input and output rows reach all monitors, are counted, and are kept for people."""
    first, second = Scripted(AlarmName.INPUT_DRIFT), Scripted(AlarmName.ERRORS)
    counter = sampled.Counter()
    a_line(first, second, counter=counter).observe(sampled.capture(1, [0.5]))
    assert kinds(first) == kinds(second) == [Rows, Rows, Case]
    assert counter.results == [
        "input/decoded",
        "kept input",
        "output/decoded",
        "kept output",
        "kept 1 with 1",
    ]


def test_an_unreadable_body_is_shown_and_counted_with_its_reason() -> None:
    """A body that cannot be read is an observation too."""
    monitor, counter = Scripted(AlarmName.WATCHING), sampled.Counter()
    broken = msgspec.structs.replace(
        sampled.capture(1, [1.0]), request=Message(sampled.JSON, b"{", False)
    )
    a_line(monitor, counter=counter).observe(broken)
    assert kinds(monitor)[0] is Undecodable
    assert counter.results[0] == f"input/{monitor.seen[0].reason}"  # type: ignore[union-attr]  # above


def test_pairs_are_forgotten_after_their_span() -> None:
    """What was compared long ago says nothing about the stable model of today."""
    line = a_line(Scripted(AlarmName.DISAGREEMENT))
    line.observe(sampled.capture(7, [0.9]))
    line.observe(sampled.capture(8, [0.9], pair_id=7))
    line.tick(10.0)
    assert line.n_pairs == 1
    line.tick(11.0 + PAIRS_SPAN_S)
    assert line.n_pairs == 0


def test_a_detection_that_is_never_confirmed_resets_its_monitor() -> None:
    """A transient ends, and the monitor does not stay latched on it."""
    monitor = Scripted(AlarmName.INPUT_DRIFT)
    line = a_line(monitor)
    monitor.verdict = Verdict.BREACH
    line.tick(0.0)
    assert line.alarms[AlarmName.INPUT_DRIFT].state is AlarmState.PENDING
    lapse_s = AlarmSettings().lapse_after_s
    for at_s in (1.0, 2.0, 3.0, 4.0, 5.0, lapse_s + 1.0):
        line.tick(at_s)
    assert line.alarms[AlarmName.INPUT_DRIFT].state is AlarmState.INACTIVE
    assert monitor.n_resets == 1


def test_probes_are_facts_for_the_policy_and_observations_for_monitors() -> None:
    """The last probe of each model counts; before the first nothing is known."""
    monitor = Scripted(AlarmName.STABLE_UNREADY)
    line = a_line(monitor)
    assert line.is_ready(Model.STABLE) is None
    line.observe(Health(model=Model.STABLE, at_s=1.0, ready=False, reason="refused"))
    assert line.facts().stable_ready is False
    assert line.facts().candidate_ready is None
    assert kinds(monitor) == [Health]


def test_without_a_stable_model_nothing_is_mirrored() -> None:
    """The routing names no shadow, whatever the fraction says."""
    line = a_line(Scripted(AlarmName.ERRORS), has_stable=False)
    assert (line.routing.serving, line.routing.shadow) == (Model.CANDIDATE, None)
    assert line.routing.mirror_fraction == 0.0


def test_an_order_moves_the_routing_at_once_and_each_move_has_a_newer_epoch() -> None:
    """Relays can tell every routing from the one before."""
    line = a_line(Scripted(AlarmName.ERRORS))
    epochs = [line.routing.epoch]
    for model in (Model.STABLE, Model.CANDIDATE, None):
        action = line.override(model, "ann", 5.0)
        line.settle(Outcome(action=action, ok=True, error="", took_s=0.0))
        epochs.append(line.routing.epoch)
    assert line.routing.serving is Model.CANDIDATE
    assert epochs == [epochs[0], epochs[0] + 1, epochs[0] + 2, epochs[0] + 2]
    assert action.step.kind is StepKind.RESTORE


def test_a_newer_routing_on_disk_is_adopted_and_an_older_one_is_not() -> None:
    """After a crash between switch and snapshot, the switch stands."""
    line = a_line(Scripted(AlarmName.ERRORS))
    epoch = line.routing.epoch
    assert not line.adopt(Routing(serving=Model.STABLE, epoch=epoch), 5.0)
    assert line.routing.serving is Model.CANDIDATE
    assert line.adopt(Routing(serving=Model.STABLE, epoch=epoch + 3), 5.0)
    assert line.routing.serving is Model.STABLE
    assert line.routing.epoch >= epoch + 3
    line.tick(6.0)
    assert line.routing.serving is Model.STABLE


def a_pulse(at_s: float, epoch: int) -> Pulse:
    """Give the sign of life of a relay that follows the routing of this epoch."""
    return Pulse(
        worker=0,
        pid=1,
        at_s=at_s,
        listening=True,
        draining=False,
        connections=0,
        in_flight={},
        lag_s=0.0,
        epoch=epoch,
        dropped={},
    )


def test_relays_that_follow_a_newer_routing_are_believed() -> None:
    """A full disk lost a switch: what the relays do stands, and later switches reach them."""
    line = a_line(Scripted(AlarmName.ERRORS))
    line.observe(a_pulse(10.0, epoch=line.routing.epoch))
    stable = made.exchange(
        model=Model.STABLE, position=Position.SERVING, started_s=12.0, finished_s=12.1
    )
    line.observe(stable)
    assert line.routing.serving is Model.CANDIDATE, "no relay is ahead"
    line.observe(a_pulse(11.0, epoch=7))
    for other in (
        msgspec.structs.replace(stable, started_s=10.5),
        msgspec.structs.replace(stable, failed_over=True),
        msgspec.structs.replace(stable, position=Position.SHADOW),
    ):
        line.observe(other)
        assert line.routing.epoch < 7
    line.observe(stable)
    assert (line.routing.serving, line.posture.serving) == (Model.STABLE, Model.STABLE)
    assert line.posture.because == "the relays follow a newer routing than was saved"
    assert line.posture.switches_s == (12.0,)
    assert line.routing.epoch >= 7
    line.override(Model.CANDIDATE, "ann", 13.0)
    assert line.routing.epoch >= 8


def test_relays_that_are_ahead_but_serve_the_same_only_lift_the_epoch() -> None:
    """The next switch must be newer than what they follow."""
    line = a_line(Scripted(AlarmName.ERRORS))
    line.observe(a_pulse(11.0, epoch=7))
    line.observe(made.exchange(model=Model.CANDIDATE, started_s=12.0, finished_s=12.1))
    assert (line.routing.serving, line.posture.switches_s) == (Model.CANDIDATE, ())
    assert line.routing.epoch == 7


def test_a_restart_keeps_alarms_and_orders_and_moves_their_times() -> None:
    """Times move with the clock; the order of a person stays in force."""
    monitor = Scripted(AlarmName.INPUT_DRIFT)
    line = a_line(monitor)
    monitor.verdict = Verdict.BREACH
    line.tick(100.0)
    line.override(Model.STABLE, "ann", 101.0)
    fresh = a_line(Scripted(AlarmName.INPUT_DRIFT))
    assert fresh.restore(line.snapshot(), delta_s=-40.0) == []
    alarm = fresh.alarms[AlarmName.INPUT_DRIFT]
    assert (alarm.state, alarm.since_s) == (AlarmState.PENDING, 60.0)
    assert fresh.posture.override is Model.STABLE
    assert fresh.routing == line.routing


def test_evidence_that_does_not_fit_starts_fresh_but_episodes_go_on_counting() -> None:
    """With a new benchmark the old alarm is gone, and no alert id is ever used twice."""
    monitor = Scripted(AlarmName.INPUT_DRIFT)
    line = a_line(monitor)
    monitor.verdict = Verdict.BREACH
    line.tick(100.0)
    misfit = Scripted(AlarmName.INPUT_DRIFT, fits=False)
    fresh = a_line(misfit)
    notes = fresh.restore(line.snapshot(), delta_s=0.0)
    # What may have fitted in part is forgotten: no breach goes on beside an alarm that starts anew.
    assert misfit.n_resets == 1
    assert len(notes) == 1
    assert "input_drift" in notes[0]
    alarm = fresh.alarms[AlarmName.INPUT_DRIFT]
    assert (alarm.state, alarm.episode) == (AlarmState.INACTIVE, 1)


def test_acknowledging_an_alarm_that_is_not_open_does_nothing() -> None:
    """Only what is pending or firing can be taken over by a person."""
    monitor = Scripted(AlarmName.ERRORS)
    line = a_line(monitor)
    line.tick(1.0)
    line.acknowledge(AlarmName.ERRORS, "ann", "", 2.0)
    assert line.posture.acknowledgements == {}
    monitor.verdict = Verdict.BREACH
    line.tick(3.0)
    line.acknowledge(None, "ann", "on it", 4.0)
    assert line.posture.acknowledgements["errors"].by == "ann"


def test_details_of_an_unknown_monitor_are_empty() -> None:
    """Asking for what is not watched is answered with nothing, not with an error."""
    line = a_line(Scripted(AlarmName.ERRORS))
    assert line.detail(AlarmName.ERRORS) == {"streams": []}
    assert line.detail(AlarmName.LATENCY) == {}
