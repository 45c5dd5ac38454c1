"""Damaged configurations: always told, never a stack trace, and never a secret in what is said."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

import pytest

from proxy import config
from proxy.config import ConfigError, Loaded

SECRETS = {
    "admin-token": "aaaa-0123456789-0123456789-0123456789",
    "redact-key": "bbbb-the-key-of-the-hash",
    "receiver-path": "cccc-T0/B0/path",
    "receiver-token": "dddd-bearer",
    "receiver-secret": "eeee-signing",
    "routing-key": "ffff-integration",
    "step-path": "gggg-hook",
    "undo-path": "hhhh-undo",
    "parameter": "iiii-api",
}
TEXT = f"""\
listen: {{host: 127.0.0.1, port: 8100, workers: 2, trusted_proxies: [10.0.0.0/8]}}
models:
  candidate: &model
    name: churn-v7
    url: http://127.0.0.1:8080
    health: /v2/health/ready
    tls: {{ca: ca.pem, verify: true}}
  stable: *model
admin:
  token: {SECRETS["admin-token"]}
  allowed_hosts: [a.example, .b.example]
payload:
  paths: {{"^/score$": kserve_v2}}
capture:
  max_rows_per_s: 100.5
  redact:
    key: {SECRETS["redact-key"]}
    columns: {{name: mask}}
benchmark: benchmark.json
mirror: {{fraction: 0.1, strip_credentials: yes}}
monitors:
  tick_s: 5
  input: {{weights: {{age: 2, token: 3}}, ignore: [id]}}
alarms: {{hold_s: 60}}
policy:
  ladders:
    errors: [alert, expand, "expand:more", downgrade, "escalate:duty"]
    schema: []
capacity:
  steps:
    - name: more
      url: https://scale.example/{SECRETS["step-path"]}
      undo_url: https://scale.example/{SECRETS["undo-path"]}
      body: {{api_key: {SECRETS["parameter"]}, replicas: 2}}
alerts:
  receivers:
    - name: chat
      type: slack
      url: https://hooks.example/{SECRETS["receiver-path"]}
      token: {SECRETS["receiver-token"]}
      secret: {SECRETS["receiver-secret"]}
    - name: duty
      type: pagerduty
      url: https://events.example/v2/enqueue
      routing_key: {SECRETS["routing-key"]}
  escalation:
    - receivers: [duty]
      wait_s: 60
state: {{dir: state}}
telemetry:
  log: {{level: INFO}}
