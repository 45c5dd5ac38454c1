"""The command before deployment: measure the models and write the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.common import ConfigFile, fail, out, read_config


def certify(
    config: ConfigFile,
    reference: Annotated[
        list[Path],
        typer.Option(
            help="Reference rows: CSV, JSON lines, Parquet, npy, npz; a folder of them or a "
            "pattern. May be given several times."
        ),
    ],
    requests: Annotated[Path, typer.Option(help="Recorded requests: JSON lines.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the benchmark goes.")],
    *,
    unordered: Annotated[
        bool, typer.Option(help="The reference rows are not in order of time.")
    ] = False,
    time: Annotated[
        str, typer.Option(help="Column of the reference with the time of each row, UTC.")
    ] = "",
    labels: Annotated[
        Path | None,
        typer.Option(
            help="True outcomes of the requests: CSV or JSON lines of id (or row), label."
        ),
    ] = None,
    keep_sample: Annotated[
        int,
        typer.Option(min=0, max=1000, help="Reference rows kept in the benchmark; 0: none."),
    ] = 1000,
) -> None:
    """Measure the models before deployment and write the benchmark."""
    from proxy.certify.certify import Order
    from proxy.certify.command import run as measure
    from proxy.certify.files import CertifyError
    from proxy.certify.quality import Labels
    from proxy.monitors.label_quality import wish_of

    loaded = read_config(config).config
    order = Order(
        models=loaded.models,
        reference=tuple(reference),
        requests=requests,
        payload=loaded.payload,
        redact=loaded.capture.redact,
        ordered=not unordered,
        time_column=time,
        keep_sample=keep_sample,
        monitors=loaded.monitors,
        expected_run_length_s=loaded.alarms.expected_run_length_s,
        labels=Labels(path=labels, wish=wish_of(loaded.monitors.labels)),
    )
    try:
        measure(order, output, out)
    except CertifyError as error:
        fail(str(error))
