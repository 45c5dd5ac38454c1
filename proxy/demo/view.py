"""What is shown: a live picture of the sidecar, or plain lines; and the summary at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from proxy.demo.director import Expected, StageReport
from proxy.demo.processes import Memory
from proxy.demo.script import Scene
from proxy.demo.traffic import Tally
from proxy.records import AlarmState
from proxy.telemetry.desk import AlarmView, Status

MAX_LINES: Final = 14
MIN_LINES: Final = 4
BAR_WIDTH: Final = 12
SPOILT: Final = (
    "Not every act went as it should. On a machine with no processor time to spare, probes and"
    " requests come too late: end what else runs, or lower --rate."
)
_STATE_STYLE: Final = {
    AlarmState.INACTIVE: "green",
    AlarmState.PENDING: "yellow",
    AlarmState.FIRING: "bold red",
    AlarmState.RESOLVED: "cyan",
}


class PlainView:
    """Tells what happens line by line, for logs and for CI."""

    def __init__(self, console: Console) -> None:
        """Print to `console`."""
        self._console = console
        self._n_notices = 0

    def say(self, text: str, style: str = "") -> None:
        """Tell one thing."""
        self._console.print(Text(text, style=style))

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw nothing."""
        yield

    def begin(self, report: StageReport) -> None:
        """Tell that a stage begins."""
        self._n_notices = 0
        self.say(f"({report.act.letter}) {report.act.title}: {report.stage.words}", "bold")

    def look(self, report: StageReport, scene: Scene, elapsed_s: float) -> None:
        """Tell of alerts that arrived since the last look."""
        del report
        for notice in scene.notices[self._n_notices :]:
            self.say(f"    alert at {elapsed_s:5.1f} s  {notice.kind}: {notice.title}", "magenta")
        self._n_notices = len(scene.notices)

    def met(self, report: StageReport, expected: Expected) -> None:
        """Tell that something came that had to."""
        del report
        late = "" if expected.is_met else f", later than {expected.limit_s:g} s"
        self.say(
            f"    seen after {expected.after_s or 0:4.1f} s, {expected.after_rows or 0:,} rows: "
            f"{expected.check.words}{late}",
            "green" if expected.is_met else "red",
        )

    def violated(self, report: StageReport, words: str) -> None:
        """Tell that something came that must not."""
        after_s = report.violations[words]
        self.say(f"    must not be, and was after {after_s:.1f} s: {words}", "bold red")


class LiveView(PlainView):
    """Shows the sidecar's status as it changes; what happened stands below."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        super().__init__(console)
        # What stands above the story takes 25 lines; it shrinks with the terminal.
        self._n_lines = max(MIN_LINES, min(MAX_LINES, console.height - 27))
        self._lines: deque[Text] = deque(maxlen=self._n_lines)
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw meanwhile."""
        with self._live:
            yield

    def say(self, text: str, style: str = "") -> None:
        """Add a line to what happened."""
        if self._live.is_started:
            self._lines.append(Text(text, style=style, no_wrap=True, overflow="ellipsis"))
        else:
            super().say(text, style)

    def look(self, report: StageReport, scene: Scene, elapsed_s: float) -> None:
        """Draw how things stand."""
        super().look(report, scene, elapsed_s)
        self._live.update(self._picture(report, scene, elapsed_s))

    def _picture(self, report: StageReport, scene: Scene, elapsed_s: float) -> RenderableType:
        """Put the picture together: the act, the client, the routing, the alarms, the story."""
        head = Panel(
            Text.assemble(
                (report.stage.words, "bold"),
                f"\n{elapsed_s:4.1f} s   {scene.tally.flight_time} in New York",
            ),
            title=f"act {report.act.letter}: {report.act.title}",
            border_style="blue",
        )
        sides = Table.grid(expand=True)
        sides.add_column(ratio=1)
        sides.add_column(ratio=1)
        sides.add_row(
            Panel(_traffic(scene.tally), title="client", height=7),
            Panel(_routing(scene.status), title="routing", height=7),
        )
        return Group(
            head,
            sides,
            Panel(_alarms(scene.status), title="alarms"),
            Panel(Group(*self._lines), title="what happened", height=self._n_lines + 2),
        )


