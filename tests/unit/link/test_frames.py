"""Frames survive any segmentation and refuse what is not theirs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.link.frames import (
    FrameSplitter,
    LinkError,
    append_report,
    batch_frame,
    pulse_frame,
    read_pulse,
    read_reports,
    read_routing,
    routing_frame,
)
from proxy.records import (
    Capture,
    Exchange,
    Failure,
    Message,
    Model,
    Position,
    Pulse,
    Report,
    Routing,
    Stream,
)


def an_exchange(number: int = 1) -> Exchange:
    """Give an exchange whose every field differs from its neighbours'."""
    return Exchange(
        id=number,
        pair_id=None,
        model=Model.CANDIDATE,
        position=Position.SERVING,
        route="/v1/models/{name}:predict",
        started_s=1.0,
        connected_s=1.25,
        first_byte_s=None,
        finished_s=2.0,
        status=502,
        failure=Failure.RESET,
        failed_over=False,
        replayed=True,
        request_bytes=10,
        response_bytes=0,
        in_flight=3,
        stream=Stream(1.5, 2, 0.1, 0.2),
        capture=0.5,
    )


def a_pulse() -> Pulse:
    """Give a pulse with every field set."""
    return Pulse(0, 42, 1.0, True, False, 7, {"candidate/serving": 1}, 0.001, 5, {"exchange": 2})


def a_capture() -> Capture:
    """Give a capture whose bodies are binary."""
    message = Message({"content-type": "application/json"}, b"\x00\xff{}", False, ((1.0, 0),))
    return Capture(an_exchange(7), "/v1/models/m:predict", message, None)


def framed(reports: list[Report]) -> bytes:
    """Encode reports as the sender does."""
    batch = bytearray()
    for report in reports:
        append_report(batch, report)
    return batch_frame(batch, len(reports))


def test_reports_of_every_kind_come_out_as_they_went_in() -> None:
    """A batch of mixed reports decodes to equal records in the same order."""
    reports: list[Report] = [an_exchange(1), a_capture(), a_pulse(), an_exchange(2)]
    bodies = list(FrameSplitter().feed(framed(reports)))
    assert len(bodies) == 1
    assert read_reports(bodies[0]) == reports


@given(st.lists(st.integers(0, 5), max_size=8), st.lists(st.integers(1, 400), max_size=30))
def test_segmentation_does_not_matter(sizes: list[int], cuts: list[int]) -> None:
    """However the stream is cut, the same frames come out."""
    frames = [framed([an_exchange(n) for n in range(size)]) for size in sizes]
    stream = b"".join(frames)
    splitter = FrameSplitter()
    bodies: list[bytes] = []
    at = 0
    for cut in [*cuts, len(stream)]:
        bodies += splitter.feed(stream[at : at + cut])
        at += cut
    assert bodies == [frame[4:] for frame in frames]


def test_an_over_long_frame_is_refused_before_it_is_buffered() -> None:
    """A length beyond the maximum raises at once, from its four bytes alone."""
    with pytest.raises(LinkError, match="announces 1000 bytes"):
        list(FrameSplitter(max_frame_bytes=100).feed((1000).to_bytes(4, "big")))


@pytest.mark.parametrize("body", [b"", b"\xff", b"\x93\x01\x02\x03", b"\xc0"])
def test_foreign_bytes_are_a_link_error(body: bytes) -> None:
    """Bytes that are not ours raise the link's own error for each kind of frame."""
    for read in (read_reports, read_routing, read_pulse):
        with pytest.raises(LinkError):
            read(body)


def test_a_routing_and_a_pulse_come_back_whole() -> None:
    """The single-value frames decode to what was encoded."""
    routing = Routing(serving=Model.STABLE, shadow=Model.CANDIDATE, mirror_fraction=0.1, epoch=3)
    assert read_routing(routing_frame(routing)[4:]) == routing
    assert read_pulse(pulse_frame(a_pulse())[4:]) == a_pulse()
