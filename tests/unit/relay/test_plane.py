"""What connections share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.relay.settings import Listen

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Kit, Rig


@pytest.mark.parametrize(
    ("address", "is_trusted"),
    [
        ("10.9.8.7", True),
        ("11.0.0.1", False),
        ("fd00::1", True),
        ("fd00::1%eth0", True),
        ("fe80::1", False),
        ("unknown", False),
    ],
)
def test_trust_is_a_matter_of_networks(kit: type[Kit], address: str, is_trusted: bool) -> None:
    """Addresses of both families are looked up; what is no address is not trusted."""
    rig = kit.Rig(listen=Listen(trusted_proxies=("10.0.0.0/8", "fd00::/8")))
    end, reader = rig.plane.identity(address)
    assert end == address.encode() + b"\r\n\r\n"
    assert reader is rig.plane._readers[is_trusted]


def test_the_standard_field_quotes_ipv6(kit: type[Kit]) -> None:
    """RFC 7239 wants brackets and quotes around an IPv6 address."""
    rig = kit.Rig(listen=Listen(forwarded=True))
    end, _ = rig.plane.identity("fd00::1")
    assert end == b'fd00::1\r\nForwarded: for="[fd00::1]";proto=http\r\n\r\n'


def test_connections_are_counted_while_they_live(rig: Rig) -> None:
    """Joined and left again."""
    assert rig.plane.n_clients == 1
    rig.client.connection_lost(None)
    assert rig.plane.n_clients == 0


def test_drops_are_counted_by_kind(rig: Rig) -> None:
    """What is dropped is known."""
    for kind in ("a", "b", "a"):
        rig.plane.drop(kind)
    assert rig.plane.dropped == {"a": 2, "b": 1}
