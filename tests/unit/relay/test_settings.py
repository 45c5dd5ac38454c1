"""What an operator may not set, and what the relay is handed."""

from __future__ import annotations

import msgspec
import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.relay.settings import (
    Capture,
    ClientTls,
    Listen,
    Models,
    RelaySettings,
    Upstream,
)


@pytest.mark.parametrize(
    "url",
    ["ftp://a:1", "a:1", "http://", "http://a/path", "http://a?q", "http://u@a", "http://a#f"],
)
def test_an_upstream_is_scheme_host_and_port(url: str) -> None:
    """Anything more in a url would not be what requests are sent to."""
    with pytest.raises(ValueError, match="url"):
        Upstream(url=url)


@pytest.mark.parametrize(
    ("url", "address", "is_tls"),
    [
        ("http://a", ("a", 80), False),
        ("https://a/", ("a", 443), True),
        ("http://[::1]:9", ("::1", 9), False),
    ],
)
def test_an_address_has_the_schemes_port(url: str, address: tuple[str, int], is_tls: bool) -> None:
    """The port may be left out."""
    upstream = Upstream(url=url)
    assert (upstream.address, upstream.is_tls) == (address, is_tls)


def test_what_cannot_be_is_refused_with_a_sentence() -> None:
    """Each rule across fields names the value and what to do."""
    with pytest.raises(ValueError, match="starts with /"):
        Upstream(url="http://a", health="ready")
    with pytest.raises(ValueError, match="longer than lame_duck_s"):
        Listen(grace_s=5, lame_duck_s=5)
    with pytest.raises(ValueError, match="not appear"):
        Listen(trusted_proxies=("everyone",))
    with pytest.raises(ValueError, match="certificate"):
        ClientTls(key="k.pem")
    with pytest.raises(ValueError, match="authorization"):
        Capture(fields=("content-type", "Authorization"))
    models = Models(candidate=Upstream(url="http://a"))
    with pytest.raises(ValueError, match="no expression"):
        RelaySettings(models=models, routes=(("x", "("),))


def test_unknown_keys_are_errors() -> None:
    """A typing error in the configuration is not silently a default."""
    with pytest.raises(ValidationError, match="prot"):
        TypeAdapter(Listen).validate_python({"prot": 1})


def test_settings_survive_the_way_to_the_relay() -> None:
    """As JSON through msgspec, without pydantic."""
    settings = RelaySettings(
        models=Models(candidate=Upstream(url="https://a", tls=ClientTls(ca="x.pem"))),
        listen=Listen(trusted_proxies=("10.0.0.0/8",)),
        routes=(("a", "^/a$"),),
    )
    assert msgspec.json.decode(msgspec.json.encode(settings), type=RelaySettings) == settings
