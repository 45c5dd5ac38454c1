"""The alerts for Prometheus ask for metrics that exist, and each has its page in the runbook."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.telemetry import catalogue

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "k8s" / "components" / "monitoring" / "prometheus-rule.yaml"


def specification() -> dict[str, Any]:
    """Give the groups of rules as Prometheus reads them."""
    found: dict[str, Any] = yaml.safe_load(RULES.read_text("utf-8"))["spec"]
    return found


def alerts() -> list[dict[str, Any]]:
    """Give the alerting rules."""
    return [rule for group in specification()["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_and_labels_that_exist(rule: dict[str, Any]) -> None:
    """A renamed metric would silence its alert without a word."""
    families = {
        family.name: set(family.labels)
        for family in vars(catalogue).values()
        if isinstance(family, catalogue.Family)
    }
    asked = re.findall(r"(stablehand_\w+)(?:\{([^}]*)\})?", rule["expr"])
    assert asked
    for name, matchers in asked:
        assert name in families, f"{name} is not exported"
        assert set(re.findall(r"(\w+)\s*[!=]", matchers)) <= families[name]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_has_its_page_in_the_runbook(rule: dict[str, Any]) -> None:
    """Whoever is woken at night finds the name as a heading in docs/operations.md."""
    runbook = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert f"### {rule['alert']}\n" in runbook
    assert rule["labels"]["severity"] in {"ticket", "warning", "critical"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]


@pytest.mark.slow
def test_prometheus_accepts_the_rules(tmp_path: Path) -> None:
    """`promtool` parses every expression and template."""
    plain = tmp_path / "rules.yml"
    plain.write_text(yaml.safe_dump(specification()), "utf-8")
    answer = subprocess.run(
        ["promtool", "check", "rules", str(plain)], capture_output=True, check=False, text=True
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
