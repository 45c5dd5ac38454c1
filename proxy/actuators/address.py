"""Which addresses may be called: the answer to forged names and forged numbers.

A name is resolved once and the connection goes to the address that was judged, so that a name which
changes its meaning between the check and the call (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

_NAT64: Final = IPv6Network("64:ff9b::/96")
_LAST_32_BITS: Final = 0xFFFFFFFF


class RefusedAddressError(OSError):
    """The address is not one that may be called; the message says which and why."""


def judge(text: str, *, allow_private: bool) -> None:
    """Pass if the numeric address may be called.

    Raises:
        RefusedAddressError: link-local, multicast or unspecified; or loopback and private without
            `allow_private`.
    """
    address = _innermost(ip_address(text.partition("%")[0]))
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        raise RefusedAddressError(f"{address} is never called")
    if not address.is_global and not allow_private:
        raise RefusedAddressError(f"{address} is private; set allow_private to call it")


def is_numeric(host: str) -> bool:
    """Say whether a host is an address already, which no resolver is asked for."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Give the IPv4 address that an IPv6 one wraps, so that wrapping hides nothing."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & _LAST_32_BITS)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


class JudgingResolver(AbstractResolver):
    """Resolve names, and give only addresses that may be called."""

    def __init__(self, *, allow_private: bool) -> None:
        """Judge by the trust of one kind of door."""
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            RefusedAddressError: one of its addresses may not be called; then none is.
            OSError: the name cannot be resolved.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results: list[ResolveResult] = []
        for kind, _, protocol, _, place in found:
            address = str(place[0])
            judge(address, allow_private=self._allow_private)
            results.append(
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=port,
                    family=kind,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        return results

    async def close(self) -> None:
        """Hold nothing, so close nothing."""
