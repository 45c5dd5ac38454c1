"""The alerting rules outside Kubernetes: the same as inside, and each fires when it should."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "config" / "prometheus-rules.yml"
OPERATOR_RULES = ROOT / "k8s" / "components" / "monitoring" / "prometheus-rule.yaml"
RULE_TESTS = ROOT / "tests" / "deploy" / "prometheus-rules-test.yml"


def test_both_files_hold_the_same_rules() -> None:
    """Whoever runs the operator and whoever does not get the same alerts."""
    plain = yaml.safe_load(RULES.read_text("utf-8"))
    assert plain == yaml.safe_load(OPERATOR_RULES.read_text("utf-8"))["spec"]


def test_every_alert_has_a_test_of_firing_and_of_silence() -> None:
    """A rule without series that make it fire, and series that must not, is a guess."""
    names = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    }
    cases = [
        case
        for test in yaml.safe_load(RULE_TESTS.read_text("utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == names


@pytest.mark.slow
def test_the_alerts_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    """`promtool` runs the rules over time series of good and bad minutes."""
    if shutil.which("promtool") is None:
        pytest.skip("no promtool here")
    shutil.copy(RULES, tmp_path / "rules.yml")
    shutil.copy(RULE_TESTS, tmp_path / "tests.yml")
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "tests.yml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
