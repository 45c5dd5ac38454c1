"""Look at model servers and write a configuration to begin with: `stablehand init`.

A few GET requests tell which protocols a server speaks, what its model is called and which path
answers for its readiness. What was found stands in the file as comments, so that a person can judge
it; nothing else is decided here, for the defaults are meant to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from proxy.payload.protocols import ROUTES, Protocol
from proxy.relay.settings import Upstream

TIMEOUT: Final = aiohttp.ClientTimeout(total=5, connect=3)
MAX_BODY_BYTES: Final = 2 * 1024 * 1024
"""Longest answer that is read: OpenAPI documents of large applications reach a megabyte."""
MAX_PATHS: Final = 8
"""Paths of the server's own that are listed."""
MAX_WORD: Final = 60
"""Longest text of a server that is written down."""

HEALTH: Final = ("/v2/health/ready", "/readyz", "/health/ready", "/health", "/healthz", "/ping")
"""Asked in this order: paths that speak for the model go before those that speak for the server."""
NOWHERE: Final = "/stablehand-looks-whether-every-path-answers"

_INFERENCE: Final = re.compile(
    r"predict|infer|invoc|scor|classif|embed|generat|complet", re.IGNORECASE
)
_OK: Final = range(200, 300)


class InitError(Exception):
    """A model cannot be looked at, or the file not be written; the message says what to do."""


class AddressError(InitError):
    """What was given is no address of a model server, or the file is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at one model server brought."""

    url: str
    speaks: tuple[str, ...]
    """One sentence for each protocol that was found."""
    health: str | None
    """Path that answers for readiness. `None`: none does, or every path is answered."""
    names: tuple[str, ...]
    """Names of the models it serves."""
    own_paths: tuple[str, ...]
    """Paths that take POST and belong to no known protocol, as OpenAPI writes them."""


async def look(url: str) -> Seen:
    """Ask the model server at `url` who it is.

    Raises:
        AddressError: the url is not scheme, host and port.
        InitError: nobody answers there.
    """
    try:
        base = Upstream(url=url).url.rstrip("/")
    except ValueError as error:
        raise AddressError(str(error)) from error
    found: dict[str, object] = {}
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        for path in (NOWHERE, *HEALTH, "/v2", "/v1/models", "/openapi.json"):
            body = await _ask(session, base, path)
            if body is not None:
                found[path] = _json(body)
    health = next((path for path in HEALTH if path in found), None)
    names = tuple(_names(found.get("/v1/models")))
    return Seen(
        url=base,
        speaks=tuple(_protocols(found, names)),
        health=None if NOWHERE in found else health,
        names=names,
        own_paths=tuple(_own_paths(found.get("/openapi.json")))[:MAX_PATHS],
    )


async def _ask(session: aiohttp.ClientSession, base: str, path: str) -> bytes | None:
    """Give the body of an answer; `None` when there is none of this path.

    Raises:
        InitError: nobody listens there.
    """
    try:
        async with session.get(base + path, allow_redirects=False) as answer:
            if answer.status not in _OK:
                return None
            return await answer.content.read(MAX_BODY_BYTES)
    except aiohttp.ClientConnectorError as error:
        raise InitError(f"{base} does not answer ({error}); is the model running?") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        if path == NOWHERE:
            why = str(error) or type(error).__name__
            raise InitError(f"{base} does not speak HTTP ({why})") from error
        return None


def _json(body: bytes) -> object:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value


def _word(value: object) -> str:
    """Give a server's text as a word that is safe in a file: anything else is left out."""
    return re.sub(r"[^A-Za-z0-9 ._/:@+-]", "", value)[:MAX_WORD] if isinstance(value, str) else ""


def _names(listing: object) -> Iterator[str]:
    """Give the models of `/v1/models`: of OpenAI's `data`, or of KServe's `models`."""
    match listing:
        case {"data": [*models]}:
            found = [one.get("id") for one in models if isinstance(one, dict)]
        case {"models": [*models]}:
            found = [one.get("name") if isinstance(one, dict) else one for one in models]
        case _:
            found = []
    yield from filter(None, map(_word, found[:MAX_PATHS]))


def _protocols(found: Mapping[str, object], names: tuple[str, ...]) -> Iterator[str]:
    """Give a sentence for each protocol that the answers show."""
    listed = f", models: {', '.join(names)}" if names else ""
    match found.get("/v2"):
        case {"name": name}:
            yield f"Open Inference Protocol (KServe V2), server {_word(name)}"
    match found.get("/v1/models"):
        case {"data": [*_]}:
            yield f"OpenAI's API{listed}"
        case {"models": [*_]}:
            yield f"KServe V1{listed}"
    if "/ping" in found and "/v2" not in found and NOWHERE not in found:
        yield "/ping, as servers for SageMaker, MLflow and TorchServe have it"
    match found.get("/openapi.json"):
        case {"openapi": _, "info": {"title": title}}:
            yield f"OpenAPI, application {_word(title)}"


