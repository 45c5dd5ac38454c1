"""Recorded requests: one JSON object a line, checked before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from proxy.certify.files import CertifyError
from proxy.certify.recorded import Recorded, read_requests, warn_of_paths, write_requests
from proxy.payload.protocols import Protocol
from proxy.payload.settings import Payload


def read(tmp_path: Path, text: str) -> list[Recorded]:
    """Write recorded requests and read them."""
    path = tmp_path / "requests.jsonl"
    path.write_text(text)
    return read_requests(path)[0]


def test_a_body_of_json_is_sent_as_it_was_written(tmp_path: Path) -> None:
    """Not parsed and written again: numbers keep their digits."""
    (request,) = read(tmp_path, '{"path": "/v1/models/m:predict", "body": {"x": 1.50}}\n')
    assert request == Recorded(
        "POST", "/v1/models/m:predict", {"content-type": "application/json"}, b'{"x": 1.50}'
    )


def test_text_and_base64_bodies_become_their_bytes(tmp_path: Path) -> None:
    """CSV and binary tensors can be recorded too; their content type is theirs to say."""
    text, packed = read(
        tmp_path,
        '{"path": "/invocations", "headers": {"Content-Type": "text/csv"}, "body": "1,2\\n"}\n'
        '{"path": "/p", "body_base64": "AAH/"}\n',
    )
    assert text.body == b"1,2\n"
    assert text.headers == {"content-type": "text/csv"}
    assert packed.body == b"\x00\x01\xff"


def test_paths_that_no_sidecar_would_look_at_are_told() -> None:
    """What is certified there is never compared with anything; the cure stands in the warning."""
    paths = ("/it's-1.0/score?v=2", "/score", "/v1/models/m:predict", "/invocations")
    requests = [Recorded("POST", path, {}, b"{}") for path in paths]
    assert warn_of_paths(requests[2:], Payload()) == []
    (told,) = warn_of_paths(requests, Payload())
    assert "Requests to /it's-1.0/score and 1 more paths" in told
    line = told.rpartition("payload.paths: ")[2]
    ((pattern, protocol),) = yaml.safe_load(line).items()
    cured = Payload(paths={pattern: Protocol(protocol)})
    assert warn_of_paths(requests[:1], cured) == []
    assert len(warn_of_paths(requests[1:], cured)) == 1


def test_fields_of_the_recorded_connection_are_left_out(tmp_path: Path) -> None:
    """Length, host and connection belong to the connection that certification makes itself."""
    (request,) = read(
        tmp_path,
        '{"method": "GET", "path": "/x", "headers": {"Host": "a", "Content-Length": "9", '
        '"Connection": "close", "X-Tenant": "t"}}\n',
    )
    assert request == Recorded("GET", "/x", {"x-tenant": "t"}, b"")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("nonsense", "no recorded request"),
        ('{"body": {}}', "path"),
        ('{"path": "/x", "boddy": 1}', "boddy"),
        ('{"path": "http://elsewhere/x"}', "does not begin with /"),
        ('{"path": "/a b"}', "has blanks"),
        ('{"path": "/x", "method": "FETCH"}', "method 'FETCH'"),
        ('{"path": "/x", "headers": {"a\\r\\nb": "1"}}', "cannot be sent"),
        ('{"path": "/x", "headers": {"a": "1\\n2"}}', "cannot be sent"),
        ('{"path": "/x", "body_base64": "*"}', "not base64"),
        ('{"path": "/x", "body": 1, "body_base64": "AA=="}', "not both"),
        ('{"path": "/x", "time": "yesterday"}', "time 'yesterday' is none: ISO 8601"),
        ('{"path": "/x", "time": true}', "time"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    """The message has file and line, and says what is wrong."""
    with pytest.raises(CertifyError, match=rf"requests\.jsonl:2: .*{complaint}"):
        read(tmp_path, f'{{"path": "/x"}}\n{line}\n')


def test_the_time_of_a_request_is_read_in_utc(tmp_path: Path) -> None:
    """ISO 8601 with or without an offset, or seconds since 1970; equal times keep their order."""
    lines = ('"1970-01-02T01:00:00+01:00"', '"1970-01-02"', "86400", "86400.5")
    requests = read(tmp_path, "".join(f'{{"path": "/x", "time": {time}}}\n' for time in lines))
    assert [request.time_s for request in requests] == [86_400.0, 86_400.0, 86_400.0, 86_400.5]


def test_times_that_only_some_requests_have_are_refused(tmp_path: Path) -> None:
    """Half a season would be certified: all requests have a time, or none."""
    with pytest.raises(CertifyError, match=r"1 of 2 requests have no time \(first: request 2\)"):
        read(tmp_path, '{"path": "/x", "time": 1}\n{"path": "/x"}\n')


def test_times_that_go_backwards_are_refused(tmp_path: Path) -> None:
    """Their dependence would be measured wrongly; labels name requests by their place."""
    text = "".join(f'{{"path": "/x", "time": {time}}}\n' for time in (5, 6, 4))
    with pytest.raises(CertifyError, match=r"go backwards \(first at request 3\)"):
        read(tmp_path, text)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """The demonstration records its own requests in the same form."""
    path = tmp_path / "out.jsonl"
    kind = {"content-type": "application/json"}
    requests = [Recorded("POST", f"/{n}", kind, b"[1]", None, float(n)) for n in range(3)]
    write_requests(path, requests)
    assert read_requests(path)[0] == requests
