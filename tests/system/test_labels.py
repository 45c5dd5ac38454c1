"""Labels through the real processes: requests, their truth over HTTP, figures and metrics."""

from __future__ import annotations

import http.client
import json
import os
import signal
from typing import Any

Fixture = Any
"""Classes of the conftest, which cannot be imported."""

PREDICT = "/v1/models/m:predict"
N = 40


def ask(sidecar: Fixture, names: list[str]) -> None:
    """Send a request of one row under each id; the models answer 0.5 to all."""
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    for name in names:
        fields = {"content-type": "application/json", "x-request-id": name}
        connection.request("POST", PREDICT, b'{"instances": [{"x": 1.0}]}', fields)
        assert connection.getresponse().read()
    connection.close()


def quality(sidecar: Fixture, model: str = "candidate") -> dict[str, Any]:
    """Give what is known of one model by labels."""
    found: dict[str, Any] = sidecar.json("/api/v1/labels")["models"][model]
    return found


def is_sampled(sidecar: Fixture, n: int) -> bool:
    """Tell whether the predictions of `n` requests wait for their labels."""
    return bool(sidecar.json("/api/v1/labels")["store"]["requests"] >= n)


def test_labels_join_their_predictions_across_a_crash_of_the_watcher(
    start: Fixture, wait: Fixture
) -> None:
    """By the client's id, in both forms of the body; waiting predictions outlive the process."""
    sidecar = start(mirror={"fraction": 1.0})
    names = [f"order-{i}" for i in range(N)]
    early = sidecar.json("/api/v1/labels", {"labels": [{"id": "order-0", "label": 0.75}]})
    assert (early["waiting"], early["joined"]) == (1, 0)
    ask(sidecar, names)
    wait(lambda: is_sampled(sidecar, N), "the predictions wait")
    wait(lambda: quality(sidecar)["n_labelled"] == 1, "the early label is joined")
    half = [{"id": name, "label": 0.25} for name in names[1 : N // 2]]
    answer = sidecar.json("/api/v1/labels", {"labels": [*half, half[0]]})
    assert (answer["joined"], answer["duplicate"], answer["received"]) == (19, 1, 20)
    assert quality(sidecar)["labelled"]["mae"]["value"] == 0.25
    wait(lambda: quality(sidecar, "stable")["n_labelled"] == 20, "the shadow's answers count too")

    old = sidecar.pid_of("proxy.watcher")
    wait(lambda: sidecar.metric("labels_total", result="joined") == 20, "a tick counts them")
    written = (sidecar.state / "watcher.state").stat().st_mtime_ns
    wait(
        lambda: (sidecar.state / "watcher.state").stat().st_mtime_ns > written + 10**9,
        "the state is written",
    )
    os.kill(old, signal.SIGKILL)
    sidecar.new_pid_of("proxy.watcher", old)
    wait(sidecar.watcher_is_up, "the watcher is back")
    rest = [{"id": name, "truth": 1.5} for name in names[N // 2 :]]
    answer = sidecar.json("/api/v1/labels", {"labels": rest})
    assert answer["joined"] == N // 2
    assert quality(sidecar)["n_labelled"] == N
    alarms = sidecar.json("/api/v1/alarms")["alarms"]
    found = next(one for one in alarms if one["name"] == "label_quality")
    assert "certify with --labels" in found["words"]
    wait(
        lambda: (
            sidecar.metric("label_quality", model="candidate", measure="mae", source="labelled") > 0
        ),
        "the metrics show it",
    )


def test_a_call_that_does_not_fit_is_refused_whole(start: Fixture, wait: Fixture) -> None:
    """One bad entry names itself and nothing has happened; types are refused one by one."""
    sidecar = start()
    ask(sidecar, ["a", "b"])
    wait(lambda: is_sampled(sidecar, 2), "the predictions wait")
    status, raw = sidecar.admin(
        "/api/v1/labels", {"labels": [{"id": "a", "label": 1.5}, {"id": "b"}]}
    )
    assert status == 400
    assert b"labels[1]" in raw
    assert quality(sidecar)["n_labelled"] == 0
    answer = sidecar.json(
        "/api/v1/labels",
        {"labels": [{"id": "a", "label": 1.5}, {"id": "b", "label": [1.0, 2.0]}]},
    )
    assert (answer["joined"], answer["wrong_type"]) == (1, 1)
    assert "1 label" in answer["problems"][0]
    assert json.dumps(answer).count("1.5") == 0, "values of labels are not repeated"
