"""The command before deployment: measure the models and write the benchmark."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.common import (
    BAD_USAGE,
    HERE,
    OUTPUT,
    Admin,
    By,
    ConfigFile,
    Token,
    Why,
    fail,
    out,
    read_config,
    sign,
)

Reference = Annotated[
    list[Path],
    typer.Option(
        help="Reference rows: CSV, JSON lines, Parquet, npy, npz; a folder of them or a "
        "pattern. May be given several times."
    ),
]
Requests = Annotated[
    Path,
    typer.Option(
        help="Recorded requests, in order: JSON lines of path, body (and method, headers, label)."
    ),
]
Output = Annotated[Path, typer.Option(*OUTPUT, help="Where the benchmark goes.")]
Unordered = Annotated[bool, typer.Option(help="The reference rows are not in order of time.")]
TimeColumn = Annotated[
    str, typer.Option(help="Column of the reference with the time of each row, UTC.")
]
LabelFile = Annotated[
    Path | None,
    typer.Option(help="True outcomes of the requests: CSV or JSON lines of id (or row), label."),
]
KeepSample = Annotated[
    int, typer.Option(min=0, max=1000, help="Reference rows kept in the benchmark; 0: none.")
]
CandidateFile = Annotated[
    Path | None, typer.Option(help="The candidate's model file; its hash goes into the benchmark.")
]
StableFile = Annotated[
    Path | None, typer.Option(help="The stable model's file; its hash goes into the benchmark.")
]
Concurrency = Annotated[
    list[int] | None,
    typer.Option(
        min=1,
        max=1024,
        help="Requests running at once while latency is measured; give it once a level. "
        "Default: 1, 2, 4, 8, 16.",
    ),
]
PerLevel = Annotated[int, typer.Option(min=300, max=1_000_000, help="Answers timed at each level.")]


def certify(
    config: ConfigFile,
    reference: Reference,
    requests: Requests,
    output: Output,
    *,
    unordered: Unordered = False,
    time: TimeColumn = "",
    labels: LabelFile = None,
    keep_sample: KeepSample = 1000,
    candidate_file: CandidateFile = None,
    stable_file: StableFile = None,
    concurrency: Concurrency = None,
    per_level: PerLevel = 1000,
) -> None:
    """Measure the models before deployment and write the benchmark.

    Every recorded request is sent to the candidate, and to the stable model if there is one; then
    the same requests measure the latency at each load. The models must run; the sidecar need not.
    """
    from proxy.certify.certify import Load, Order
    from proxy.certify.command import run as measure
    from proxy.certify.files import CertifyError
    from proxy.certify.quality import Labels
    from proxy.monitors.label_quality import wish_of
    from proxy.records import Model

    loaded = read_config(config).config
    given = {Model.CANDIDATE: candidate_file, Model.STABLE: stable_file}
    files = {model: path for model, path in given.items() if path is not None}
    for path in files.values():
        if not path.is_file():
            fail(f"{path} is no file: give the file of the model, or leave it out", BAD_USAGE)
    levels = tuple(sorted(set(concurrency or ())))
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
        load=Load(concurrencies=levels, per_level=per_level)
        if levels
        else Load(per_level=per_level),
        model_files=files,
        labels=Labels(path=labels, wish=wish_of(loaded.monitors.labels)),
    )
    try:
        measure(order, output, out)
    except CertifyError as error:
        fail(str(error))


def learn(
    rows: Annotated[int, typer.Option(min=100, max=50_000, help="Input rows to learn from.")],
    output: Output,
    *,
    force: Annotated[bool, typer.Option(help="Also while an alarm fires.")] = False,
    keep_sample: Annotated[
        int, typer.Option(min=0, max=1000, help="Rows kept in the benchmark; 0: none.")
    ] = 1000,
    by: By = "",
    why: Why = "",
    admin: Admin = HERE,
    token: Token = "",
) -> None:
    """Take the next rows of the live traffic as the reference.

    For models whose training data cannot be had: how they behave now becomes what is normal.
    """
    from proxy.certify.files import CertifyError
    from proxy.commands.console import AdminError
    from proxy.commands.live import Wish
    from proxy.commands.live import learn as take

    signed = sign(by, why)
    wish = Wish(
        admin=admin,
        token=token,
        rows=rows,
        keep_sample=keep_sample,
        force=force,
        by=signed["by"],
        why=signed["why"],
    )
    try:
        asyncio.run(take(wish, output, out))
    except (CertifyError, AdminError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted: nothing was written, and the sidecar forgets what it collected")
