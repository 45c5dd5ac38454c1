"""The life of an alarm, tick by tick, without a clock."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from proxy.alarms import (
    STATED,
    TABLE,
    AlarmRule,
    AlarmSettings,
    Event,
    advance,
    is_hard,
    key,
    shifted,
)
from proxy.records import Alarm, AlarmName, AlarmState, Finding, Verdict

OK, BREACH, UNKNOWN = Verdict.OK, Verdict.BREACH, Verdict.UNKNOWN
RULE = AlarmRule(hold_s=30, lapse_after_s=90, resolve_after_s=20, keep_resolved_s=30)
TICK_S = 10.0
SURE = 50.0


def finding(
    verdict: Verdict = BREACH,
    at_s: float = 0.0,
    confirmation: float = 0.0,
    name: AlarmName = AlarmName.DISAGREEMENT,
) -> Finding:
    """Make a finding as a monitor gives it; a breach has evidence beyond its threshold."""
    return made.finding(
        monitor=name,
        at_s=at_s,
        effect=0.6 if verdict is BREACH else 0.0,
        interval=(0.5, 0.7),
        evidence=20.0 if verdict is BREACH else 1.0,
        confirmation=confirmation,
        verdict=verdict,
        since_s=at_s if verdict is BREACH else None,
    )


def live(script: list[tuple[Verdict, float]], rule: AlarmRule = RULE) -> list[AlarmState]:
    """Give the states of an alarm shown one finding per tick of ten seconds."""
    alarm = Alarm(name=AlarmName.DISAGREEMENT)
    states = []
    for number, (verdict, confirmation) in enumerate(script):
        alarm, _ = advance(alarm, finding(verdict, number * TICK_S, confirmation), rule)
        states.append(alarm.state)
    return states


def firing(at_s: float = 0.0) -> Alarm:
    """Give an alarm in the middle of its first episode."""
    return Alarm(
        name=AlarmName.DISAGREEMENT,
        state=AlarmState.FIRING,
        since_s=at_s,
        began_s=at_s - 30,
        episode=1,
        finding=finding(BREACH, at_s, SURE),
    )


def rising(n: int) -> list[tuple[Verdict, float]]:
    """Give `n` breaches, each with more confirmation than the one before."""
    return [(BREACH, 5.0 * number) for number in range(n)]


def test_a_confirmed_breach_fires_after_its_hold() -> None:
    """The alarm is pending until it has lasted, is confirmed, and four of five ticks are bad."""
    states = live(rising(6))
    assert states[:4] == [AlarmState.PENDING] * 4
    assert states[4:] == [AlarmState.FIRING] * 2


def test_firing_is_no_transient() -> None:
    """Only what never fired is counted as one."""
    alarm = Alarm(name=AlarmName.DISAGREEMENT)
    for number, (verdict, confirmation) in enumerate(rising(6)):
        alarm, _ = advance(alarm, finding(verdict, number * TICK_S, confirmation), RULE)
    assert (alarm.state, alarm.transients) == (AlarmState.FIRING, 0)


def test_the_defaults_are_those_that_were_measured() -> None:
    """Five minutes of hold, 1 in 100, 4 of 5 ticks, 15 minutes for a transient, 1 in 1000 back."""
    settings = AlarmSettings()
    assert (settings.expected_run_length_s, settings.hold_s) == (31_536_000.0, 300.0)
    assert math.exp(settings.confirm_evidence) == pytest.approx(100)
    assert math.exp(settings.resolve_evidence) == pytest.approx(1000)
    assert math.exp(settings.hard_evidence) == pytest.approx(1e6)
    assert (settings.bad_ticks, settings.of_ticks, settings.lapse_after_s) == (4, 5, 900.0)
    assert (settings.resolve_after_s, settings.keep_resolved_s) == (60.0, 3600.0)
    rule = settings.rule(AlarmName.DISAGREEMENT)
    assert rule == AlarmRule()


def test_every_time_of_an_alarm_moves_with_the_clock() -> None:
    """A host that began its clock anew changes no span."""
    alarm = msgspec.structs.replace(firing(40.0), calm_since_s=45.0, ended_s=5.0)
    moved = shifted(alarm, 100.0)
    assert (moved.since_s, moved.began_s, moved.calm_since_s) == (140.0, 110.0, 145.0)
    assert moved.ended_s == 105.0
    assert moved.finding is not None
    assert (moved.finding.at_s, moved.finding.since_s) == (140.0, 140.0)
    assert shifted(moved, -100.0) == alarm
    assert shifted(Alarm(name=AlarmName.ERRORS), 1.0).finding is None


def test_a_breach_that_is_not_confirmed_does_not_fire() -> None:
    """Time alone proves nothing: without evidence after the detection the alarm stays pending."""
    script = [(BREACH, 0.1 * number) for number in range(20)]
    assert set(live(script)) == {AlarmState.PENDING}


def test_a_breach_that_fades_while_it_is_held_does_not_fire() -> None:
    """Evidence of two wild ticks is not enough when the later ticks speak against the breach."""
    script = [
        (BREACH, 0.0),
        (BREACH, 40.0),
        (BREACH, 80.0),
        *[(BREACH, 70.0 - n) for n in range(6)],
    ]
    assert AlarmState.FIRING not in live(script)


def test_ticks_without_data_are_not_counted_among_the_last_five() -> None:
    """At low traffic a tick that changes nothing neither helps nor harms the confirmation."""
    script = [(BREACH, c) for c in (0.0, 5.0, 5.0, 10.0, 10.0, 15.0, 15.0, 20.0)]
    states = live(script)
    assert states[-2:] == [AlarmState.PENDING, AlarmState.FIRING]


def test_a_breach_too_clear_to_be_confirmed_any_further_fires() -> None:
    """Confirmation at its bound does not rise: what the tick itself said is what counts."""
    alarm = Alarm(name=AlarmName.DISAGREEMENT)
    for number in range(8):
        found = finding(BREACH, number * TICK_S, 22.0 - 1e-9 * number if number else 0.0)
        spoke = msgspec.structs.replace(found, spoke=True if number else None)
        alarm, _ = advance(alarm, spoke, RULE)
    assert alarm.state is AlarmState.FIRING


def test_a_tick_after_unknown_time_is_not_counted_either() -> None:
    """An unknown finding carries no confirmation, so the next one has nothing to rise from."""
    script = [(BREACH, 0.0), *[(UNKNOWN, 0.0), (BREACH, 50.0)] * 6]
    assert AlarmState.FIRING not in live(script)
    assert live([*script, *[(BREACH, 51.0 + number) for number in range(4)]])[-1] is (
        AlarmState.FIRING
    )


def test_an_unconfirmed_breach_lapses_as_a_transient() -> None:
    """Later data against the breach end it after `lapse_after_s`, and the transient is counted."""
    alarm = Alarm(name=AlarmName.DISAGREEMENT)
    for number in range(10):
        alarm, change = advance(alarm, finding(BREACH, number * TICK_S, -1.0 * number), RULE)
    assert change is not None
    assert (change.was, change.to) == (AlarmState.PENDING, AlarmState.INACTIVE)
    assert (alarm.transients, alarm.episode, alarm.recent) == (1, 1, ())


def test_one_tick_after_a_long_silence_does_not_end_a_pending_alarm() -> None:
    """The labels of the next day are heard for as many ticks as any others before it lapses."""
    alarm = Alarm(name=AlarmName.DISAGREEMENT)
    silent = [(UNKNOWN, 0.0, None)] * 50
    script = [(BREACH, 0.0, None), *silent, *[(BREACH, -0.1, False)] * 5]
    states = []
    for number, (verdict, confirmation, spoke) in enumerate(script):
        shown = finding(verdict, number * TICK_S, confirmation)
        alarm, _ = advance(alarm, msgspec.structs.replace(shown, spoke=spoke), RULE)
        states.append(alarm.state)
    assert set(states[:-1]) == {AlarmState.PENDING}
    assert states[-1] is AlarmState.INACTIVE


def test_a_breach_that_nothing_was_said_about_yet_does_not_lapse() -> None:
    """What is counted by whole days says nothing for hours: the alarm waits for the next ones."""
    alarm = Alarm(name=AlarmName.INPUT_DRIFT)
    states = []
    for number, spoke in enumerate([None] * 50 + [True] * 4):
        shown = finding(BREACH, number * TICK_S, 5.0 if spoke else 0.0, AlarmName.INPUT_DRIFT)
        alarm, _ = advance(alarm, msgspec.structs.replace(shown, spoke=spoke), RULE)
        states.append(alarm.state)
    assert set(states[:-1]) == {AlarmState.PENDING}
    assert states[-1] is AlarmState.FIRING


def test_a_breach_confirmed_slowly_does_not_lapse() -> None:
    """At low traffic the evidence needs its time: a rising confirmation keeps the alarm pending."""
    assert live([(BREACH, 0.01 * (n + 1)) for n in range(30)])[-1] is AlarmState.PENDING


def test_a_breach_that_ends_while_pending_is_a_transient() -> None:
    """One OK finding ends a pending alarm; nobody is told."""
    assert live([(BREACH, 0.0), (OK, 0.0)]) == [AlarmState.PENDING, AlarmState.INACTIVE]


def test_a_firing_alarm_resolves_after_measured_calm() -> None:
    """It resolves once OK has lasted for `resolve_after_s`, and fades after `keep_resolved_s`.

    The episode ended when it resolved, however long people are shown that it did.
    """
    alarm = firing()
    states = []
    for number in range(1, 8):
        alarm, _ = advance(alarm, finding(OK, number * TICK_S), RULE)
        states.append(alarm.state)
    assert states == [
        *[AlarmState.FIRING] * 2,
        *[AlarmState.RESOLVED] * 3,
        *[AlarmState.INACTIVE] * 2,
    ]
    assert (alarm.since_s, alarm.ended_s) == (60.0, 30.0)


def test_unknown_time_is_not_calm() -> None:
    """OK, a long silence, and OK again do not resolve: the silence does not count."""
    alarm = firing()
    for number in range(1, 30):
        verdict = OK if number in {1, 29} else UNKNOWN
        alarm, _ = advance(alarm, finding(verdict, number * TICK_S), RULE)
    assert alarm.state is AlarmState.FIRING
    alarm, change = advance(alarm, finding(OK, 300.0), RULE)
    assert change is not None
    assert alarm.state is AlarmState.RESOLVED


def test_a_breach_after_the_end_is_a_new_episode() -> None:
    """A resolved alarm that breaches again begins anew, so that its alert is a new one."""
    alarm = msgspec.structs.replace(firing(), state=AlarmState.RESOLVED)
    alarm, change = advance(alarm, finding(BREACH, 50.0), RULE)
    assert change is not None
    assert (alarm.state, alarm.episode, alarm.began_s) == (AlarmState.PENDING, 2, 50.0)
    assert change.episode == 2
    assert key(alarm) == "disagreement#2"


def test_a_hard_failure_fires_at_once() -> None:
    """Half of the requests failing, with overwhelming evidence, waits for no hold."""
    rule = AlarmSettings().rule(AlarmName.ERRORS)
    alarm, change = advance(Alarm(name=AlarmName.ERRORS), finding(name=AlarmName.ERRORS), rule)
    assert change is not None
    assert (alarm.state, alarm.is_hard, alarm.episode) == (AlarmState.FIRING, True, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"effect": 0.49},
        {"evidence": math.log(1e6) - 0.1},
        {"unit": "ratio"},
        {"verdict": UNKNOWN},
        {"verdict": OK},
    ],
)
def test_a_failure_is_hard_only_with_share_evidence_and_breach(change: dict[str, object]) -> None:
    """Each of the demands of the fast path is needed."""
    rule = AlarmSettings().rule(AlarmName.ERRORS)
    hard = finding(name=AlarmName.ERRORS)
    assert is_hard(hard, rule)
    assert not is_hard(msgspec.structs.replace(hard, **change), rule)


def test_data_after_the_detection_count_towards_a_hard_failure() -> None:
    """A detector with a low threshold bounds its evidence; what comes later makes up for it."""
    rule = AlarmSettings().rule(AlarmName.ERRORS)
    low = msgspec.structs.replace(finding(name=AlarmName.ERRORS), evidence=9.0)
    assert not is_hard(msgspec.structs.replace(low, confirmation=4.0), rule)
    assert is_hard(msgspec.structs.replace(low, confirmation=5.0), rule)
    assert not is_hard(msgspec.structs.replace(low, evidence=13.0, confirmation=-5.0), rule)


def test_only_errors_have_a_fast_path() -> None:
    """However sure another monitor is, its alarm is held."""
    for name in AlarmName:
        rule = AlarmSettings().rule(name)
        assert is_hard(finding(name=name), rule) is (name is AlarmName.ERRORS)


@pytest.mark.parametrize("name", sorted(STATED))
def test_a_stated_fact_needs_no_confirmation(name: AlarmName) -> None:
    """A probe that fails for fifteen seconds fires without an e-process."""
    rule = AlarmSettings().rule(name)
    alarm = Alarm(name=name)
    for at_s in (0.0, 10.0, 20.0):
        alarm, _ = advance(alarm, finding(BREACH, at_s, 1.0, name), rule)
    assert alarm.state is AlarmState.FIRING


def test_the_finding_must_be_the_alarms_own() -> None:
    """Showing another monitor's finding is a bug, and is said."""
    with pytest.raises(ValueError, match="errors shown to alarm disagreement"):
        advance(Alarm(name=AlarmName.DISAGREEMENT), finding(name=AlarmName.ERRORS), RULE)


