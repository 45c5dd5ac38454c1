"""The image is made of what it should be, and of nothing else."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
LAST_STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def copied() -> list[str]:
    """Give the paths that the image takes from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_hadolint_has_nothing_to_say() -> None:
    """The linter of Dockerfiles finds no fault."""
    tool = Path(sys.executable).with_name("hadolint")
    answer = subprocess.run(
        [tool, ROOT / "Dockerfile"], capture_output=True, check=False, text=True
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_what_is_copied_reaches_the_builder() -> None:
    """Each source exists and is let through by .dockerignore, which lets nothing else through."""
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    assert sorted(copied()) == sorted(kept)
    assert all((ROOT / source).exists() for source in copied())


def test_the_process_is_not_root_and_needs_no_shell() -> None:
    """User 65532, and start commands in exec form, so that signals reach the supervisor."""
    assert "\nUSER 65532:65532\n" in LAST_STAGE
    for word in ("ENTRYPOINT", "CMD"):
        found = re.search(rf"^{word} (\[.*\])$", LAST_STAGE, re.MULTILINE)
        assert found is not None, f"{word} is not in exec form"
        assert json.loads(found[1])


def test_only_hashed_packages_are_installed() -> None:
    """Each installation names a lock with hashes, or the wheel made in the step before."""
    installs = re.findall(r"pip[^&]*? install([^&]*)", DOCKERFILE.replace("\\\n", " "))
    assert len(installs) == 3
    assert all("--require-hashes" in text or "--no-deps /build/dist/" in text for text in installs)


def test_the_memory_of_large_bodies_is_kept() -> None:
    """The malloc settings are in force, and small enough for the relay's share of the limit."""
    values = {name: int(value) for name, value in re.findall(r"(MALLOC_\w+)=(\d+)", LAST_STAGE)}
    assert set(values) == {
        "MALLOC_ARENA_MAX",
        "MALLOC_MMAP_THRESHOLD_",
        "MALLOC_TRIM_THRESHOLD_",
        "MALLOC_TOP_PAD_",
    }
    assert values["MALLOC_TRIM_THRESHOLD_"] <= 32 * 1024 * 1024


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as the image does, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    answer = subprocess.run(
        [*command, "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_its_licence(wheel: Path) -> None:
    """Every tracked file of the package is in it, with the licence and the command."""
    names = zipfile.ZipFile(wheel).namelist()
    listing = subprocess.run(
        ["git", "ls-files", "proxy"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split()
    missing = [name for name in listing if (ROOT / name).exists() and name not in names]
    assert not missing
    assert any(fnmatch.fnmatch(name, "*.dist-info/licenses/LICENSE") for name in names)
    (entry,) = [name for name in names if name.endswith("entry_points.txt")]
    assert "stablehand = proxy.cli:main" in zipfile.ZipFile(wheel).read(entry).decode()
