"""Traffic of the last minutes: rates, quantiles and errors where they happened."""

from __future__ import annotations

import pytest

import made
from proxy.records import Exchange, Failure, Model, Position
from proxy.telemetry.traffic import BUCKET_S, N_BUCKETS, Traffic


def exchange(
    finished_s: float,
    wait_s: float = 0.01,
    *,
    status: int = 200,
    failure: Failure | None = None,
    model: Model = Model.CANDIDATE,
    position: Position = Position.SERVING,
) -> Exchange:
    """Make an exchange that ended at `finished_s` after `wait_s`."""
    return made.exchange(
        model=model,
        position=position,
        started_s=finished_s - wait_s,
        finished_s=finished_s,
        status=status,
        failure=failure,
    )


def test_nothing_gives_nothing() -> None:
    """Without traffic there is no place to show."""
    assert Traffic().view(100.0, {}) == ()


def test_a_steady_rate_is_shown_as_it_is() -> None:
    """Ten a second, whenever one looks: in the middle of a bucket, too."""
    traffic = Traffic()
    for number in range(2_000):
        traffic.observe(exchange(1_000.0 + number / 10))
    for now_s in (1_200.0, 1_198.3, 1_196.0):
        (view,) = traffic.view(now_s, {"candidate/serving": 3})
        assert view.in_flight == 3
        if now_s == 1_200.0:
            assert view.per_s == pytest.approx(10, rel=0.1)
            assert view.rates[-10:] == (10.0,) * 10
    assert len(traffic.view(1_200.0, {})[0].rates) == 200 / BUCKET_S


def test_a_start_is_not_shown_as_a_slow_minute() -> None:
    """Ten seconds after the first request the rate is over ten seconds, not sixty."""
    traffic = Traffic()
    for number in range(100):
        traffic.observe(exchange(1_000.0 + number / 10))
    assert traffic.view(1_010.0, {})[0].per_s == pytest.approx(10, rel=0.05)


def test_traffic_that_stopped_fades_to_nothing() -> None:
    """A minute after the last request there is no rate and no quantile, but still the past."""
    traffic = Traffic()
    traffic.observe(exchange(1_000.0))
    (view,) = traffic.view(1_100.0, {})
    assert view.per_s == 0
    assert (view.error_share, view.p50_s, view.p99_s) == (None, None, None)
    assert view.rates[0] > 0
    assert view.p50s_s[-1] is None


def test_quantiles_are_within_a_fifth() -> None:
    """Log buckets of 20 % give quantiles of 20 %."""
    traffic = Traffic()
    for number in range(1_000):
        traffic.observe(exchange(1_000.0 + number / 100, wait_s=(number + 1) / 1_000))
    (view,) = traffic.view(1_010.0, {})
    assert view.p50_s == pytest.approx(0.5, rel=0.2)
    assert view.p95_s == pytest.approx(0.95, rel=0.2)
    assert view.p99_s == pytest.approx(0.99, rel=0.2)


def test_server_errors_and_failures_count_clients_that_left_do_not() -> None:
    """4xx answers and clients that went away are not the model's errors."""
    traffic = Traffic()
    traffic.observe(exchange(1_000.0, status=500))
    traffic.observe(exchange(1_000.0, status=0, failure=Failure.TIMEOUT))
    traffic.observe(exchange(1_000.0, status=404))
    traffic.observe(exchange(1_000.0, status=0, failure=Failure.CLIENT_GONE))
    (view,) = traffic.view(1_001.0, {})
    assert view.error_share == 0.5
    assert traffic.view(1_006.0, {})[0].errors == (2,)


def test_late_records_go_where_they_belong_and_old_ones_nowhere() -> None:
    """A record a few seconds late joins its bucket; one older than the ring changes nothing."""
    traffic = Traffic()
    traffic.observe(exchange(1_000.0))
    traffic.observe(exchange(1_006.0))
    traffic.observe(exchange(1_001.0))
    traffic.observe(exchange(500.0))
    assert traffic.view(1_010.0, {})[0].rates == (2 / BUCKET_S, 1 / BUCKET_S)


def test_the_ring_is_bounded() -> None:
    """An hour of traffic shows the last buckets only."""
    traffic = Traffic()
    for number in range(3_600):
        traffic.observe(exchange(float(number)))
    (view,) = traffic.view(3_600.0, {})
    assert len(view.rates) == len(view.p99s_s) == len(view.errors) == N_BUCKETS


def test_serving_is_shown_before_shadow() -> None:
    """After a switch both places of a model are there, serving ones first."""
    traffic = Traffic()
    traffic.observe(exchange(1_000.0, position=Position.SHADOW))
    traffic.observe(exchange(1_000.0, model=Model.STABLE))
    traffic.observe(exchange(1_000.0))
    assert [(view.model, view.position) for view in traffic.view(1_001.0, {})] == [
        (Model.CANDIDATE, Position.SERVING),
        (Model.STABLE, Position.SERVING),
        (Model.CANDIDATE, Position.SHADOW),
    ]
