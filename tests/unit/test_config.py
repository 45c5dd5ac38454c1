"""The configuration as a whole: every mistake at once, secrets hidden, files found beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy import config
from proxy.config import ConfigError, Loaded
from proxy.relay.settings import Capture

MINIMAL = """\
models:
  candidate:
    url: http://127.0.0.1:8080
"""
FULL = """\
models:
  candidate:
    url: http://user-service:8080
  stable:
    url: http://stable:8080
admin:
  token: 0123456789abcdef0123456789abcdef
payload:
  paths: {/score: kserve_v2}
alerts:
  receivers:
    - name: chat
      type: slack
      url: https://hooks.example.com/T0/secret-path
      token: very-secret
"""


def loaded(folder: Path, text: str, environment: dict[str, str] | None = None) -> Loaded:
    """Load a configuration from a file."""
    path = folder / "c.yaml"
    path.write_text(text, "utf-8")
    return config.load(path, environment or {})


def mistakes(folder: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    """Give what is said about a configuration that cannot be used, without the folder."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, environment)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_three_lines_are_enough(tmp_path: Path) -> None:
    """Everything but the candidate's address has a default, and there is no stable model."""
    found = loaded(tmp_path, MINIMAL)
    assert found.config.listen.port == 8100
    assert not found.config.has_stable
    assert found.benchmark_path is None
    assert found.state_dir == tmp_path / "state"


def test_three_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Each with file, line and key, in the order of the file, and with what to do."""
    text = """\
models:
  candidate:
    urll: http://127.0.0.1:8080
mirror:
  fraction: 1.5
listen:
  port: many
"""
    told = mistakes(tmp_path, text)
    assert told[0] == "c.yaml:2: models.candidate.url: is required"
    assert told[1] == "c.yaml:3: models.candidate.urll: unknown key; did you mean 'url'?"
    assert told[2].startswith("c.yaml:5: mirror.fraction: input should be less than or equal to 1")
    assert told[2].endswith("got 1.5")
    assert told[3].startswith("c.yaml:7: listen.port: input should be a valid integer")
    assert len(told) == 4


def test_rules_across_fields_are_told_too(tmp_path: Path) -> None:
    """What a settings class refuses itself is reported at its section."""
    text = MINIMAL + "listen:\n  grace_s: 1\n  lame_duck_s: 5\n"
    (told,) = mistakes(tmp_path, text)
    assert told.startswith("c.yaml:4: listen: grace_s (1) must be longer than lame_duck_s (5)")


def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    """Whoever set it finds it."""
    (told,) = mistakes(tmp_path, MINIMAL, {"STABLEHAND__mirror__fraction": "lots"})
    assert told.startswith("STABLEHAND__mirror__fraction: mirror.fraction: ")


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    """And the hash tells the two configurations apart."""
    plain = loaded(tmp_path, MINIMAL)
    changed = loaded(tmp_path, MINIMAL, {"STABLEHAND__mirror__fraction": "0.5"})
    assert (plain.config.mirror.fraction, changed.config.mirror.fraction) == (0.05, 0.5)
    assert plain.sha256 != changed.sha256
    assert plain.sha256 == loaded(tmp_path, MINIMAL, {"HOME": "/"}).sha256


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (False, "the configuration cannot be read: No such file or directory"),
        (True, "the configuration cannot be read: it is not UTF-8 text"),
    ],
    ids=["missing", "binary"],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, told: str, *, write: bool) -> None:
    """With its name and the reason."""
    path = tmp_path / "c.yaml"
    if write:
        path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError) as caught:
        config.load(path, {})
    assert str(caught.value) == f"{path}: {told}"


def test_a_wrong_secret_is_not_repeated(tmp_path: Path) -> None:
    """A message about a secret says what is wrong without saying the secret."""
    text = MINIMAL + "admin:\n  token: [very-secret]\n"
    (told,) = mistakes(tmp_path, text)
    assert told.startswith("c.yaml:5: admin.token: ")
    assert "very-secret" not in told


def test_what_is_shown_holds_no_secret(tmp_path: Path) -> None:
    """Addresses of models are shown; tokens, and addresses that may carry a key, are not."""
    shown = json.dumps(loaded(tmp_path, FULL).shown(), default=str)
    assert "http://user-service:8080" in shown
    assert '"fraction": 0.05' in shown
    for secret in ("0123456789abcdef", "very-secret", "secret-path"):
        assert secret not in shown


def test_files_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    """A relative name means the same wherever the process was started."""
    found = loaded(tmp_path, MINIMAL + "benchmark: b/benchmark.json\nstate: {dir: /elsewhere}\n")
    assert found.benchmark_path == tmp_path / "b" / "benchmark.json"
    assert found.state_dir == Path("/elsewhere")


def test_a_relay_is_told_what_it_needs_and_no_more(tmp_path: Path) -> None:
    """Own paths go before the known ones, and how bodies are redacted is the watcher's business."""
    found = loaded(tmp_path, FULL)
    told = found.relay_settings(1, tmp_path / "link.sock", tmp_path / "routing.bin")
    assert told.worker == 1
    assert told.routes[0] == ("/score", "/score")
    assert len(told.routes) > 1
    assert type(told.capture) is Capture
    assert told.link_path == str(tmp_path / "link.sock")


def test_the_schema_describes_inherited_keys() -> None:
    """An editor explains `url` of a receiver although another class declares it."""
    definitions = config.schema()["$defs"]
    assert isinstance(definitions, dict)
    assert "configuration" in definitions["Receiver"]["properties"]["url"]["description"]
    assert definitions["Capture"]["properties"]["max_rows_per_s"]["description"]
