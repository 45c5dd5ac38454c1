"""The command line: what people type, and what they are told when it cannot be done.

Exit codes: 0 done, 1 failed, 2 bad usage or configuration. Each command imports what it needs when
it runs, so that `stablehand --help` is instant and `run` stays small.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from proxy import __version__

if TYPE_CHECKING:
    from proxy.config import Loaded

app = typer.Typer(
    name="stablehand",
    help="An inference sidecar: it forwards every request of a deployed model, watches it, and "
    "leads the traffic back to the stable model when alarms persist.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
out = Console(highlight=False)
complain = Console(stderr=True, highlight=False, markup=False)

FAILED, BAD_USAGE = 1, 2

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
    complain.print(message, soft_wrap=True)
    raise typer.Exit(code)


def _version(*, wanted: bool) -> None:
    if wanted:
        out.print(f"stablehand {__version__}")
        raise typer.Exit


def say(message: str) -> None:
    """Tell what was done, as it is: no markup, no wrapping of paths."""
    out.print(message, markup=False, soft_wrap=True)


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


def _load(path: Path) -> Loaded:
    """Read the configuration, or end with every mistake in it."""
    from proxy.config import ConfigError, load

    try:
        return load(path)
    except ConfigError as error:
        fail(str(error), BAD_USAGE)


def _sound(path: Path) -> Loaded:
    """Read the configuration and try the benchmark, or end with what is wrong."""
    from proxy.trial import benchmark_trouble

    loaded = _load(path)
    trouble = benchmark_trouble(loaded)
    if trouble:
        fail(trouble, BAD_USAGE)
    return loaded


@app.command()
def run(config: ConfigFile) -> None:
    """Run the sidecar until SIGTERM."""
    import uvloop

    from proxy.ports import StartError
    from proxy.supervisor import Supervisor
    from proxy.telemetry import logs

    loaded = _sound(config)
    writer = logs.start("supervisor", loaded.config.telemetry.log)
    try:
        code = uvloop.run(Supervisor(loaded).run())
    except StartError as error:
        fail(str(error))
    finally:
        writer.close()
    raise typer.Exit(code)


@app.command()
def check(config: ConfigFile) -> None:
    """Check the configuration and the benchmark; every mistake is told with file and line."""
    loaded = _sound(config)
    told = [f"{config}: ok, candidate {loaded.config.models.candidate.url}"]
    if loaded.config.models.stable is None:
        told.append("no stable model: it monitors and alerts, but has nowhere to lead traffic to")
    if loaded.benchmark_path is None:
        told.append("no benchmark: drift, agreement and latency cannot alarm; run `certify`")
    for line in told:
        out.print(line, soft_wrap=True, markup=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from proxy.config import schema as json_schema

    print(json.dumps(json_schema(), indent=2))  # noqa: T201  # no wrapping, no markup


@app.command()
def init(
    model: Annotated[str, typer.Option("--model", help="Address of the model, http://HOST:PORT.")],
    stable: Annotated[str, typer.Option("--stable", help="Address of the stable model.")] = "",
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")] = Path(
        "stablehand.yaml"
    ),
    *,
    force: Annotated[bool, typer.Option(help="Write over a file that is there.")] = False,
) -> None:
    """Look at the model and write a commented configuration to begin with."""
    from proxy.init import AddressError, InitError, compose, look, save

    try:
        candidate = asyncio.run(look(model))
        save(compose(candidate, asyncio.run(look(stable)) if stable else None), output, force=force)
    except AddressError as error:
        fail(str(error), BAD_USAGE)
    except InitError as error:
        fail(str(error))
    for sentence in candidate.speaks or ("nothing that is known; see payload.paths in the file",):
        say(f"found: {sentence}")
    say(f"written: {output}; next: stablehand check {output}")


@app.command()
def inject(
    file: Annotated[Path, typer.Option("-f", "--file", help="Manifests of the model; `-`: input.")],
    image: Annotated[str, typer.Option(help="Image of the sidecar.")] = "stablehand",
    config_map: Annotated[
        str, typer.Option(help="ConfigMap that holds stablehand.yaml.")
    ] = "stablehand",
) -> None:
    """Print Kubernetes manifests with the sidecar added to every Deployment in them."""
    from proxy.inject import InjectError
    from proxy.inject import inject as added

    try:
        text = sys.stdin.read() if file == Path("-") else file.read_text("utf-8")
        found = added(text, image=image, config_map=config_map)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        fail(f"{file} cannot be read: {why}", BAD_USAGE)
    except InjectError as error:
        fail(f"{file}: {error}", BAD_USAGE)
    sys.stdout.write(found.text)
    for note in found.notes:
        complain.print(f"note: {note}", soft_wrap=True)


@app.command()
def certify(
    config: ConfigFile,
    reference: Annotated[Path, typer.Option(help="Reference rows: CSV or JSON lines.")],
    requests: Annotated[Path, typer.Option(help="Recorded requests: JSON lines.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the benchmark goes.")],
    *,
    unordered: Annotated[
        bool, typer.Option(help="The reference rows are not in order of time.")
    ] = False,
) -> None:
    """Measure the models before deployment and write the benchmark."""
    from proxy.certify.certify import Order
    from proxy.certify.command import run as measure
    from proxy.certify.files import CertifyError

    loaded = _load(config).config
    order = Order(
        models=loaded.models,
        reference=reference,
        requests=requests,
        payload=loaded.payload,
        redact=loaded.capture.redact,
        ordered=not unordered,
    )
    try:
        measure(order, output, out)
    except CertifyError as error:
        fail(str(error))


@app.command()
def demo(
    *,
    folder: Annotated[Path, typer.Option(help="Where data, models and logs go.")] = Path(".demo"),
    plain: Annotated[bool, typer.Option(help="Lines instead of a live view.")] = False,
    keep: Annotated[bool, typer.Option(help="Leave everything running until Ctrl-C.")] = False,
    fresh: Annotated[bool, typer.Option(help="Certify again.")] = False,
) -> None:
    """Show the whole loop on real flights and two real models, in about 90 seconds."""
    from proxy.demo.command import Options
    from proxy.demo.command import run as play

    options = Options(folder=folder, is_plain=plain, keep=keep, fresh=fresh)
    raise typer.Exit(play(options, out))


@app.command()
def status(
    *,
    watch: Annotated[bool, typer.Option(help="Go on showing it, until Ctrl-C.")] = False,
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Show how things stand: routing, traffic, alarms with their evidence."""
    from proxy.console import follow, show_once

    _talk(follow(admin, token, out) if watch else show_once(admin, token, out))


