"""The Grafana dashboard asks for what exists, in queries that Prometheus can parse."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from proxy.telemetry import catalogue
from proxy.telemetry.catalogue import Kind

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = json.loads((ROOT / "config" / "grafana-dashboard.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
FAMILIES = {family.name: family for family in (*catalogue.BY_WATCHER, *catalogue.BY_SUPERVISOR)}
FROM_SCRAPE = {"namespace", "pod", "job", "instance", "le"}


def queries() -> list[str]:
    """Give every PromQL query: of panels, annotations and variables."""
    return [
        *(target["expr"] for panel in PANELS for target in panel["targets"]),
        *(one["expr"] for one in DASHBOARD["annotations"]["list"]),
    ]


def family_of(series: str) -> catalogue.Family | None:
    """Give the family of a series' name; a histogram's may end in `_bucket`, `_sum`, `_count`."""
    if series in FAMILIES and FAMILIES[series].kind is not Kind.HISTOGRAM:
        return FAMILIES[series]
    family = FAMILIES.get(re.sub(r"_(bucket|sum|count)$", "", series))
    return family if family is not None and family.kind is Kind.HISTOGRAM else None


@pytest.mark.parametrize("query", queries())
def test_a_query_names_metrics_and_labels_that_exist(query: str) -> None:
    """Names are those of the catalogue; matchers and groupings use their labels only."""
    asked = re.findall(r"(stablehand_\w+)(?:\{([^}]*)\})?", query)
    assert asked
    allowed = set(FROM_SCRAPE)
    for name, matchers in asked:
        family = family_of(name)
        assert family is not None, f"{name} is not exported"
        allowed |= set(family.labels)
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert labels <= set(family.labels) | FROM_SCRAPE, f"{name}{{{matchers}}}"
    for grouping in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        assert set(re.findall(r"\w+", grouping)) <= allowed


def test_every_metric_for_people_is_on_the_dashboard() -> None:
    """What is exported is shown, but for the figures that only say what is running."""
    shown = {
        family_of(name) for query in queries() for name in re.findall(r"stablehand_\w+", query)
    }
    left_out = {family.name for family in FAMILIES.values() if family not in shown}
    assert left_out == {
        "stablehand_build_info",
        "stablehand_config_reload_success",
        "stablehand_time_to_first_byte_seconds",
    }


def test_variables_ask_for_metrics_that_exist() -> None:
    """Namespace and pod come from `stablehand_build_info`, and may be missing outside a cluster."""
    variables = [one for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    assert {one["name"] for one in variables} == {"namespace", "pod"}
    for one in variables:
        (name,) = re.findall(r"stablehand_\w+", one["definition"])
        assert name in FAMILIES
        assert one["allValue"] == ".*"


def test_the_dashboard_is_whole() -> None:
    """Ids are unique, panels do not overlap, each has a title, a description and a data source."""
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, two in combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        beside = one["x"] + one["w"] <= two["x"] or two["x"] + two["w"] <= one["x"]
        below = one["y"] + one["h"] <= two["y"] or two["y"] + two["h"] <= one["y"]
        assert beside or below, (one, two)


@pytest.mark.slow
def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    """`promtool` accepts each query, with Grafana's variables filled in."""
    if shutil.which("promtool") is None:
        pytest.skip("no promtool here")
    filled = [
        query.replace("$__rate_interval", "5m").replace("$namespace", ".*").replace("$pod", ".*")
        for query in queries()
    ]
    rules = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(filled)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), "utf-8")
    done = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
