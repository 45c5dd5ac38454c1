"""What a fleet may be configured as, and what is refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.fleet.settings import FleetSettings


@pytest.mark.parametrize("url", ["redis://redis:6379/0", "rediss://redis", "unix:///run/r.sock"])
def test_addresses_of_redis_are_taken(url: str) -> None:
    """Plain, TLS and local sockets; neither address nor password is ever printed."""
    settings = FleetSettings(url=url, name="flights-2_a.b", password="hush")  # noqa: S106 - a test
    assert "redis" not in repr(settings)
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "name", "ca_file", "words"),
    [
        ("http://redis", "flights", "", "redis://"),
        ("redis", "flights", "", "redis://"),
        ("redis://redis", "two words", "", "letters"),
        ("redis://redis", "a{b}", "", "letters"),
        ("redis://redis", "x" * 65, "", "letters"),
        ("redis://redis", "flights", "ca.pem", "TLS"),
    ],
)
def test_what_cannot_work_is_refused(url: str, name: str, ca_file: str, words: str) -> None:
    """The message says what is wrong and what to do."""
    with pytest.raises(ValueError, match=words):
        FleetSettings(url=url, name=name, ca_file=ca_file)


@pytest.mark.parametrize("url", ["redis://:hush/x@redis", "redis://redis:hush", "redis://r:70000"])
def test_a_port_that_is_none_is_refused_without_showing_it(url: str) -> None:
    """It would end the watcher at its first tick; and it may be a part of a password."""
    with pytest.raises(ValueError, match="password is written %2F") as refusal:
        FleetSettings(url=url, name="flights")
    assert "hush" not in str(refusal.value)


def test_the_authority_is_looked_for_beside_the_configuration() -> None:
    """A relative file belongs to the folder of the configuration, an absolute one stays."""
    for name, found in (("ca.pem", "/etc/x/ca.pem"), ("/ca.pem", "/ca.pem"), ("", "")):
        settings = FleetSettings(url="rediss://redis", name="f", ca_file=name)
        assert settings.beside(Path("/etc/x")).ca_file == found
