"""The command before deployment: measure the models and write the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.common import ConfigFile, fail, out, read_config


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

    loaded = read_config(config).config
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
