"""Metrics: each value flows into its series, whatever the traffic the series stay few."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_classic

import made
from proxy.records import (
    Action,
    Alarm,
    AlarmName,
    AlarmState,
    Blame,
    Exchange,
    Failure,
    Finding,
    Model,
    Outcome,
    Position,
    Pulse,
    Routing,
    Side,
    Step,
    StepKind,
    Stream,
    Transition,
    Verdict,
)
from proxy.telemetry import catalogue
from proxy.telemetry.metrics import MAX_WORKERS, Metrics
from proxy.telemetry.settings import MetricsSettings

EXCHANGE = made.exchange(
    started_s=100.0, connected_s=100.01, first_byte_s=100.04, finished_s=100.06
)

PULSE = Pulse(
    worker=0, pid=10, at_s=0.0, listening=True, draining=False, connections=3,
    in_flight={"candidate/serving": 2}, lag_s=0.004, epoch=1, dropped={},
)  # fmt: skip


def blame(subject: str, evidence: float = 1.0) -> Blame:
    """Make one stream that carries a finding."""
    return Blame(
        subject=subject, effect=0.5, interval=None, unit="sd", evidence=evidence, n_current=10,
        summary="",
    )  # fmt: skip


def finding(monitor: AlarmName, *blamed: Blame, verdict: Verdict = Verdict.BREACH) -> Finding:
    """Make a finding of 12 % that carries `blamed`."""
    return made.finding(
        monitor=monitor, effect=0.12, interval=(0.1, 0.14), verdict=verdict, blamed=blamed
    )


def exported(metrics: Metrics) -> dict[str, float]:
    """Give every sample as `name{label=value,...}` without prefix, labels sorted."""
    body, _ = metrics.render()
    return {
        sample.name.removeprefix("stablehand_")
        + "{"
        + ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
        + "}": sample.value
        for family in parse_classic(body.decode())
        for sample in family.samples
    }


def change(exchange: Exchange = EXCHANGE, **fields: object) -> Exchange:
    """Give an exchange with other fields."""
    return msgspec.structs.replace(exchange, **fields)


def test_an_exchange_reaches_every_series_it_belongs_to() -> None:
    """Status, waits and bytes of one exchange are counted once each, in seconds."""
    metrics = Metrics()
    metrics.observe(EXCHANGE)
    seen = exported(metrics)
    at = "model=candidate,position=serving"
    route = f"{at},route=/v1/models/{{name}}:predict"
    assert seen[f"requests_total{{code=200,{route}}}"] == 1
    assert seen[f"request_duration_seconds_sum{{{route}}}"] == pytest.approx(0.06)
    assert seen[f"request_duration_seconds_bucket{{le=0.05,{route}}}"] == 0
    assert seen[f"request_duration_seconds_bucket{{le=0.075,{route}}}"] == 1
    assert seen[f"upstream_duration_seconds_sum{{{at}}}"] == pytest.approx(0.05)
    assert seen[f"time_to_first_byte_seconds_sum{{{at}}}"] == pytest.approx(0.04)
    assert seen[f"time_to_first_token_seconds_count{{{at}}}"] == 0
    assert seen[f"request_bytes_total{{{at}}}"] == 10
    assert seen[f"response_bytes_total{{{at}}}"] == 20


def test_a_stream_shows_its_first_token_and_its_gaps() -> None:
    """The longest gap is in its own bucket; number and sum of the gaps are exact."""
    metrics = Metrics()
    stream = Stream(first_content_s=100.2, n_chunks=5, mean_gap_s=0.05, longest_gap_s=0.14)
    metrics.observe(change(stream=stream))
    seen = exported(metrics)
    at = "model=candidate,position=serving"
    assert seen[f"time_to_first_token_seconds_sum{{{at}}}"] == pytest.approx(0.2)
    assert seen[f"inter_token_seconds_count{{{at}}}"] == 4
    assert seen[f"inter_token_seconds_sum{{{at}}}"] == pytest.approx(0.2)
    assert seen[f"inter_token_seconds_bucket{{le=0.1,{at}}}"] == 3


def test_a_sampled_stream_shows_what_was_read_of_it() -> None:
    """Pieces of content take the place of chunks; a lost body does not hide a stream."""
    now_s = 100.0
    metrics = Metrics(now_s=lambda: now_s)
    sampled = change(stream=Stream(100.2, 5, 0.05, 0.14), capture=0.5)
    metrics.observe(sampled)
    metrics.observe(change(sampled, id=2))
    metrics.arrival(sampled, {"ttft_s": [0.3], "deltas": [1], "gap_mean_s": [], "gap_max_s": []})
    at = "{model=candidate,position=serving}"
    assert exported(metrics)[f"time_to_first_token_seconds_sum{at}"] == pytest.approx(0.3)
    now_s = 200.0
    assert exported(metrics)[f"time_to_first_token_seconds_sum{at}"] == pytest.approx(0.5)
    assert exported(metrics)[f"inter_token_seconds_count{at}"] == 4


def test_a_stream_of_one_piece_has_no_gap() -> None:
    """One chunk has no time between chunks."""
    metrics = Metrics()
    metrics.observe(change(stream=Stream(100.2, 1, 0.0, 0.0)))
    assert exported(metrics)["inter_token_seconds_count{model=candidate,position=serving}"] == 0


def test_failures_retries_failovers_and_copies_are_counted() -> None:
    """Each flag of an exchange has its counter; an exchange without a status has code `none`."""
    metrics = Metrics()
    metrics.observe(
        change(
            status=0, failure=Failure.TIMEOUT, replayed=True, connected_s=None, first_byte_s=None
        )
    )
    metrics.observe(change(model=Model.STABLE, failed_over=True))
    metrics.observe(change(model=Model.STABLE, position=Position.SHADOW))
    metrics.observe(
        change(model=Model.STABLE, position=Position.SHADOW, failure=Failure.REFUSED, status=0)
    )
    seen = exported(metrics)
    assert seen["upstream_failures_total{model=candidate,position=serving,reason=timeout}"] == 1
    assert seen["upstream_retries_total{reason=stale_connection}"] == 1
    assert seen["failovers_total{reason=refused}"] == 1
    assert seen["mirrored_total{result=answered}"] == 1
    assert seen["mirrored_total{result=failed}"] == 1
    assert seen["upstream_duration_seconds_count{model=candidate,position=serving}"] == 0
    route = "route=/v1/models/{name}:predict"
    assert seen[f"requests_total{{code=none,model=candidate,position=serving,{route}}}"] == 1


def test_pulses_are_summed_over_relays_and_their_drops_grow() -> None:
    """Running exchanges add up; drop counts survive a relay's restart from zero."""
    metrics = Metrics(now_s=lambda: 1.0)
    replace = msgspec.structs.replace
    metrics.pulse(replace(PULSE, dropped={"exchange": 5, "mirror_full": 2}))
    metrics.pulse(replace(PULSE, dropped={"exchange": 8, "mirror_full": 2}))
    metrics.pulse(replace(PULSE, pid=11, dropped={"exchange": 4}))
    metrics.pulse(replace(PULSE, worker=1, pid=12))
    seen = exported(metrics)
    assert seen["link_dropped_total{kind=exchange}"] == 12
    assert seen["mirrored_total{result=full}"] == 2
    assert seen["requests_in_flight{model=candidate,position=serving}"] == 4
    assert seen["event_loop_lag_seconds{process=relay-1}"] == 0.004