def test_contradicting_figures_are_refused() -> None:
    """More bad ticks than ticks looked at could never fire."""
    with pytest.raises(ValueError, match="bad_ticks"):
        AlarmSettings(bad_ticks=6, of_ticks=5)


def test_the_table_only_moves_and_never_on_unknown() -> None:
    """No entry of the table leads a state to itself, and `unknown` has no entry at all."""
    assert all(state is not target for (state, _), target in TABLE.items())
    assert all(event is not Event.UNKNOWN for _, event in TABLE)


SCRIPTS = st.lists(
    st.tuples(
        st.sampled_from(Verdict),
        st.floats(min_value=-50, max_value=200),
        st.integers(min_value=1, max_value=120).map(float),
    ),
    max_size=60,
)
LEGAL = {(state, target) for (state, _), target in TABLE.items()}


def run(script: list[tuple[Verdict, float, float]], start_s: float = 0.0) -> list[Alarm]:
    """Give the alarm after every finding of a script of (verdict, confirmation, gap)."""
    alarm, at_s = Alarm(name=AlarmName.ERRORS, since_s=start_s), start_s
    lived = []
    rule = AlarmSettings().rule(AlarmName.ERRORS)
    for verdict, confirmation, gap_s in script:
        at_s += gap_s
        shown = finding(verdict, at_s, confirmation, AlarmName.ERRORS)
        if confirmation < 0:
            shown = msgspec.structs.replace(shown, effect=0.1)
        alarm, _ = advance(alarm, shown, rule)
        lived.append(alarm)
    return lived


