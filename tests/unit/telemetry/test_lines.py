"""Lines: routes stay bounded over all models and positions."""

from __future__ import annotations

import made
from proxy.records import Exchange, Model
from proxy.telemetry import catalogue as of
from proxy.telemetry.lines import Lines
from proxy.telemetry.settings import MetricsSettings


def exchange(route: str, model: Model = Model.CANDIDATE) -> Exchange:
    """Make a short exchange on a route."""
    return made.exchange(model=model, route=route)


def routes_of(lines: Lines) -> dict[tuple[str, str], float]:
    """Give requests by model and route."""
    found: dict[tuple[str, str], float] = {}
    for (model, _, route, _), value in lines.series()[of.REQUESTS.name]:
        assert isinstance(value, int)
        found[model, route] = value
    return found


def test_a_route_known_for_one_model_is_known_for_the_other() -> None:
    """The bound counts routes, not series: after a switch the same routes go on."""
    lines = Lines(MetricsSettings(max_routes=1))
    lines.observe(exchange("/a"))
    lines.observe(exchange("/b"))
    lines.observe(exchange("/a", Model.STABLE))
    lines.observe(exchange("/c", Model.STABLE))
    assert routes_of(lines) == {
        ("candidate", "/a"): 1,
        ("candidate", "other"): 1,
        ("stable", "/a"): 1,
        ("stable", "other"): 1,
    }
    assert lines.n_folded == {"route": 2}


def test_other_itself_takes_no_place() -> None:
    """The relay's own `other` does not use up the bound and is not counted as folded."""
    lines = Lines(MetricsSettings(max_routes=1))
    lines.observe(exchange("other"))
    lines.observe(exchange("/a"))
    assert ("candidate", "/a") in routes_of(lines)
    assert lines.n_folded == {"route": 0}
