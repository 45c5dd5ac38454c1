"""Values that flow, ready made: a test names only the fields that it is about.

`import made` works in every test: pytest has this folder on its path. What only one room needs is
a fixture of that room's conftest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from proxy.actuators.notice import Notice
from proxy.records import (
    AlarmName,
    Blame,
    Exchange,
    Finding,
    Model,
    Position,
    Rows,
    Scalar,
    Side,
    Verdict,
)

EXCHANGE = Exchange(
    id=1,
    pair_id=None,
    model=Model.CANDIDATE,
    position=Position.SERVING,
    route="/v1/models/{name}:predict",
    started_s=0.0,
    connected_s=0.0,
    first_byte_s=0.1,
    finished_s=0.1,
    status=200,
    failure=None,
    failed_over=False,
    replayed=False,
    request_bytes=10,
    response_bytes=20,
    in_flight=1,
    stream=None,
    capture=1.0,
)
"""Asked and answered within the first tenth of a second, and sampled."""

FINDING = Finding(
    monitor=AlarmName.INPUT_DRIFT,
    subject="temp",
    at_s=0.0,
    effect=0.31,
    interval=(0.27, 0.35),
    unit="share",
    evidence=20.0,
    threshold=17.0,
    confirmation=9.0,
    recovery=0.0,
    n_reference=5000,
    n_current=420,
    verdict=Verdict.BREACH,
    shared=Verdict.OK,
    since_s=-60.0,
    blamed=(
        Blame(
            subject="temp",
            effect=0.31,
            interval=(0.27, 0.35),
            unit="share",
            evidence=19.0,
            n_current=420,
            summary="temp moved by 0.31",
        ),
    ),
    reason="temp left its reference",
)
"""A confirmed breach of one column that began a minute ago; the stable model is sound."""

NOTICE = Notice(
    id="a1/alert/disagreement#1/0",
    kind="firing",
    severity="critical",
    incident="a1/disagreement#1",
    cause="model",
    alarm="disagreement",
    alarms=("disagreement", "output_drift"),
    title="Model: the candidate alone goes wrong (disagreement and output_drift)",
    what="disagreement: the outputs differ; effect of distance 0.31 share.",
    since_utc="2026-11-23T00:00:00.000Z",
    at_utc="2026-11-23T00:05:00.000Z",
    effect=0.31,
    interval=(0.27, 0.35),
    unit="share",
    evidence=20.0,
    threshold=17.0,
    n_reference=5000,
    n_current=420,
    false_alarms="at most one false detection in 365 days per watched quality",
    blamed=("the outputs differ in 31 %",),
    done="Nothing was changed.",
    next="A downgrade is due in 5 min if it lasts.",
    undo="",
    candidate="flights-2",
    stable="flights-1",
    source="pod-7",
    links={"status": "http://pod-7:8101/"},
)
"""Candidate and stable disagree: the first alert of an incident."""


def exchange(**changes: object) -> Exchange:
    """Give an answered exchange of the candidate, with these fields changed."""
    return replace(EXCHANGE, **changes)


def rows(columns: Mapping[str, Sequence[Scalar]], /, **changes: object) -> Rows:
    """Give rows of these columns, of the candidate's input, with these fields changed."""
    plain = Rows(
        exchange_id=1,
        at_s=0.0,
        model=Model.CANDIDATE,
        side=Side.INPUT,
        columns=tuple(columns),
        values=tuple(list(cells) for cells in columns.values()),
        n=max(map(len, columns.values()), default=0),
    )
    return replace(plain, **changes)


def finding(**changes: object) -> Finding:
    """Give a finding that breaches, with these fields changed."""
    return replace(FINDING, **changes)


def notice(**changes: object) -> Notice:
    """Give an alert that goes out, with these fields changed."""
    return replace(NOTICE, **changes)