@app.command()
def route(
    to: Annotated[str, typer.Argument(help="`candidate`, `stable`, or `auto`.")],
    by: By = "",
    why: Why = "",
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Lead the traffic to one model, or let the policy decide again (`auto`)."""
    if to not in {"candidate", "stable", "auto"}:
        fail(f"route: {to!r} is not one of candidate, stable, auto", BAD_USAGE)
    body = {"serving": to, **_signed(by, why)}
    answer = _order(admin, token, "routing", body)
    say(f"serving: {answer.get('serving')}; {answer.get('because')}")


@app.command()
def ack(
    alarm: Annotated[str, typer.Argument(help="Name of the alarm, or `all`.")],
    by: By = "",
    why: Why = "",
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Acknowledge an alarm: you take it from here, and nobody else is called."""
    answer = _order(admin, token, "ack", {"alarm": alarm, **_signed(by, why)})
    taken = answer.get("acknowledged")
    say(f"acknowledged: {', '.join(taken) if isinstance(taken, list) and taken else 'none'}")


@app.command()
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


@app.command()
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
        other = _load(config).config
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


@app.command()
def drain(by: By = "", admin: Admin = HERE, token: Token = "") -> None:
    """End the sidecar in order: readiness falls, running requests finish."""
    from proxy.console import signature

    _order(admin, token, "drain", {"by": by or signature()})
    say("draining")


@app.command()
def explain(
    subject: Annotated[str, typer.Argument(help="Name of an alarm.")],
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Explain an alarm: what was seen, how sure it is, what led to it, what was decided."""
    from proxy.console import explain as told

    _talk(told(subject, admin, token, out))


def _signed(by: str, why: str) -> dict[str, str]:
    from proxy.console import signature

    return {"by": by or signature(), "why": why}


def _order(admin: str, token: str, what: str, body: dict[str, str]) -> dict[str, object]:
    from proxy.console import AdminError, order

    try:
        return asyncio.run(order(admin, token, what, body))
    except AdminError as error:
        fail(str(error))


def _talk(conversation: object) -> None:
    from proxy.console import AdminError

    try:
        if asyncio.iscoroutine(conversation):
            asyncio.run(conversation)
    except AdminError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit from None


def main() -> None:
    """Run the command line."""
    app()