def test_a_silent_relay_has_nothing_in_flight() -> None:
    """A pulse that is too old says nothing about now."""
    metrics = Metrics(now_s=lambda: 60.0)
    metrics.pulse(PULSE)
    assert not [name for name in exported(metrics) if name.startswith("requests_in_flight")]


def test_drift_follows_the_last_finding() -> None:
    """A stream that is no longer blamed disappears; the two sides do not touch each other."""
    metrics = Metrics()
    metrics.finding(finding(AlarmName.INPUT_DRIFT, blame("temp", 3.5), blame("wind")))
    metrics.finding(finding(AlarmName.OUTPUT_DRIFT, blame("prediction")))
    metrics.finding(finding(AlarmName.INPUT_DRIFT, blame("temp", 4.5)))
    seen = exported(metrics)
    assert seen["drift_effect{feature=temp,measure=sd,side=input}"] == 0.5
    assert seen["drift_evidence{feature=temp,side=input}"] == 4.5
    assert seen["drift_evidence{feature=prediction,side=output}"] == 1.0
    assert "drift_evidence{feature=wind,side=input}" not in seen


def test_a_monitors_detail_knows_all_streams_and_wins() -> None:
    """Streams that are not blamed are exported, too, and the share rather than a distance."""
    metrics = Metrics()
    streams = [
        {"stream": name, "effect": 0.1, "unit": "sd", "evidence": 2.0} for name in ("temp", "wind")
    ]
    metrics.detail(AlarmName.INPUT_DRIFT, {"streams": streams})
    metrics.finding(finding(AlarmName.INPUT_DRIFT, blame("temp")))
    seen = exported(metrics)
    assert seen["drift_evidence{feature=wind,side=input}"] == 2.0
    metrics.finding(msgspec.structs.replace(finding(AlarmName.DISAGREEMENT), unit="sd"))
    assert not [name for name in exported(metrics) if name.startswith("disagreement")]
    told = {"disagreement": 0.3, "disagreement_interval": [0.2, 0.4], "n_compared": 50}
    metrics.detail(AlarmName.DISAGREEMENT, told)
    metrics.finding(finding(AlarmName.DISAGREEMENT))
    assert exported(metrics)["disagreement_ratio{bound=lower}"] == 0.2
    metrics.detail(AlarmName.DISAGREEMENT, {"reason": "no benchmark"})
    assert not [name for name in exported(metrics) if name.startswith("disagreement")]


