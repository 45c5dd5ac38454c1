"""The values that flow survive the link unchanged and know their counterpart."""

from __future__ import annotations

import msgspec
import pytest

from proxy.records import (
    Capture,
    Exchange,
    Message,
    Model,
    Position,
    Pulse,
    Report,
    Routing,
    Stream,
)

EXCHANGE = Exchange(
    id=2**62 + 5,
    pair_id=None,
    model=Model.CANDIDATE,
    position=Position.SERVING,
    route="/v1/models/{name}:predict",
    started_s=1.0,
    connected_s=1.1,
    first_byte_s=1.2,
    finished_s=1.3,
    status=200,
    failure=None,
    failed_over=False,
    replayed=False,
    request_bytes=10,
    response_bytes=20,
    in_flight=1,
    stream=Stream(first_content_s=1.25, n_chunks=2, mean_gap_s=0.01, longest_gap_s=0.02),
    capture=0.5,
)
REPORTS: tuple[Report, ...] = (
    EXCHANGE,
    Capture(
        exchange=EXCHANGE,
        target="/v1/models/m:predict",
        request=Message(fields={"content-type": "application/json"}, body=b"{}", truncated=False),
        response=None,
    ),
    Pulse(
        worker=0,
        pid=7,
        at_s=2.0,
        listening=True,
        draining=False,
        connections=3,
        in_flight={"candidate/serving": 1},
        lag_s=0.001,
        epoch=4,
        dropped={},
    ),
)


@pytest.mark.parametrize("model", list(Model))
def test_a_model_is_the_other_of_its_other(model: Model) -> None:
    """The comparison always has two sides."""
    assert model.other is not model
    assert model.other.other is model


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_a_report_comes_out_of_the_link_as_it_went_in(report: Report) -> None:
    """One decoder tells the three kinds apart by their tag and loses nothing."""
    decoder = msgspec.msgpack.Decoder(Report)
    assert decoder.decode(msgspec.msgpack.encode(report)) == report


def test_the_default_routing_mirrors_nothing_and_serves_the_candidate() -> None:
    """A relay that never heard of the watcher forwards to the model it was put before."""
    assert Routing() == Routing(serving=Model.CANDIDATE, shadow=None, mirror_fraction=0.0, epoch=0)


def test_values_cannot_be_changed_after_they_were_made() -> None:
    """What metrics, monitors and the journal read is the same record for ever."""
    with pytest.raises(AttributeError):
        EXCHANGE.status = 500  # type: ignore[misc]  # the very thing that must fail
