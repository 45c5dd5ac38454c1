"""What people read about a decision: its explanation, its replay, the rows behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.common import (
    BAD_USAGE,
    FAILED,
    HERE,
    OUTPUT,
    Admin,
    Token,
    complain,
    fail,
    read_config,
    say,
    say_json,
)

STANDARD_OUTPUT = Path("-")
WITHOUT = "--journal FILE reads the journal.jsonl of its state.dir instead"

JournalFile = Annotated[
    Path | None,
    typer.Option("--journal", help="Read this journal.jsonl instead of asking a sidecar."),
]


def explain(
    subject: Annotated[
        str,
        typer.Argument(
            help="An alarm's name; or a decision: its id, an incident's, `switch`, `last`."
        ),
    ],
    journal: JournalFile = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="For machines: one JSON object.")] = False,
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Explain an alarm or a decision.

    Of an alarm: what was seen, how sure it is, who carries it, what is done next. Of a decision:
    the rule that applied, what was known, and what a switch would have needed.
    """
    from proxy.commands.console import AdminError, NobodyThereError
    from proxy.decisions import DecisionError
    from proxy.records import AlarmName

    about = _of_alarm if subject in set(AlarmName) else _of_decision
    try:
        told, lines = about(subject, journal, admin, token)
    except DecisionError as error:
        fail(f"{error}; alarms: {', '.join(AlarmName)}")
    except NobodyThereError as error:
        fail(f"{error}; {WITHOUT}")
    except AdminError as error:
        fail(str(error))
    if json:
        say_json(told)
    else:
        say("\n".join(lines))


def _of_alarm(
    name: str, journal: Path | None, admin: str, token: str
) -> tuple[bytes, Iterable[str]]:
    """Give the explanation of an alarm as JSON and in lines."""
    from msgspec.json import encode

    from proxy.commands import reports
    from proxy.commands.explain import alarm_lines
    from proxy.records import AlarmName

    if journal is not None:
        report = reports.from_journal(journal, AlarmName(name))
        _tell_broken(journal)
    else:
        report = asyncio.run(reports.fetch(admin, token, AlarmName(name)))
    return encode(report), alarm_lines(report)


def _of_decision(
    subject: str, journal: Path | None, admin: str, token: str
) -> tuple[bytes, Iterable[str]]:
    """Give the explanation of a decision as JSON and in lines."""
    from msgspec.json import encode

    from proxy import decisions
    from proxy.commands import reports
    from proxy.commands.explain import decision_lines

    if journal is not None:
        entries = reports.read_journal(journal)
        _tell_broken(journal)
    else:
        entries = asyncio.run(reports.fetch_journal(admin, token))
    why = decisions.explain(entries, subject)
    return encode(why), decision_lines(why)


def _tell_broken(journal: Path) -> None:
    """Tell beside the output that a journal was changed, or lost entries."""
    from proxy.commands.reports import chain_trouble

    trouble = chain_trouble(journal)
    if trouble:
        complain(f"note: the journal's chain is broken: {trouble}")


def report(
    alarm: Annotated[
        str, typer.Argument(help="An alarm's name; without one: what is worst now, or came last.")
    ] = "",
    output: Annotated[
        Path, typer.Option(*OUTPUT, help="The file to write; `-`: standard output.")
    ] = Path("incident.html"),
    journal: JournalFile = None,
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Write the report of an incident, one HTML file with plots.

    It needs no network and no script, so it can be mailed and kept.
    """
    from proxy.commands import reports
    from proxy.commands.console import AdminError, NobodyThereError, save
    from proxy.records import AlarmName
    from proxy.telemetry.report import document

    if alarm and alarm not in set(AlarmName):
        fail(f"report: {alarm!r} is no alarm; there are: {', '.join(AlarmName)}", BAD_USAGE)
    name = AlarmName(alarm) if alarm else None
    try:
        if journal is not None:
            body = document(reports.from_journal(journal, name)).body
            _tell_broken(journal)
        else:
            body = asyncio.run(reports.fetch_page(admin, token, name))
        save(body, output)
    except NobodyThereError as error:
        fail(f"{error}; {WITHOUT}")
    except AdminError as error:
        fail(str(error))
    if output != STANDARD_OUTPUT:
        complain(f"written: {output}; open it in a browser")


def replay(
    journal: Annotated[Path, typer.Argument(help="A journal.jsonl of a state folder.")],
    config: Annotated[
        Path | None, typer.Option(help="Decide by the rules of this configuration instead.")
    ] = None,
) -> None:
    """Run a recorded journal through the rules again.

    It says why it was decided so; with `--config`, what other rules would have done.
    """
    from proxy.commands.console import AdminError
    from proxy.commands.reports import open_journal
    from proxy.recording import Settings
    from proxy.replay import ReplayError, show
    from proxy.replay import replay as rerun

    rules = None
    if config is not None:
        other = read_config(config).config
        rules = Settings(alarms=other.alarms, policy=other.policy)
    try:
        entries = open_journal(journal)
        _tell_broken(journal)
        story = rerun(entries, rules)
    except AdminError as error:
        fail(str(error), BAD_USAGE)
    except ReplayError as error:
        fail(str(error))
    for line in show(story):
        say(line)
    raise typer.Exit(0 if story.is_same or rules is not None else FAILED)


def samples(
    output: Annotated[
        Path, typer.Option(*OUTPUT, help="File: Parquet in .parquet, else JSON lines; `-`: stdout.")
    ],
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="Rows at most.")] = 1000,
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Write the sampled rows as JSON lines or Parquet.

    They are redacted as configured, the newest first.
    """
    from proxy.commands.console import AdminError
    from proxy.commands.samples import fetch, write

    try:
        rows = asyncio.run(fetch(admin, token, n))
        write(rows, output)
    except AdminError as error:
        fail(str(error))
    whereto = "standard output" if output == STANDARD_OUTPUT else output
    complain(f"{len(rows)} rows written to {whereto}")