def test_the_strongest_features_are_exported() -> None:
    """Beyond the bound, the streams with the least evidence are left out and counted."""
    metrics = Metrics(MetricsSettings(max_features=2))
    metrics.drift(Side.INPUT, [blame(f"x{n}", float(n)) for n in range(5)])
    seen = exported(metrics)
    assert {name for name in seen if name.startswith("drift_evidence")} == {
        "drift_evidence{feature=x4,side=input}",
        "drift_evidence{feature=x3,side=input}",
    }
    assert seen["labels_folded_total{label=feature}"] == 3


def test_disagreement_is_absent_when_it_was_not_measured() -> None:
    """Not knowing is not zero."""
    metrics = Metrics()
    assert not [name for name in exported(metrics) if name.startswith("disagreement")]
    metrics.finding(finding(AlarmName.DISAGREEMENT))
    seen = exported(metrics)
    assert seen["disagreement_ratio{bound=estimate}"] == 0.12
    assert seen["disagreement_ratio{bound=lower}"] == 0.1
    assert seen["disagreement_ratio{bound=upper}"] == 0.14
    metrics.finding(finding(AlarmName.DISAGREEMENT, verdict=Verdict.UNKNOWN))
    assert not [name for name in exported(metrics) if name.startswith("disagreement")]


def test_each_alarm_is_in_exactly_one_state() -> None:
    """All alarms are exported from the start, and a transition moves the one."""
    metrics = Metrics()
    metrics.transition(
        Transition(
            alarm=AlarmName.ERRORS,
            episode=1,
            was=AlarmState.PENDING,
            to=AlarmState.FIRING,
            at_s=1.0,
            finding=finding(AlarmName.ERRORS),
        )
    )
    metrics.alarm(Alarm(name=AlarmName.SCHEMA, state=AlarmState.PENDING))
    seen = exported(metrics)
    states = {
        name: [s.value for s in AlarmState if seen[f"alarm_state{{alarm={name},state={s}}}"] == 1]
        for name in AlarmName
    }
    assert states.pop(AlarmName.ERRORS) == ["firing"]
    assert states.pop(AlarmName.SCHEMA) == ["pending"]
    assert all(state == ["inactive"] for state in states.values())
    assert seen["alarm_transitions_total{alarm=errors,to=firing}"] == 1


def test_only_a_changed_serving_model_is_a_switch() -> None:
    """The first routing and a new mirror fraction are no switches."""
    metrics = Metrics()
    metrics.routing(Routing(), "start")
    metrics.routing(Routing(mirror_fraction=0.5), "reload")
    metrics.routing(Routing(serving=Model.STABLE), "disagreement")
    seen = exported(metrics)
    assert seen["routing{serving=stable}"] == 1
    assert seen["routing{serving=candidate}"] == 0
    switches = {n: v for n, v in seen.items() if n.startswith("route_switches_total")}
    assert switches == {"route_switches_total{because=disagreement,to=stable}": 1}


def test_a_sentence_is_no_label() -> None:
    """Of a reason for people only an alarm's name reaches the metrics, never a person's name."""
    metrics = Metrics()
    reasons = ("start", "ann chose stable", "disagreement, errors: since 12:04", "override")
    for number, because in enumerate(reasons):
        metrics.routing(Routing(serving=tuple(Model)[number % 2]), because)
    seen = [name for name in exported(metrics) if name.startswith("route_switches_total")]
    assert sorted(seen) == [
        "route_switches_total{because=disagreement,to=candidate}",
        "route_switches_total{because=other,to=stable}",
        "route_switches_total{because=override,to=stable}",
    ]


