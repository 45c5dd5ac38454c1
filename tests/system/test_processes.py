"""What is killed comes back, what is told to end ends in order, and no request pays for it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import Any

import yaml

Fixture = Any
"""Classes of the conftest, which cannot be imported."""


def test_a_killed_watcher_costs_no_request_and_keeps_its_state(
    start: Fixture, load: Fixture, wait: Fixture
) -> None:
    """SIGKILL under load: no failed request, the routing stays, and the watcher remembers it."""
    sidecar = start()
    clients = load(sidecar)
    sidecar.json("/api/v1/routing", {"serving": "stable", "by": "ann", "why": "test"})
    # The order is answered once it is journalled; the relay hears of it when its link is up.
    wait(lambda: "stable" in clients.answers, "the relay follows the order")
    old = sidecar.pid_of("proxy.watcher")
    before = sidecar.json("/api/v1/status")["routing"]
    os.kill(old, signal.SIGKILL)
    clients.more()
    sidecar.new_pid_of("proxy.watcher", old)
    wait(sidecar.watcher_is_up, "the watcher is back")
    after = sidecar.json("/api/v1/status")["routing"]
    clients.answers.clear()
    clients.more()
    clients.end()
    assert clients.failures == []
    assert set(clients.answers) == {"stable"}
    assert [after[key] for key in ("serving", "override", "because")] == [
        before[key] for key in ("serving", "override", "because")
    ]
    assert after["override"] == "stable"


def test_while_the_watcher_is_away_health_and_metrics_answer(start: Fixture, wait: Fixture) -> None:
    """The pod stays in service; metrics say that the watcher is down; orders say so too."""
    sidecar = start(admin={"watcher_timeout_s": 0.5})
    watcher = sidecar.pid_of("proxy.watcher")
    os.kill(watcher, signal.SIGSTOP)
    try:
        assert sidecar.admin("/healthz")[0] == 200
        assert sidecar.admin("/readyz")[0] == 200
        assert sidecar.metric("watcher_up") == 0
        status, body = sidecar.admin("/api/v1/routing", {"serving": "stable"})
        assert status == 503
        assert b"watcher" in body
        assert sidecar.predict()[0] == 200
    finally:
        os.kill(watcher, signal.SIGCONT)
    wait(lambda: sidecar.metric("watcher_up") == 1, "the watcher goes on")


def test_a_killed_relay_is_replaced_and_waiting_clients_are_served(
    start: Fixture, load: Fixture
) -> None:
    """Only what was running in the killed relay is lost; who came meanwhile is served."""
    sidecar = start()
    clients = load(sidecar)
    clients.more()
    old = sidecar.pid_of("proxy.relay")
    os.kill(old, signal.SIGKILL)
    assert sidecar.predict()[0] == 200
    sidecar.new_pid_of("proxy.relay", old)
    clients.more()
    clients.end()
    assert len(clients.failures) <= 4, "one running request per client at most"


def test_a_restarted_relay_takes_up_the_routing_without_a_watcher(
    start: Fixture, wait: Fixture
) -> None:
    """The routing survives though watcher and relay die together."""
    sidecar = start()
    sidecar.json("/api/v1/routing", {"serving": "stable", "by": "ann", "why": "test"})
    relay, watcher = sidecar.pid_of("proxy.relay"), sidecar.pid_of("proxy.watcher")
    os.kill(watcher, signal.SIGSTOP)
    try:
        os.kill(relay, signal.SIGKILL)
        sidecar.new_pid_of("proxy.relay", relay)
        assert b'"stable"' in sidecar.predict()[1]
    finally:
        os.kill(watcher, signal.SIGCONT)
    wait(sidecar.watcher_is_up, "the watcher goes on")


def test_sigterm_lets_running_requests_finish(
    start: Fixture, models: Fixture, wait: Fixture
) -> None:
    """A slow request that runs at SIGTERM is answered whole; then the exit code is 0."""
    sidecar = start()
    models[0].pause_s = 4.0
    answers: list[tuple[int, bytes]] = []
    client = threading.Thread(target=lambda: answers.append(sidecar.predict()))
    client.start()
    wait(lambda: sidecar.metric("requests_in_flight", position="serving") == 1, "it runs")
    sidecar.process.send_signal(signal.SIGTERM)
    client.join()
    assert answers[0][0] == 200
    assert sidecar.process.wait(60) == 0


def test_readiness_falls_at_once_when_draining(start: Fixture) -> None:
    """While the last requests run, the pod is already out of service and new clients are served."""
    sidecar = start(listen={"lame_duck_s": 3})
    assert sidecar.admin("/api/v1/drain", {"by": "ann"})[0] == 202
    status, body = sidecar.admin("/readyz")
    assert status == 503
    assert b"draining" in body
    assert sidecar.predict()[0] == 200
    assert sidecar.stop() == 0


def test_children_do_not_outlive_a_killed_supervisor(
    start: Fixture, wait: Fixture, is_gone: Fixture
) -> None:
    """After SIGKILL of the supervisor no orphan keeps the ports."""
    sidecar = start()
    children = [sidecar.pid_of("proxy.relay"), sidecar.pid_of("proxy.watcher")]
    sidecar.process.kill()
    sidecar.process.wait()
    wait(lambda: all(is_gone(pid) for pid in children), "the children end")


def test_a_reload_changes_the_settings_and_loses_nothing(
    start: Fixture, load: Fixture, wait: Fixture
) -> None:
    """New settings come into force under load without a failed request."""
    sidecar = start()
    clients = load(sidecar)
    clients.more()
    sidecar.write({**sidecar.settings, "mirror": {"fraction": 0.75}})
    assert sidecar.json("/api/v1/reload", {"by": "ann"})["changed"] is True
    wait(sidecar.watcher_is_up, "the new watcher")
    clients.more(100)
    clients.end()
    assert clients.failures == []
    assert sidecar.json("/api/v1/config")["mirror"]["fraction"] == 0.75
    assert sidecar.json("/api/v1/routing")["mirror_fraction"] == 0.75


def test_a_bad_reload_is_refused_with_its_line_and_changes_nothing(start: Fixture) -> None:
    """A broken file is told with line and key; the old configuration stays in force."""
    sidecar = start()
    text = yaml.safe_dump({**sidecar.settings, "mirror": {"fraction": 7}})
    sidecar.config.write_text(text, encoding="utf-8")
    status, body = sidecar.admin("/api/v1/reload", {"by": "ann"})
    line = text[: text.index("fraction: 7")].count("\n") + 1
    assert status == 422
    assert f"stablehand.yaml:{line}: mirror.fraction".encode() in body
    assert sidecar.json("/api/v1/config")["mirror"]["fraction"] == 0.2
    assert sidecar.predict()[0] == 200


def test_a_body_that_cannot_be_read_is_forwarded_untouched_and_counted(
    start: Fixture, wait: Fixture
) -> None:
    """Bytes that are no JSON reach the model as they are, and the reason is in the metrics."""
    sidecar = start()
    body = b"\x00\xff not json"
    assert sidecar.predict(body) == (200, body)
    wait(
        lambda: sidecar.metric("captures_total", side="input", result="not_utf8") == 1,
        "the unreadable body is counted",
    )


def test_every_answer_is_counted_once_and_mirrored_by_the_fraction(
    start: Fixture, load: Fixture, wait: Fixture
) -> None:
    """The relay's clients, the metrics and the pairs tell the same story."""
    sidecar = start(mirror={"fraction": 1.0, "max_in_flight": 64})
    clients = load(sidecar)
    clients.more(200)
    clients.end()
    served = {"model": "candidate", "position": "serving"}
    wait(lambda: sidecar.metric("requests_total", **served) == clients.n, "answers are counted")
    wait(
        lambda: sidecar.metric("agreement_pairs_total", result="agree") >= clients.n * 0.9,
        "answers are compared",
    )
    assert clients.failures == []


def test_a_dead_sink_costs_events_and_nothing_else(
    start: Fixture, load: Fixture, wait: Fixture
) -> None:
    """Every request is answered, samples are decoded; what could not be sent is counted."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    sink = {"url": f"http://127.0.0.1:{port}/", "allow_http": True, "allow_private": True}
    sidecar = start(capture={"sink": {**sink, "max_waiting": 10}})
    clients = load(sidecar)
    clients.more(200)
    clients.end()
    kept = {"side": "output", "result": "decoded"}
    wait(lambda: sidecar.metric("captures_total", **kept) > 100, "samples are decoded")
    wait(lambda: sidecar.metric("sink_events_total", result="dropped") > 0, "events are dropped")
    wait(lambda: sidecar.metric("sink_events_total", result="failed") > 0, "tries are given up")
    assert clients.failures == []
    assert sidecar.metric("sink_events_total", result="sent") == 0
