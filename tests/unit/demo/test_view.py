"""Views: everything that counts is said, and the summary's verdict is that of the reports."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console

from proxy.demo.director import Expected, StageReport
from proxy.demo.processes import Memory
from proxy.demo.script import Act, Check, Deed, Scene, Stage
from proxy.demo.view import LiveView, PlainView, show_summary
from proxy.records import AlarmName, AlarmState, Model

GOOD = Check("the switch", lambda _: True)
BAD = Check("a failure", lambda _: False)


def console() -> Console:
    """Make a console that writes into memory."""
    return Console(file=StringIO(), width=120, force_terminal=False)


def text_of(one: Console) -> str:
    """Give what was written."""
    assert isinstance(one.file, StringIO)
    return one.file.getvalue()


def report(after_s: float | None = 1.5, violations: dict[str, float] | None = None) -> StageReport:
    """Make the report of a stage with one must and one never."""
    stage = Stage(deed=Deed.WATCH, words="we watch", musts=(GOOD,), nevers=(BAD,), deadline_s=4.0)
    rows = None if after_s is None else int(after_s * 250)
    expected = Expected(check=GOOD, limit_s=4.0, after_s=after_s, after_rows=rows)
    return StageReport(
        act=Act(letter="x", title="The title", stages=(stage,)),
        stage=stage,
        expected=[expected],
        violations=violations or {},
    )


def test_the_plain_view_tells_deeds_delays_violations_and_alerts(make: Any) -> None:
    """One line each; an alert is told once although every look shows it again."""
    out = console()
    view = PlainView(out)
    one = report(violations={BAD.words: 2.0})
    scene = Scene(
        status=make.status(),
        notices=(make.notice("firing", AlarmName.INPUT_DRIFT),),
        tally=make.tally(),
    )
    with view.drawing():
        view.begin(one)
        view.look(one, scene, 1.0)
        view.look(one, scene, 1.2)
        view.met(one, one.expected[0])
        view.violated(one, BAD.words)
    text = text_of(out)
    assert "(x) The title: we watch" in text
    assert text.count("input_drift firing") == 1
    assert "seen after  1.5 s, 375 rows: the switch" in text
    assert "must not be, and was after 2.0 s: a failure" in text


def test_what_comes_too_late_is_told_as_late() -> None:
    """With its limit."""
    out = console()
    late = report(after_s=4.5)
    PlainView(out).met(late, late.expected[0])
    assert "later than 4 s" in text_of(out)


def test_the_live_view_shows_client_routing_and_alarms(make: Any) -> None:
    """Brackets in an alarm's words are text, not markup."""
    out = Console(file=StringIO(), width=120, force_terminal=True)
    view = LiveView(out)
    alarms = {AlarmName.INPUT_DRIFT: (AlarmState.FIRING, "[temperature] fell")}
    scene = Scene(
        status=make.status(Model.STABLE, alarms), notices=(), tally=make.tally(n_sent=4321)
    )
    one = report()
    with view.drawing():
        view.begin(one)
        view.look(one, scene, 1.0)
    text = text_of(out)
    for expected in ("4,321", "stable", "[temperature] fell", "act x: The title", "we watch"):
        assert expected in text


def test_the_summary_is_good_only_when_all_is(make: Any) -> None:
    """A must that never came, a violation, or one failed request: each alone spoils it."""
    tally = make.tally()
    assert show_summary(console(), [report()], tally, [])
    assert not show_summary(console(), [report(after_s=None)], tally, [])
    assert not show_summary(console(), [report(after_s=9.0)], tally, [])
    assert not show_summary(console(), [report(violations={BAD.words: 1.0})], tally, [])
    assert not show_summary(console(), [report()], make.tally(n_failed=1), [])


def test_the_summary_explains_an_act_that_went_wrong(make: Any) -> None:
    """Clues of a good act are not worth a line; of a bad one they are what to read first."""
    for after_s, is_told in ((1.5, False), (None, True)):
        out = console()
        one = report(after_s)
        one.clues["the stable model was not ready"] = 3.2
        show_summary(out, [one], make.tally(), [])
        assert ("seen: the stable model was not ready" in text_of(out)) is is_told
        assert ("--rate" in text_of(out)) is is_told


def test_the_summary_has_delays_failures_and_memory(make: Any) -> None:
    """What a reader of the log needs without the live view."""
    out = console()
    memory = [Memory(name="relay", resident_mib=31.4)]
    show_summary(out, [report(), report(after_s=None)], make.tally(n_failed=2), memory)
    text = text_of(out)
    for expected in ("375", "never", "100 requests, 2 failed", "status 503: overloaded",
                     "relay 31 MiB", "Not every act"):  # fmt: skip
        assert expected in text
