"""Logs: JSON lines that never stop the process."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import logs
from proxy.telemetry.settings import LogSettings


@pytest.fixture
def target(tmp_path: Path) -> Iterator[tuple[logs.QueueWriter, logging.Logger, Path]]:
    """Give a writer into a file, a logger that uses only it, and the file."""
    path = tmp_path / "log"
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    writer = logs.QueueWriter(file, max_lines=100)
    writer.setFormatter(logs.JsonFormatter("watcher"))
    logger = logging.Logger("under.test")  # noqa: LOG001  # apart from the tree of real loggers
    logger.addHandler(writer)
    yield writer, logger, path
    writer.close()
    os.close(file)


def lines_of(path: Path) -> list[dict[str, object]]:
    """Read the JSON lines of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_one_json_object(
    target: tuple[logs.QueueWriter, logging.Logger, Path],
) -> None:
    """Message, level, process and extras are fields; a newline in the message stays inside."""
    writer, logger, path = target
    logger.warning("two\nlines and %d", 3, extra={"alarm": "errors", "n": 4, "path": path})
    writer.close()
    (line,) = lines_of(path)
    assert line["message"] == "two\nlines and 3"
    assert (line["level"], line["process"], line["logger"]) == ("WARNING", "watcher", "under.test")
    assert (line["alarm"], line["n"], line["path"]) == ("errors", 4, str(path))
    assert str(line["at_utc"]).endswith("Z")


def test_an_error_carries_its_traceback(
    target: tuple[logs.QueueWriter, logging.Logger, Path],
) -> None:
    """`exc_info` becomes the field `error`."""
    writer, logger, path = target
    try:
        raise ValueError("of this")  # noqa: TRY301  # a traceback is what is tested
    except ValueError:
        logger.exception("because")
    writer.close()
    assert "ValueError: of this" in str(lines_of(path)[0]["error"])


def test_broken_text_and_broken_arguments_do_no_harm(
    target: tuple[logs.QueueWriter, logging.Logger, Path],
) -> None:
    """A lone surrogate is replaced, a format that does not fit is dropped and counted."""
    writer, logger, path = target
    logger.warning("bad \udcff text")
    logger.warning("one %s and another %s", *["only"])
    logger.warning("x" * 100_000)
    writer.close()
    lines = lines_of(path)
    assert lines[0]["message"] == "bad ? text"
    assert writer.n_dropped == 1
    assert any(len(str(line["message"])) == logs.MAX_TEXT for line in lines)


def test_a_full_pipe_drops_lines_and_says_so_later() -> None:
    """With nobody reading, log calls return, drops are counted, and the loss is told afterwards."""
    reader, file = os.pipe()
    writer = logs.QueueWriter(file, max_lines=50)
    writer.setFormatter(logs.JsonFormatter("relay"))
    logger = logging.Logger("full")  # noqa: LOG001  # apart from the tree of real loggers
    logger.addHandler(writer)
    n_lines = 2_000
    for number in range(n_lines):
        logger.warning("line %d %s", number, "x" * 200)
    assert writer.n_dropped > 0
    raw = bytearray()

    def read() -> None:
        while part := os.read(reader, 65536):
            raw.extend(part)

    thread = threading.Thread(target=read)
    thread.start()
    writer.close(timeout_s=30)
    os.close(file)
    thread.join()
    os.close(reader)
    messages = [json.loads(line)["message"] for line in raw.splitlines()]
    # Lines that still waited may come behind it.
    assert [m for m in messages if m.startswith("dropped ")][-1:] == [
        f"dropped {writer.n_dropped} log lines"
    ]
    assert len([m for m in messages if m.startswith("line ")]) == n_lines - writer.n_dropped


def test_a_process_with_a_stuck_log_exits() -> None:
    """A pipe that is full and never read does not keep the process from ending."""
    program = (
        "import logging\n"
        "from proxy import logs\n"
        "logs.start('watcher')\n"
        "for n in range(5000): logging.error('x' * 500)\n"
        "print('end', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"end\n"
    assert process.wait(timeout=60) == 0
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()


def test_start_takes_over_the_root_logger(tmp_path: Path) -> None:
    """After `start`, every logger writes through the queue, at the level of the settings."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    path = tmp_path / "log"
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    writer = logs.start("supervisor", level="WARNING", file=file)
    try:
        logging.getLogger("some.where").info("too quiet")
        logging.getLogger("some.where").error("loud enough")
    finally:
        writer.close()
        os.close(file)
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(capture=False)
    assert [line["message"] for line in lines_of(path)] == ["loud enough"]


def test_an_unknown_level_is_refused() -> None:
    """The settings name the levels that exist."""
    with pytest.raises(ValueError, match="LOUD"):
        LogSettings(level="LOUD")