def test_the_remaining_voices_are_heard() -> None:
    """Actions, alerts, captures, pairs, replicas, lag, logs and journal have series."""
    metrics = Metrics(version="1.2", config_sha256="abc")
    action = Action(
        id="a", step=Step(kind=StepKind.EXPAND), because="", alarms=(AlarmName.LATENCY,), at_s=1.0
    )
    metrics.action(Outcome(action=action, ok=False, error="no", took_s=0.1))
    metrics.alert("pager", "sent")
    metrics.capture_result(Side.OUTPUT, "not_json")
    metrics.pair("differ")
    metrics.link_dropped("capture", 3)
    metrics.desired_replicas(4)
    metrics.lag("watcher", 0.2)
    metrics.log_dropped(6)
    metrics.journal_failed(7)
    seen = exported(metrics)
    assert seen["actions_total{result=failed,step=expand}"] == 1
    assert seen["alerts_total{receiver=pager,result=sent}"] == 1
    assert seen["captures_total{result=not_json,side=output}"] == 1
    assert seen["agreement_pairs_total{result=differ}"] == 1
    assert seen["agreement_pairs_total{result=agree}"] == 0
    assert seen["link_dropped_total{kind=capture}"] == 3
    assert seen["desired_replicas{}"] == 4
    assert seen["event_loop_lag_seconds{process=watcher}"] == 0.2
    assert seen["build_info{config_sha256=abc,version=1.2}"] == 1
    assert seen["log_dropped_total{}"] == 6
    assert seen["journal_failed_total{}"] == 7
    assert seen["watcher_up{}"] == 1


def test_hostile_traffic_makes_few_series() -> None:
    """A million possible labels from traffic stay below 2,000 series; no request is uncounted."""
    metrics = Metrics(now_s=lambda: 0.0)
    codes = [*range(100, 600, 40), 0, 999]
    kinds = [(m, p, r, c) for m in Model for p in Position for r in range(20) for c in codes]
    for model, position, route, code in kinds:
        metrics.observe(change(model=model, position=position, route=f"/{route}", status=code))
    for number in range(500):
        metrics.capture_result(Side.INPUT, f"reason {number}")
        metrics.pulse(msgspec.structs.replace(PULSE, worker=number, dropped={f"k{number}": 1}))
    metrics.drift(Side.INPUT, [blame(f"f{number}") for number in range(500)])
    metrics.drift(Side.OUTPUT, [blame(f"f{number}") for number in range(500)])
    seen = exported(metrics)
    assert len(seen) < 2_000 + MAX_WORKERS, len(seen)
    assert sum(v for name, v in seen.items() if name.startswith("requests_total")) == len(kinds)
    assert seen["captures_total{result=other,side=input}"] > 0
    assert seen["labels_folded_total{label=route}"] > 0


def test_rare_codes_become_their_class() -> None:
    """A model that makes up status codes fills eight series, then classes, then `other`."""
    metrics = Metrics()
    for status in [*range(200, 208), 499, 599, 999]:
        metrics.observe(change(status=status))
    codes = {
        name.split("code=")[1].split(",")[0]
        for name in exported(metrics)
        if name.startswith("requests_total")
    }
    assert codes == {*map(str, range(200, 208)), "4xx", "5xx", "other"}


def test_label_values_cannot_break_the_exposition() -> None:
    """Quotes, newlines and backslashes of a feature name come back as they were."""
    metrics = Metrics()
    odd = 'a"b\\c\nd} 1'
    metrics.drift(Side.INPUT, [blame(odd)])
    for accept, parse in (("", parse_classic), ("application/openmetrics-text", parse_open)):
        body, _ = metrics.render(accept)
        values = [
            sample.labels["feature"]
            for family in parse(body.decode())
            if family.name == "stablehand_drift_effect"
            for sample in family.samples
        ]
        assert values == [odd]


def test_openmetrics_is_given_when_asked_for() -> None:
    """Prometheus' own Accept field gets OpenMetrics that ends properly; curl gets classic text."""
    metrics = Metrics()
    metrics.observe(EXCHANGE)
    body, kind = metrics.render(
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    )
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    assert {f.name for f in parse_open(body.decode())} == {
        f.name.removesuffix("_total") for f in catalogue.BY_WATCHER
    }
    for accept in ("", "*/*", "text/plain;version=junk", "\x00,;;=;q="):
        assert metrics.render(accept)[1] == "text/plain; version=0.0.4; charset=utf-8"