@given(SCRIPTS)
def test_no_script_makes_an_illegal_move(script: list[tuple[Verdict, float, float]]) -> None:
    """Every change is in the table, episodes only grow, and each began before it fired."""
    before = Alarm(name=AlarmName.ERRORS)
    for alarm in run(script):
        if alarm.state is not before.state:
            assert (before.state, alarm.state) in LEGAL
        assert alarm.episode in {before.episode, before.episode + 1}
        assert len(alarm.recent) <= 5
        if alarm.state in {AlarmState.PENDING, AlarmState.FIRING}:
            assert alarm.began_s is not None
            assert alarm.began_s <= alarm.since_s
        before = alarm


@given(SCRIPTS)
def test_unknown_never_moves_an_alarm(script: list[tuple[Verdict, float, float]]) -> None:
    """Not knowing neither fires nor clears, whatever came before."""
    before = Alarm(name=AlarmName.ERRORS)
    for (verdict, _, _), alarm in zip(script, run(script), strict=True):
        if verdict is UNKNOWN:
            assert (alarm.state, alarm.since_s, alarm.episode, alarm.transients) == (
                before.state,
                before.since_s,
                before.episode,
                before.transients,
            )
        before = alarm


@given(SCRIPTS, st.integers(min_value=0, max_value=59), st.integers(-(2**20), 2**20))
def test_a_restart_changes_nothing(
    script: list[tuple[Verdict, float, float]], cut: int, delta_s: int
) -> None:
    """An alarm stored, read, and moved to a clock that began anew lives on as if nothing was."""
    cut = min(cut, len(script))
    whole = run(script)
    stored = msgspec.msgpack.encode(whole[cut - 1] if cut else Alarm(name=AlarmName.ERRORS))
    alarm = shifted(msgspec.msgpack.decode(stored, type=Alarm), float(delta_s))
    rule = AlarmSettings().rule(AlarmName.ERRORS)
    for expected in whole[cut:]:
        assert expected.finding is not None
        moved = shifted(expected, float(delta_s)).finding
        assert moved is not None
        alarm, _ = advance(alarm, moved, rule)
        assert (alarm.state, alarm.episode, alarm.transients, alarm.recent) == (
            expected.state,
            expected.episode,
            expected.transients,
            expected.recent,
        )
