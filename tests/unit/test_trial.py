"""What a benchmark's file can be wrong in is told in one line, by a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config import ConfigError, Loaded, load
from proxy.trial import benchmark_trouble, certified_names, load_sound, strangers

MINIMAL = "models: {candidate: {url: 'http://127.0.0.1:1'}}\n"


def loaded(folder: Path, more: str = "") -> Loaded:
    """Load a configuration from a file."""
    path = folder / "c.yaml"
    path.write_text(MINIMAL + more, "utf-8")
    return load(path, {})


def test_what_is_no_host_name_is_told_with_its_line(tmp_path: Path) -> None:
    """The relay could never connect to it; addresses and names of any script pass."""
    path = tmp_path / "c.yaml"
    path.write_text("models:\n  candidate: {url: 'http://model..svc:80'}\n", "utf-8")
    with pytest.raises(ConfigError) as refused:
        load_sound(path)
    assert str(refused.value) == f"{path}:2: models.candidate.url: 'model..svc' is no host name"
    for host in ("[::1]", "127.0.0.1", "model.svc", "modèle.svc", "a_b"):
        path.write_text(f"models: {{candidate: {{url: 'http://{host}:80'}}}}\n", "utf-8")
        load_sound(path)


def test_a_benchmark_of_another_model_is_told(tmp_path: Path) -> None:
    """Names are all that a file can tell; a role that was not certified says nothing."""
    found = loaded(tmp_path, "benchmark: b.json\n")
    assert certified_names(found) == {}
    (tmp_path / "b.json").write_text('{"version": 1, "models": {"candidate": "m-2", "x": "y"}}')
    names = certified_names(found)
    assert names == {"candidate": "m-2", "x": "y"}
    (told,) = strangers(names, found.config.models)
    assert "certified with 'm-2' as the candidate model, which is 'model' here" in told
    both = loaded(tmp_path, "  ").config.models
    assert strangers({"candidate": "model", "stable": "old"}, both) == []


def test_without_a_benchmark_nothing_is_wrong(tmp_path: Path) -> None:
    """None is configured, so none is missed."""
    assert benchmark_trouble(loaded(tmp_path)) == ""


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (None, "it cannot be read: No such file or directory; write it with `stablehand certify`"),
        (b"\xff\x00", "b.json: "),
        (b"[" * 100_000, "b.json: "),
    ],
    ids=["missing", "binary", "deep"],
)
def test_a_benchmark_that_cannot_be_used_is_one_line(
    tmp_path: Path, raw: bytes | None, told: str
) -> None:
    """With the file's name and what to do; no stack trace, whatever its bytes are."""
    if raw is not None:
        (tmp_path / "b.json").write_bytes(raw)
    trouble = benchmark_trouble(loaded(tmp_path, "benchmark: b.json\n"))
    assert trouble.startswith(str(tmp_path / "b.json"))
    assert told in trouble
    assert "\n" not in trouble
    assert "Error" not in trouble


def test_a_reader_that_was_killed_is_not_taken_for_a_good_benchmark(tmp_path: Path) -> None:
    """A process without the memory to read the file says nothing, and that is told."""
    found = loaded(tmp_path, "benchmark: b.json\n")
    found.path.unlink()  # the process ends with a mistake that is not the benchmark's
    assert "the configuration cannot be read" in benchmark_trouble(found)
