"""Commands that run something: the sidecar, a check of its configuration, the demonstration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.common import ConfigFile, complain, fail, out, read_sound_config, say

if TYPE_CHECKING:
    from proxy.config import Loaded


def run(config: ConfigFile) -> None:
    """Run the sidecar until SIGTERM."""
    import uvloop

    from proxy import logs
    from proxy.ports import StartError
    from proxy.supervisor import Supervisor

    loaded = read_sound_config(config)
    if sys.stderr.isatty():
        _tell_doors(loaded)
    settings = loaded.config.telemetry.log
    writer = logs.start("supervisor", level=settings.level, max_lines=settings.max_lines)
    try:
        code = uvloop.run(Supervisor(loaded).run())
    except StartError as error:
        fail(str(error))
    finally:
        writer.close()
    raise typer.Exit(code)


def _tell_doors(loaded: Loaded) -> None:
    """Tell who started it by hand what to do with it; where programs read, logs are enough."""
    listen, admin = loaded.config.listen, loaded.config.admin
    complain(f"clients use {listen.host}:{listen.port} instead of the model")
    complain(
        f"people use http://{admin.host}:{admin.port}/, or `stablehand status`; Ctrl-C ends it"
    )


def check(config: ConfigFile) -> None:
    """Check the configuration and the benchmark.

    Every mistake is told with file and line, all at once.
    """
    from proxy.trial import certified_names, strangers

    loaded = read_sound_config(config)
    told = [f"{config}: ok, candidate {loaded.config.models.candidate.url}"]
    if loaded.config.models.stable is None:
        told.append("no stable model: it monitors and alerts, but has nowhere to lead traffic to")
    if loaded.benchmark_path is None:
        told.append("no benchmark: drift, agreement and latency cannot alarm; run `certify`")
    told += strangers(certified_names(loaded), loaded.config.models)
    for line in told:
        say(line)


def demo(
    *,
    folder: Annotated[Path, typer.Option(help="Where data, models and logs go.")] = Path(".demo"),
    plain: Annotated[bool, typer.Option(help="Lines instead of a live view.")] = False,
    keep: Annotated[bool, typer.Option(help="Leave everything running until Ctrl-C.")] = False,
    fresh: Annotated[bool, typer.Option(help="Certify again.")] = False,
    rate: Annotated[
        float,
        typer.Option(
            min=50, max=2000, help="Requests per second; fewer on a busy machine, slower alarms."
        ),
    ] = 250.0,
) -> None:
    """Show the whole loop on real flights, in about two minutes.

    Two real models, one of which breaks. Exit code 0: every act went as it should.
    """
    from proxy.demo.command import Options
    from proxy.demo.command import run as play

    options = Options(folder=folder, is_plain=plain, keep=keep, fresh=fresh, rate_per_s=rate)
    raise typer.Exit(play(options, out))