"""
PIECES = (
    *("{", "}", "[", "]", ": ", "- ", "&a ", "*a", "*model", "<<: *model", "!!int ", "'", '"', "#"),
    *("\0", "\ud800", "\x85", "\t", "\n", "é", "~", ".inf", ".nan", "1e999", "-1", "9" * 30, "yes"),
    *(
        "${env:NONE}",
        "${file:/nowhere}",
        "${file:.}",
        "\\",
        "null",
        "(",
        "http://[::1",
        "2026-13-45",
    ),
)
OFTEN = 200
"""Damaged texts in all. Tens of thousands were tried once."""


def load(folder: Path, text: str, environment: dict[str, str] | None = None) -> Loaded:
    """Load a configuration from a file, whatever bytes it has."""
    path = folder / "c.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return config.load(path, environment or {})


def mutated(text: str, dice: random.Random) -> str:
    """Give the text with one to three pieces put in, taken out, doubled, or moved."""
    for _ in range(dice.randint(1, 3)):
        at, to = sorted(dice.choices(range(len(text) + 1), k=2))
        to = min(to, at + dice.randint(1, 60))
        lines = text.splitlines(keepends=True)
        match dice.randrange(5):
            case 0:
                text = text[:at] + dice.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[to:]
            case 2:
                text = text[:to] + text[at:to] + text[to:]
            case 3 if lines:
                one = lines.pop(dice.randrange(len(lines)))
                lines.insert(dice.randrange(len(lines) + 1), one)
                text = "".join(lines)
            case _:
                text = text[:at] + dice.choice(PIECES) + text[to:]
    return text


def leaked(text: str) -> list[str]:
    """Give the names of the secrets that stand in a text."""
    return [name for name, secret in SECRETS.items() if secret[:4] in text]


def test_the_text_that_is_damaged_is_good(tmp_path: Path) -> None:
    """Else the mutations below would prove nothing; and it holds every secret that may leak."""
    found = load(tmp_path, TEXT)
    assert found.config.models.stable == found.config.models.candidate
    assert leaked(TEXT) == list(SECRETS)


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_configuration_is_told_and_nothing_else(tmp_path: Path, seed: int) -> None:
    """It loads or is a `ConfigError` whose lines can be printed; a loaded one starts its relays."""
    dice = random.Random(seed)
    n_told = 0
    for _ in range(OFTEN // 4):
        try:
            found = load(tmp_path, mutated(TEXT, dice))
        except ConfigError as error:
            n_told += 1
            str(error).encode()  # what cannot be written down cannot be told
        else:
            found.relay_settings(0, tmp_path / "link", tmp_path / "routing")
            assert found.state_dir.is_absolute()
            json.dumps(found.shown())
    assert n_told > OFTEN // 16


def misplaced(name: str) -> str:
    """Give the text with one secret value where another kind of value belongs, or wrongly typed."""
    return TEXT.replace(SECRETS[name], f"[{SECRETS[name]}]")


@pytest.mark.parametrize("name", list(SECRETS))
def test_no_secret_is_told_with_a_mistake_beside_it(tmp_path: Path, name: str) -> None:
    """Neither when the value itself is wrong nor when something around it is."""
    section = f"alerts: {{receivers: ['https://x/{SECRETS[name]}']}}\n"
    texts = [
        misplaced(name),
        TEXT.replace("wait_s: 60", "wait_s: never").replace("type: slack", "type: pigeon"),
        "models: {candidate: {url: 'http://127.0.0.1:1'}}\n" + section,
        f"models: {{candidate: {{url: 'http://me:{SECRETS[name]}@127.0.0.1:1'}}}}\n",
        f"models: {SECRETS[name]}\nadmin: {SECRETS[name]}\n",
    ]
    for text in texts:
        with suppress(ConfigError):
            assert leaked(json.dumps(load(tmp_path, text).shown())) == []
            continue
        with pytest.raises(ConfigError) as caught:
            load(tmp_path, text)
        assert leaked(str(caught.value)) == []


def test_what_is_shown_holds_none_of_the_secrets(tmp_path: Path) -> None:
    """Tokens, keys, addresses of receivers and parameters with a telling name are hidden."""
    shown = load(tmp_path, TEXT).shown()
    assert leaked(json.dumps(shown)) == []
    text = json.dumps(shown)
    assert text.count("(hidden)") == len(SECRETS) + 1  # and PagerDuty's address
    assert '"replicas": 2' in text
    assert '"token": 3.0' in text  # the weight of a column of that name


def test_a_reference_is_shown_as_it_was_written(tmp_path: Path) -> None:
    """Whatever its key is called, what came from a file or a variable is not shown."""
    (tmp_path / "host").write_text("inner-host-name", "utf-8")
    text = "models: {candidate: {url: 'http://${file:host}:1', name: '${env:NAME}'}}"
    found = load(tmp_path, text, {"NAME": "a-name"})
    assert found.config.models.candidate.address == ("inner-host-name", 1)
    shown = json.dumps(found.shown())
    assert "http://${file:host}:1" in shown
    assert "inner-host-name" not in shown
    assert "a-name" not in shown


def test_a_reference_is_not_told_with_a_mistake(tmp_path: Path) -> None:
    """A secret of the wrong kind is told by its key only."""
    text = "models: {candidate: {url: 'http://h:1'}}\nmirror: {fraction: '${env:S}'}\n"
    with pytest.raises(ConfigError, match=r"mirror.fraction: .*got '\(hidden\)'"):
        load(tmp_path, text, {"S": "s3cret"})


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("policy: {ladders: {errors: [alert, 'escalate:me']}}", "policy.ladders.errors[1]: 'escal"),
        ("policy: {ladders: {latency: ['expand:x']}}", "names no capacity step; there is none"),
        ("listen: {grace_s: .inf}", "listen.grace_s: input should be a finite number"),
        ("mirror: {fraction: .nan}", "mirror.fraction: input should be a finite number"),
        ("listen: {max_connections: 99999999999999999999}", "listen.max_connections: is larger"),
        ("models: {candidate: {url: 'http://h:99999'}}", "give http://HOST:PORT"),
        ("models: {candidate: {url: 'http://h:x'}}", "give http://HOST:PORT"),
    ],
)
def test_what_would_fail_later_is_told_now(tmp_path: Path, section: str, told: str) -> None:
    """A name that leads nowhere, or a number no relay can be given, does not wait for its hour."""
    text = (
        section
        if section.startswith("models")
        else f"models: {{candidate: {{url: 'http://h'}}}}\n{section}"
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert told in str(caught.value)


def test_a_ladder_may_name_what_is_there(tmp_path: Path) -> None:
    """The same rung is fine once the receiver exists, and the message lists those that do."""
    assert load(tmp_path, TEXT).config.policy.ladders
    with pytest.raises(
        ConfigError, match="'escalate:dut' names no receiver; there are: chat, duty"
    ):
        load(tmp_path, TEXT.replace("escalate:duty", "escalate:dut"))


def test_two_configurations_behave_alike_only_when_all_they_name_is_alike(tmp_path: Path) -> None:
    """A rotated secret or a new benchmark under the same name is a change."""
    (tmp_path / "token").write_text("x" * 40, "utf-8")
    text = TEXT.replace(SECRETS["admin-token"], "${file:token}")
    first = load(tmp_path, text)
    assert first.behaves_like(load(tmp_path, text))
    (tmp_path / "token").write_text("y" * 40, "utf-8")
    rotated = load(tmp_path, text)
    assert not first.behaves_like(rotated)
    (tmp_path / "benchmark.json").write_text("{}", "utf-8")
    assert not rotated.behaves_like(load(tmp_path, text))
