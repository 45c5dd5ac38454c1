"""What people do about a running sidecar: look, route, acknowledge, drain."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.common import (
    BAD_USAGE,
    HERE,
    Admin,
    By,
    Token,
    Why,
    fail,
    out,
    say,
    send,
    sign,
    talk,
)


def status(
    *,
    watch: Annotated[bool, typer.Option(help="Go on showing it, until Ctrl-C.")] = False,
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Show routing, traffic, and alarms with their evidence."""
    from proxy.commands.console import follow, show_once

    talk(follow(admin, token, out) if watch else show_once(admin, token, out))


def route(
    to: Annotated[str, typer.Argument(help="`candidate`, `stable`, or `auto`.")],
    by: By = "",
    why: Why = "",
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Lead the traffic to one model, or let the policy decide.

    What a person says beats every decision of the policy until `auto`.
    """
    if to not in {"candidate", "stable", "auto"}:
        fail(f"route: {to!r} is not one of candidate, stable, auto", BAD_USAGE)
    body = {"serving": to, **sign(by, why)}
    answer = send(admin, token, "routing", body)
    say(f"serving: {answer.get('serving')}; {answer.get('because')}")
    if answer.get("caution"):
        say(f"caution: {answer['caution']}")
    if to != "auto":
        say("the policy changes nothing until `stablehand route auto`")


def ack(
    alarm: Annotated[str, typer.Argument(help="Name of the alarm, or `all`.")],
    by: By = "",
    why: Why = "",
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Acknowledge an alarm: nobody else is called.

    You take it from here. The watching goes on, and so does the protection of the traffic.
    """
    answer = send(admin, token, "ack", {"alarm": alarm, **sign(by, why)})
    taken = answer.get("acknowledged")
    say(f"acknowledged: {', '.join(taken) if isinstance(taken, list) and taken else 'none'}")


def drain(by: By = "", admin: Admin = HERE, token: Token = "") -> None:
    """End the sidecar in order.

    Readiness falls first, then running requests finish.
    """
    from proxy.commands.console import signature

    send(admin, token, "drain", {"by": by or signature()})
    say("draining")


def labels(
    file: Annotated[Path, typer.Argument(help="CSV or JSON lines of id, label (and at_utc).")],
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Send true outcomes of past requests, and say what became of them."""
    from proxy.commands.console import AdminError
    from proxy.commands.labelling import send as send_file
    from proxy.labelfile import LabelFileError

    try:
        for line in asyncio.run(send_file(file, admin, token)).words():
            say(line)
    except LabelFileError as error:
        fail(str(error), BAD_USAGE)
    except AdminError as error:
        fail(str(error))
