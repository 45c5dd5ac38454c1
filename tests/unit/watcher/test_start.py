"""A watcher is started with what is in force, or says why not before there is a log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.watcher.start import main


def test_a_bad_configuration_is_told_without_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with the lines of the configuration's mistakes; `--check` of a good one is silent."""
    path = tmp_path / "c.yaml"
    path.write_text("models: {}\n", "utf-8")
    assert main([str(path)]) == 2
    assert f"{path}:1: models.candidate: is required" in capsys.readouterr().err
    path.write_text("models: {candidate: {url: 'http://h'}}\n", "utf-8")
    assert main([str(path), "--check"]) == 0
    assert capsys.readouterr().err == ""


def test_the_text_in_force_goes_before_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands in the file by now was never put into force."""
    path = tmp_path / "c.yaml"
    path.write_text("broken: [", "utf-8")
    file = os.memfd_create("text")
    os.write(file, b"models: {candidate: {url: 'http://h'}}\n")
    os.lseek(file, 0, os.SEEK_SET)
    assert main([str(path), "--check", "--text-fd", str(file)]) == 0
    assert capsys.readouterr().err == ""
