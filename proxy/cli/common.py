"""What all commands share: how they speak, how they fail, the options that several take.

Exit codes: 0 done, 1 failed, 2 bad usage or configuration. The commands stand beside this file,
one file for each group; `proxy.cli` lists them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

if TYPE_CHECKING:
    from proxy.config import Loaded

out = Console(highlight=False, emoji=False)
_complain = Console(stderr=True, highlight=False, emoji=False)

FAILED, BAD_USAGE = 1, 2
OUTPUT = ("-o", "--out", "--output")
"""Names of the option that says where a file goes, the same for all commands."""

ConfigFile = Annotated[Path, typer.Argument(help="The configuration, a YAML file.")]
By = Annotated[str, typer.Option("--by", help="Who says so; it stands in the journal.")]
Why = Annotated[str, typer.Option("--why", help="Why; it stands in the journal.")]
Admin = Annotated[
    str,
    typer.Option("--admin", envvar="STABLEHAND_ADMIN", help="Address of the sidecar's admin door."),
]
Token = Annotated[
    str,
    typer.Option(
        "--token", envvar="STABLEHAND_TOKEN", help="Bearer token; not needed on the same host."
    ),
]
HERE = "http://127.0.0.1:8101"


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say what is wrong and end."""
    complain(message)
    raise typer.Exit(code)


def complain(message: str) -> None:
    """Tell people beside the output of a command, as `say` does."""
    _say(_complain, message)


def say(message: str) -> None:
    """Tell what was done, as it is: no markup, no wrapping of paths.

    Names and values come from the traffic, from files, or from whoever answers at the admin door:
    nothing of them may steer a terminal.
    """
    _say(out, message)


def say_json(value: bytes) -> None:
    """Tell a JSON value to a program, indented; what could steer a terminal is escaped."""
    say(json.dumps(json.loads(value), indent=1))


def _say(console: Console, message: str) -> None:
    from proxy.telemetry.report import visible

    console.print(visible(message, len(message)), markup=False, soft_wrap=True)


def read_config(path: Path) -> Loaded:
    """Read the configuration, or end with every mistake in it."""
    from proxy.config import ConfigError, load

    try:
        return load(path)
    except ConfigError as error:
        fail(str(error), BAD_USAGE)


def read_sound_config(path: Path) -> Loaded:
    """Read the configuration and try the files that it names, or end with what is wrong."""
    from proxy.config import ConfigError
    from proxy.trial import benchmark_trouble, load_sound

    try:
        loaded = load_sound(path)
    except ConfigError as error:
        fail(str(error), BAD_USAGE)
    trouble = benchmark_trouble(loaded)
    if trouble:
        fail(trouble, BAD_USAGE)
    return loaded


def sign(by: str, why: str) -> dict[str, str]:
    """Give who says so and why, as an order carries it."""
    from proxy.commands.console import signature

    return {"by": by or signature(), "why": why}


def send(admin: str, token: str, what: str, body: dict[str, str]) -> dict[str, object]:
    """Give the sidecar one order and return its answer, or end with its refusal."""
    from proxy.commands.console import AdminError, order

    try:
        return asyncio.run(order(admin, token, what, body))
    except AdminError as error:
        fail(str(error))


def talk(conversation: Coroutine[object, object, None]) -> None:
    """Hold a conversation with the admin door, or end with why it could not be held."""
    from proxy.commands.console import AdminError

    try:
        asyncio.run(conversation)
    except AdminError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit from None
