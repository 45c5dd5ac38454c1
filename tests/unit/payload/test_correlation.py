"""Ids that may be kept."""

from __future__ import annotations

from proxy.payload.correlation import ids

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_all_the_ids_are_found_once() -> None:
    """Body, request id, event id and trace, in that order, without repetition."""
    fields = {
        "x-request-id": "r-1",
        "ce-id": "e-1",
        "ce-requestid": "e-1",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    }
    assert ids([fields], "abc-1") == ("abc-1", "r-1", "e-1", TRACE)


def test_the_ids_of_the_request_stay_beside_those_of_the_answer() -> None:
    """A server that makes up an event id of its own does not hide the client's."""
    assert ids([{"ce-id": "theirs"}, {"ce-id": "ours"}]) == ("theirs", "ours")


def test_what_does_not_look_like_an_id_is_left_out() -> None:
    """Ids are kept in clear, so nothing else may pass for one."""
    assert ids([{"x-request-id": "a b"}], "me@example.org") == ()
    assert ids([{"x-request-id": "sk-abcdef"}], "eyJhbGciOiJIUzI1NiJ9") == ()
    assert ids([{"x-request-id": "skyline-7"}]) == ("skyline-7",)
    assert ids([{"x-request-id": "x" * 129, "traceparent": "00-zz-1-01"}], 7) == ()
