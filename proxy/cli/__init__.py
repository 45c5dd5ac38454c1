"""The command line: what people type, and what they are told when it cannot be done.

One file for each group of commands; this one lists them in the order in which `--help` shows them.
Each command imports what it needs when it runs, so that `stablehand --help` is instant and `run`
stays small.
"""

from __future__ import annotations

from typing import Annotated

import typer

from proxy import __version__
from proxy.cli import certifying, people, reading, running, tooling
from proxy.cli.common import out

app = typer.Typer(
    name="stablehand",
    help="An inference sidecar: it forwards every request of a deployed model, watches it, and "
    "leads the traffic back to the stable model when alarms persist.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(*, wanted: bool) -> None:
    if wanted:
        out.print(f"stablehand {__version__}")
        raise typer.Exit


@app.callback()
def common(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that come before every command."""
    del version


for _command in (
    running.run,
    running.check,
    tooling.schema,
    tooling.init,
    tooling.inject,
    certifying.certify,
    certifying.learn,
    running.demo,
    people.status,
    people.route,
    people.ack,
    people.labels,
    reading.explain,
    reading.report,
    reading.samples,
    reading.replay,
    people.drain,
):
    app.command()(_command)


def main() -> None:
    """Run the command line."""
    app()
