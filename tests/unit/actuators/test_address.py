"""Which addresses may be called, in every disguise."""

from __future__ import annotations

import asyncio

import pytest

from proxy.actuators.address import JudgingResolver, RefusedAddressError, is_numeric, judge

PUBLIC = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946")
PRIVATE = ("127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "::1", "fd00::1", "100.64.0.1")
NEVER = ("169.254.169.254", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1", "ff02::1")
DISGUISED_PRIVATE = ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::")
DISGUISED_NEVER = ("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    """Without any permission."""
    judge(address, allow_private=False)


@pytest.mark.parametrize("address", [*PRIVATE, *DISGUISED_PRIVATE])
def test_private_addresses_need_permission(address: str) -> None:
    """Loopback and private networks are refused unless the door allows them, wrapped or not."""
    with pytest.raises(RefusedAddressError, match="allow_private"):
        judge(address, allow_private=False)
    judge(address, allow_private=True)


@pytest.mark.parametrize("address", [*NEVER, *DISGUISED_NEVER])
@pytest.mark.parametrize("allow_private", [False, True])
def test_metadata_and_the_like_are_never_called(address: str, *, allow_private: bool) -> None:
    """No permission opens link-local, multicast and unspecified addresses."""
    with pytest.raises(RefusedAddressError, match="never called"):
        judge(address, allow_private=allow_private)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("fe80::1%lo", True), ("localhost", False), ("1", False)],
)
def test_numeric_hosts_are_told_from_names(host: str, *, expected: bool) -> None:
    """A host that is an address never reaches the resolver, so it is judged before."""
    assert is_numeric(host) is expected


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "127.1"])
def test_names_are_judged_by_what_they_resolve_to(host: str) -> None:
    """A name of the loopback, also one written as a number, is refused."""
    resolver = JudgingResolver(allow_private=False)
    with pytest.raises(RefusedAddressError):
        asyncio.run(resolver.resolve(host, 80))


def test_a_permitted_name_gives_the_address_that_was_judged() -> None:
    """The connection goes to the number, so that the name cannot change its mind."""
    found = asyncio.run(JudgingResolver(allow_private=True).resolve("localhost", 81))
    assert {(it["host"], it["port"], it["hostname"]) for it in found} == {
        ("127.0.0.1", 81, "localhost")
    }
