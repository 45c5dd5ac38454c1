"""Commands that write files for other programs: a configuration, its schema, manifests."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.common import BAD_USAGE, OUTPUT, complain, fail, say


def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from proxy.config import schema as json_schema

    print(json.dumps(json_schema(), indent=2))  # noqa: T201  # no wrapping, no markup


def init(
    model: Annotated[str, typer.Option("--model", help="Address of the model, http://HOST:PORT.")],
    stable: Annotated[str, typer.Option("--stable", help="Address of the stable model.")] = "",
    output: Annotated[Path, typer.Option(*OUTPUT, help="The file to write.")] = Path(
        "stablehand.yaml"
    ),
    *,
    force: Annotated[bool, typer.Option(help="Write over a file that is there.")] = False,
) -> None:
    """Look at a model and write a commented configuration."""
    from proxy.commands.init import AddressError, InitError, compose, look, save

    try:
        candidate = asyncio.run(look(model))
        save(compose(candidate, asyncio.run(look(stable)) if stable else None), output, force=force)
    except AddressError as error:
        fail(str(error), BAD_USAGE)
    except InitError as error:
        fail(str(error))
    for sentence in candidate.speaks or ("nothing that is known",):
        say(f"found: {sentence}")
    if not candidate.speaks:
        say(f"name the model's path in {output}, under payload.paths, or nobody looks at it")
    say(f"written: {output}; next: stablehand check {output}")


def inject(
    file: Annotated[Path, typer.Option("-f", "--file", help="Manifests of the model; `-`: input.")],
    image: Annotated[str, typer.Option(help="Image of the sidecar.")] = "stablehand",
    config_map: Annotated[
        str, typer.Option(help="ConfigMap that holds stablehand.yaml.")
    ] = "stablehand",
) -> None:
    """Add the sidecar to Kubernetes manifests and print them.

    Every Deployment in them gets it; what is yet to do is told on standard error.
    """
    from proxy.commands.inject import InjectError
    from proxy.commands.inject import inject as added

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
        complain(f"note: {note}")