def _own_paths(description: object) -> Iterator[str]:
    """Give the POST paths of an OpenAPI document that no known protocol has."""
    match description:
        case {"paths": {**paths}}:
            known = [re.compile(pattern) for _, pattern in ROUTES]
            for path, methods in paths.items():
                if not isinstance(path, str):
                    continue
                is_post = isinstance(methods, dict) and "post" in methods
                # Braces stand for any segment; a known pattern takes any word there.
                plain = re.sub(r"\{[^}]*\}", "x", path)
                is_safe = re.fullmatch(r"/[A-Za-z0-9._~:/{}-]{0,200}", path) is not None
                if is_post and is_safe and not any(one.search(plain) for one in known):
                    yield path


def compose(candidate: Seen, stable: Seen | None) -> str:
    """Give the configuration as commented YAML."""
    lines = [
        "# Written by `stablehand init` after a look at the model. Every key is explained in",
        "# docs/configuration.md; what is not here has its default. Then:",
        "#   stablehand check FILE      tells every mistake at once",
        "#   stablehand run FILE        clients now use port 8100, people port 8101",
        "",
        "models:",
        *_model("candidate", candidate),
    ]
    if stable is None:
        lines += [
            "  # With a stable model answers can be compared, and traffic be led back:",
            "  # stable:",
            "  #   name: stable",
            "  #   url: http://127.0.0.1:8081",
        ]
    else:
        lines += _model("stable", stable)
    lines += _payload(candidate)
    lines += [
        "",
        "# What is normal is measured before deployment. Until then drift, agreement and latency",
        "# are shown but cannot alarm:",
        "#   stablehand certify FILE --reference rows.csv --requests requests.jsonl \\",
        "#     -o benchmark.json",
        "# benchmark: benchmark.json",
    ]
    if stable is not None:
        lines += [
            "",
            "mirror:",
            "  fraction: 0.05  # share of the requests that is copied to the model not serving",
            "",
            "# To see first what would be done, decide and tell but move no traffic:",
            "# policy:",
            "#   dry_run: true",
        ]
    lines += [
        "",
        "# Who is told when an alarm fires; see docs/alerts.md:",
        "# alerts:",
        "#   receivers:",
        "#     - name: chat",
        "#       type: slack",
        "#       url: ${file:slack-url}",
        "",
        "# In a pod the kubelet and Prometheus come from outside:",
        "# admin:",
        "#   host: 0.0.0.0",
        "#   token: ${file:admin-token}",
        "",
    ]
    return "\n".join(lines)


def _model(role: str, seen: Seen) -> Iterator[str]:
    yield f"  {role}:"
    for sentence in seen.speaks or ("nothing that is known",):
        yield f"    # Found there: {sentence}."
    name = seen.names[0] if len(seen.names) == 1 else role
    yield f"    name: {json.dumps(name)}"
    yield f"    url: {seen.url}"
    if seen.health is not None:
        yield f"    health: {seen.health}"
    else:
        yield "    # health: /ready  # no path answers for readiness: a TCP connection must do"


def _payload(seen: Seen) -> Iterator[str]:
    """Give the section for paths of the server's own: only traffic on known paths is sampled."""
    likely = [path for path in seen.own_paths if _INFERENCE.search(path)]
    others = [path for path in seen.own_paths if path not in likely]
    if not seen.own_paths and seen.speaks:
        return
    yield from (
        "",
        "# Requests are sampled and mirrored on paths of known protocols, and on these. Under any",
        "# other path a model is relayed, but nobody looks at it:",
        "payload:" if likely else "# payload:",
        "  paths:" if likely else "#   paths:",
    )
    for path in likely:
        yield f'    "{_pattern(path)}": {Protocol.JSON}'
    for path in others if seen.own_paths else ("/predict",):
        yield f'{"    # " if likely else "#     "}"{_pattern(path)}": {Protocol.JSON}'


def _pattern(path: str) -> str:
    """Give the regular expression of an OpenAPI path, without backslashes."""
    return "^" + re.sub(r"\{[^}]*\}", "[^/]+", path).replace(".", "[.]") + "$"


def save(text: str, path: Path, *, force: bool) -> None:
    """Write the configuration; what is there already is kept unless `force`.

    Raises:
        AddressError: the file is there.
        InitError: it cannot be written.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise AddressError(f"{path} is there already; choose another -o, or --force") from error
    except OSError as error:
        raise InitError(f"{path} cannot be written: {error.strerror}") from error
