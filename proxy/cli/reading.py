"""What people read about a decision: its explanation, its replay, the rows behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.common import (
    BAD_USAGE,
    FAILED,
    HERE,
    Admin,
    Token,
    complain,
    fail,
    out,
    read_config,
    say,
    talk,
)


def explain(
    subject: Annotated[str, typer.Argument(help="Name of an alarm.")],
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Explain an alarm: what was seen, how sure it is, what led to it, what was decided."""
    from proxy.console import explain as told

    talk(told(subject, admin, token, out))


def replay(
    journal: Annotated[Path, typer.Argument(help="A journal.jsonl of a state folder.")],
    config: Annotated[
        Path | None, typer.Option(help="Decide by the rules of this configuration instead.")
    ] = None,
) -> None:
    """Run a recorded journal through the rules again: why it was decided so, or what others do."""
    from proxy.recording import Settings
    from proxy.replay import ReplayError, show
    from proxy.replay import replay as rerun
    from proxy.telemetry.journal import read, verify

    rules = None
    if config is not None:
        other = read_config(config).config
        rules = Settings(alarms=other.alarms, policy=other.policy)
    if not journal.is_file():
        fail(f"{journal}: there is no such journal; it is journal.jsonl in state.dir", BAD_USAGE)
    checked = verify(journal)
    if not checked.ok:
        say(f"note: the journal's chain is broken: {checked.trouble}")
    try:
        story = rerun(read(journal), rules)
    except ReplayError as error:
        fail(str(error))
    for line in show(story):
        say(line)
    raise typer.Exit(0 if story.is_same or rules is not None else FAILED)


def samples(
    output: Annotated[
        Path, typer.Option("--out", help="File: Parquet in .parquet, else JSON lines; `-`: stdout.")
    ],
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="Rows at most.")] = 1000,
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Write the sampled rows as JSON lines or Parquet, redacted as configured, newest first."""
    from proxy.console import AdminError
    from proxy.samples import fetch, write

    try:
        rows = asyncio.run(fetch(admin, token, n))
        write(rows, output)
    except AdminError as error:
        fail(str(error))
    complain.print(f"{len(rows)} rows written to {output}", soft_wrap=True)
