"""The line shows what it is told to every monitor, and keeps its word over a restart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

import made
from proxy.alarms import AlarmSettings
from proxy.monitors import Monitor
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.pipeline import PAIRS_SPAN_S, Pipeline, Plan
from proxy.policy import PolicySettings
from proxy.records import (
    AlarmName,
    AlarmState,
    Capture,
    Case,
    Exchange,
    Finding,
    Health,
    Message,
    Model,
    Observation,
    Outcome,
    Pair,
    Position,
    Routing,
    Rows,
    Scalar,
    Side,
    StepKind,
    Undecodable,
    Verdict,
)

JSON = {"content-type": "application/json"}


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


class Counter:
    """Counts results."""

    def __init__(self) -> None:
        self.results: list[str] = []
        self.arrivals: list[tuple[int, list[str]]] = []

    def capture_result(self, side: Side, result: str) -> None:
        """Note a body."""
        self.results.append(f"{side}/{result}")

    def arrival(self, exchange: Exchange, timings: Mapping[str, Sequence[Scalar]]) -> None:
        """Note how an answer arrived."""
        self.arrivals.append((exchange.id, sorted(timings)))

    def pair(self, result: str) -> None:
        """Note a pair."""
        self.results.append(result)

    def keep(self, rows: Rows) -> None:
        """Note kept rows."""
        self.results.append(f"kept {rows.side}")

    def keep_pair(self, pair: Pair, apart: float) -> None:
        """Keep nothing."""

    def keep_case(self, case: Case) -> None:
        """Note answers that are kept with their questions."""
        self.results.append(f"kept {case.input.n} with {case.output.n}")


def a_line(*monitors: Monitor, counter: Counter | None = None, has_stable: bool = True) -> Pipeline:
    """Give a line with a stable model and these monitors."""
    counter = counter or Counter()
    return Pipeline(
        Plan(
            alarms=AlarmSettings(),
            policy=PolicySettings(),
            has_stable=has_stable,
            mirror_fraction=0.5,
        ),
        monitors,
        Decoder(Payload(), Redact()),
        apart=lambda pair: float(pair.candidate.values != pair.stable.values),
        meter=counter,
        keeper=counter,
    )


def an_exchange(number: int, pair_id: int | None = None) -> Exchange:
    """Give an exchange of the candidate, or with `pair_id` its copy at stable."""
    return made.exchange(
        id=number,
        pair_id=pair_id,
        model=Model.CANDIDATE if pair_id is None else Model.STABLE,
        position=Position.SERVING if pair_id is None else Position.SHADOW,
        started_s=1.0,
        finished_s=1.1,
    )


def a_capture(number: int, answer: object, pair_id: int | None = None) -> Capture:
    """Give the sampled bodies of `an_exchange`."""
    request = None
    if pair_id is None:
        request = Message(JSON, b'{"instances": [{"x": 1.0}]}', False)
    response = Message(JSON, json.dumps({"predictions": answer}).encode(), False)
    return Capture(an_exchange(number, pair_id), "/v1/models/m:predict", request, response)


def kinds(monitor: Scripted) -> list[type]:
    """Give the kinds of what a monitor was shown."""
    return [type(value) for value in monitor.seen]


def test_a_capture_becomes_rows_of_both_sides_for_every_monitor() -> None:
    """Input and output rows reach all monitors, are counted, and are kept for people."""
    first, second = Scripted(AlarmName.INPUT_DRIFT), Scripted(AlarmName.ERRORS)
    counter = Counter()
    a_line(first, second, counter=counter).observe(a_capture(1, [0.5]))
    assert kinds(first) == kinds(second) == [Rows, Rows, Case]
    assert counter.results == [
        "input/decoded",
        "kept input",
        "output/decoded",
        "kept output",
        "kept 1 with 1",
    ]


def test_the_shadows_answer_meets_the_question_of_the_exchange_it_copies() -> None:
    """While traffic is mirrored both models' answers become cases of the same question, once."""
    monitor = Scripted(AlarmName.OUTPUT_DRIFT)
    line = a_line(monitor)
    shadow = msgspec.structs.replace(a_capture(8, [0.1], pair_id=7), request=None)
    for capture in (a_capture(7, [0.9]), shadow, shadow):
        line.observe(capture)
    cases = [value for value in monitor.seen if isinstance(value, Case)]
    assert [case.output.exchange_id for case in cases] == [7, 8]
    assert cases[0].input == cases[1].input


def test_how_a_sampled_answer_arrived_is_told_once() -> None:
    """The meter hears of each answer, with its timings when it came in pieces, read or not."""
    counter = Counter()
    line = a_line(counter=counter)
    line.observe(a_capture(1, [0.5]))
    event = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
    stream = Message({"content-type": "text/event-stream"}, event, True, ((1.1, 0),))
    cut = msgspec.structs.replace(
        a_capture(2, None), target="/v1/chat/completions", request=None, response=stream
    )
    line.observe(cut)
    assert [number for number, _ in counter.arrivals] == [1, 2]
    assert counter.arrivals[0][1] == []
    assert "ttft_s" in counter.arrivals[1][1]


def test_an_unreadable_body_is_shown_and_counted_with_its_reason() -> None:
    """A body that cannot be read is an observation too."""
    monitor, counter = Scripted(AlarmName.WATCHING), Counter()
    broken = msgspec.structs.replace(a_capture(1, [1.0]), request=Message(JSON, b"{", False))
    a_line(monitor, counter=counter).observe(broken)
    assert kinds(monitor)[0] is Undecodable
    assert counter.results[0] == f"input/{monitor.seen[0].reason}"  # type: ignore[union-attr]  # above


def test_the_answers_of_both_models_become_a_pair_in_either_order() -> None:
    """Whichever answer comes first, the pair names candidate and stable rightly."""
    for captures in (
        [a_capture(7, [0.9]), a_capture(8, [0.1], pair_id=7)],
        [a_capture(8, [0.1], pair_id=7), a_capture(7, [0.9])],
    ):
        monitor, counter = Scripted(AlarmName.DISAGREEMENT), Counter()
        line = a_line(monitor, counter=counter)
        for capture in captures:
            line.observe(capture)
        pairs = [value for value in monitor.seen if isinstance(value, Pair)]
        assert [(pair.candidate.values, pair.stable.values) for pair in pairs] == [
            (([0.9],), ([0.1],))
        ]
        assert counter.results.count("differ") == 1
        assert line.n_pairs == 1


def test_pairs_are_forgotten_after_their_span() -> None:
    """What was compared long ago says nothing about the stable model of today."""
    line = a_line(Scripted(AlarmName.DISAGREEMENT))
    line.observe(a_capture(7, [0.9]))
    line.observe(a_capture(8, [0.9], pair_id=7))
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
    line.tick(AlarmSettings().lapse_after_s + 1.0)
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
