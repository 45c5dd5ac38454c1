"""What is documented is what is exported: docs/metrics.md, the catalogue and a real exposition."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from shutil import which

import pytest
from prometheus_client.parser import text_string_to_metric_families

import made
from proxy.records import AlarmName, AlarmState, Failure, Model, Position
from proxy.telemetry import catalogue
from proxy.telemetry.desk import ProcessVitals
from proxy.telemetry.door import supervisor_lines
from proxy.telemetry.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "metrics.md"
FAMILIES = (*catalogue.BY_WATCHER, *catalogue.BY_SUPERVISOR)

EXCHANGE = made.exchange(failure=Failure.TRUNCATED, failed_over=True, replayed=True)


class Supervisor:
    """What the door asks a supervisor for its metrics."""

    def processes(self) -> dict[str, ProcessVitals]:
        """Give one process."""
        return {"watcher": ProcessVitals(up=True, restarts=0)}

    def reloaded(self) -> bool:
        """Give that the last configuration is in force."""
        return True


def documented() -> dict[str, tuple[str, tuple[str, ...], str]]:
    """Give kind, labels and meaning by the name of the metric, from the tables of the page."""
    rows: dict[str, tuple[str, tuple[str, ...], str]] = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `stablehand_"):
            name, kind, labels, meaning = cells
            assert name not in rows, f"{name} is explained twice"
            rows[name.strip("`")] = (kind, tuple(re.findall(r"\w+", labels)), meaning)
    return rows


def exposition() -> str:
    """Give what a door would give: the watcher's metrics and the supervisor's behind them."""
    metrics = Metrics(version="1", config_sha256="0")
    metrics.observe(EXCHANGE)
    own = supervisor_lines(Supervisor(), openmetrics=False)  # type: ignore[arg-type]  # half of it
    return metrics.render()[0].decode() + own.decode()


def test_documented_is_exported() -> None:
    """Every family of a real exposition has its row on the page, with its kind, and none more."""
    exported = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(exposition())
    }
    assert exported == {name: kind for name, (kind, _, _) in documented().items()}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_labels_are_documented_in_their_order(family: catalogue.Family) -> None:
    """Kind and labels on the page are those of the catalogue, and the meaning is a sentence."""
    kind, labels, meaning = documented()[family.name]
    assert kind == family.kind.value
    assert labels == family.labels
    assert meaning.endswith(".")


def test_closed_sets_of_labels_are_written_out() -> None:
    """A new alarm, state or failure is told on the page as well."""
    page = PAGE.read_text("utf-8")
    for word in (*AlarmName, *AlarmState, *Failure, *Model, *Position):
        assert f"`{word}`" in page, word


def test_the_page_links_to_files_that_exist() -> None:
    """No link into the void."""
    for target in re.findall(r"\]\((\.\./[^)#]+)\)", PAGE.read_text("utf-8")):
        assert (PAGE.parent / target).exists(), target


@pytest.mark.slow
def test_promtool_finds_nothing_to_complain_about() -> None:
    """Prometheus' own linter accepts names, help and units."""
    if which("promtool") is None:
        pytest.skip("no promtool here")
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=exposition(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stdout + done.stderr