def _traffic(tally: Tally) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    failed = "green" if tally.n_failed == 0 else "bold red"
    grid.add_row("requests", f"{tally.n_sent:,}")
    grid.add_row("per second", f"{tally.rate_per_s:,.0f}")
    grid.add_row("median", f"{tally.p50_s * 1000:.1f} ms")
    grid.add_row("99 %", f"{tally.p99_s * 1000:.1f} ms")
    grid.add_row("failed", Text(f"{tally.n_failed:,}", style=failed))
    return grid


def _routing(status: Status) -> RenderableType:
    routing = status.routing
    grid = Table.grid(padding=(0, 2))
    grid.add_row("serving", Text(routing.serving, style="bold cyan"))
    shadow = routing.shadow or "nobody"
    grid.add_row("shadow", f"{shadow} ({routing.mirror_fraction:.0%} of requests)")
    estimate = status.agreement.estimate
    apart = "not measured" if estimate is None else f"{estimate:.1%} of pairs"
    grid.add_row("models differ", apart)
    grid.add_row("because", Text(routing.because))
    return grid


def _alarms(status: Status) -> RenderableType:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(width=14)
    table.add_column(width=9)
    table.add_column(width=BAR_WIDTH)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for alarm in status.alarms:
        table.add_row(
            alarm.name,
            Text(alarm.state, style=_STATE_STYLE[alarm.state]),
            _bar(alarm),
            escape(alarm.words),
        )
    return table


def _bar(alarm: AlarmView) -> Text:
    """Draw the evidence against what an alarm needs."""
    filled = round(BAR_WIDTH * min(1.0, max(0.0, alarm.strength)))
    style = "red" if alarm.strength >= 1 else "yellow"
    return Text("━" * filled, style=style) + Text("─" * (BAR_WIDTH - filled), style="dim")


def show_summary(
    console: Console, reports: list[StageReport], tally: Tally, memory: list[Memory]
) -> bool:
    """Print what was expected, what came, and how late; tell whether all went as it should."""
    table = Table(title="What the acts showed", title_justify="left", expand=True)
    table.add_column("act", width=3)
    table.add_column("expected", ratio=1)
    table.add_column("seconds", justify="right")
    table.add_column("rows", justify="right")
    table.add_column("", width=2)
    for report in reports:
        table.add_row(report.act.letter, Text(report.stage.words, style="bold"), "", "", "")
        for one in report.expected:
            seen = one.after_s is not None
            table.add_row(
                "",
                one.check.words,
                f"{one.after_s:.1f}" if one.after_s is not None else "never",
                f"{one.after_rows:,}" if one.after_rows is not None else "",
                _mark(one.is_met) if seen else _mark(ok=False),
            )
        for check in report.stage.nevers:
            at_s = report.violations.get(check.words)
            shown = "never" if at_s is None else f"{at_s:.1f}"
            table.add_row("", f"not: {check.words}", shown, "", _mark(at_s is None))
        for clue, at_s in () if report.is_good else report.clues.items():
            table.add_row("", Text(f"seen: {clue}", style="yellow"), f"{at_s:.1f}", "", "")
    console.print(table)
    console.print(f"{tally.n_sent:,} requests, {tally.n_failed} failed")
    for failure in tally.failures:
        console.print(f"  {failure}", markup=False)
    if memory:
        held = ", ".join(f"{one.name} {one.resident_mib:.0f} MiB" for one in memory)
        console.print(f"memory: {held}")
    is_good = all(report.is_good for report in reports) and tally.n_failed == 0
    verdict = "Every act went as it should." if is_good else SPOILT
    console.print(Text(verdict, style="bold green" if is_good else "bold red"))
    return is_good


def _mark(ok: bool) -> Text:
    return Text("✓", style="green") if ok else Text("✗", style="bold red")
