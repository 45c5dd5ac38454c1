"""The one door and what stands around it: Makefile, CI, hooks, locks, links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from proxy import __version__

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")


def pages() -> list[Path]:
    """Give the documentation: all Markdown files that git tracks."""
    listing = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [ROOT / name for name in listing.stdout.split() if (ROOT / name).exists()]


def prose(page: Path) -> str:
    """Give a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Give the fragments that a page's headings can be reached by."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {text.strip().replace(" ", "-") for text in plain}


def requirements(lock: str) -> dict[str, str]:
    """Give the pinned packages of a lock with all that is said about each."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return {line.split("==")[0]: line for line in lines}


def test_the_ci_script_is_executable_and_sound() -> None:
    """Bash's linter finds no fault in it, and the runner may start it."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    tool = Path(sys.executable).with_name("shellcheck")
    answer = subprocess.run([tool, script], capture_output=True, check=False, text=True)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    "target",
    [
        "demo",
        "test",
        "check",
        "slow",
        "power",
        "servers",
        "bench",
        "docs",
        "image",
        "lock",
        "clean",
    ],
)
def test_the_one_door_has_every_target(target: str) -> None:
    """`make -n` knows it, and `make help` explains it."""
    answer = subprocess.run(
        ["make", "-n", target], cwd=ROOT, capture_output=True, check=False, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert re.search(rf"^{target}:.*## \w+", MAKEFILE, re.MULTILINE)


def test_a_commit_is_checked_by_what_make_check_runs() -> None:
    """The hooks and `make check` are the same list."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    entries = [hook["entry"] for repo in hooks["repos"] for hook in repo["hooks"]]
    found = re.search(r"^check: (.+) ##", MAKEFILE, re.MULTILINE)
    assert found is not None
    assert entries == [f"make {target}" for target in found[1].split()]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_by_hash_and_names_no_index(lock: str) -> None:
    """Whoever installs gets exactly these files, from whatever index is theirs."""
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    for name, line in requirements(lock).items():
        assert "--hash=sha256:" in line, f"{name} has no hash"


def test_the_locks_hold_what_is_declared_and_agree() -> None:
    """Each dependency of pyproject.toml is pinned, and never in two versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    run, dev, build = (requirements(lock) for lock in LOCKS)
    declared = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["codings"],
    ]
    names = {re.split(r"[<>=\[ ]", text)[0].lower() for text in declared}
    assert names <= run.keys()
    for pinned in (run, build):
        versions = {name: line.split()[0] for name, line in pinned.items()}
        assert versions == {name: dev[name].split()[0] for name in versions}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links name a file that exists, and a heading in it."""
    for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", prose(page)):
        link = "".join(target)
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, fragment = link.partition("#")
        aimed = (page.parent / path).resolve() if path else page
        assert aimed.exists(), f"{link} in {page.name}"
        if fragment and aimed.suffix == ".md":
            assert fragment in anchors(aimed), f"{link} in {page.name}"


def test_the_changelog_knows_this_version() -> None:
    """The version of the package has its section, or is still unreleased."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]" in text or f"## [{__version__}]" in text
    assert "keepachangelog.com" in text


def test_the_licence_is_the_one_declared() -> None:
    """The full text of the Apache licence, version 2.0."""
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
