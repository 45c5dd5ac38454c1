"""TLS on both sides of the relay, with real certificates made for the test."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from proxy.records import Failure
from proxy.relay.settings import ClientTls, ServerTls

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="certificates are made with openssl, which is missing"
)


def _openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki() -> Iterator[Path]:
    """Two authorities, and certificates by them: server, other name, expired, client."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for authority in ("ca", "other"):
            _openssl(
                *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
                *("-nodes", "-keyout", f"{authority}.key", "-out", f"{authority}.pem"),
                *("-days", "9", "-subj", f"/CN={authority}"),
                cwd=place,
            )
        _issue(place, "server", "localhost")
        _issue(place, "second", "localhost")
        _issue(place, "wrong", "elsewhere.example")
        _issue(place, "client", "client")
        _issue(place, "stranger", "localhost", authority="other")
        yield place


def _issue(place: Path, name: str, host: str, *, authority: str = "ca") -> None:
    """Make NAME.pem and NAME.key."""
    (place / f"{name}.cnf").write_text(f"subjectAltName=DNS:{host}\n")
    _openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"),
        cwd=place,
    )
    _openssl(
        *("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem"),
        *("-CAkey", f"{authority}.key", "-CAcreateserial", "-out", f"{name}.pem"),
        *("-days", "9", "-extfile", f"{name}.cnf"),
        cwd=place,
    )


def _server_tls(pki: Path, name: str = "server", **options: object) -> ServerTls:
    return ServerTls(certificate=str(pki / f"{name}.pem"), key=str(pki / f"{name}.key"), **options)


def _client_context(pki: Path, certificate: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pki / "ca.pem"))
    if certificate is not None:
        context.load_cert_chain(pki / f"{certificate}.pem", pki / f"{certificate}.key")
    return context


async def _ask(house: House, context: ssl.SSLContext, raw: bytes = GET) -> tuple[bytes, str]:
    """Ask over TLS; give the answer, and the name on the server's certificate."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", house.port, ssl=context, server_hostname="localhost"
    )
    certificate = writer.get_extra_info("peercert")
    name = dict(field[0] for field in certificate["subject"])["commonName"]
    try:
        writer.write(raw)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head + await asyncio.wait_for(reader.readexactly(length), 5), name
    finally:
        writer.close()


def test_clients_are_served_over_tls(kit: type[Kit], pki: Path) -> None:
    """The data port speaks TLS 1.2 and newer, and tells the upstream that it was https."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(tls=_server_tls(pki)))
        answer, name = await _ask(house, _client_context(pki))
        assert answer.endswith(b"ok")
        assert name == "server"
        assert upstream.requests[0].values(b"x-forwarded-proto") == [b"https"]

    kit.run(scenario)


def test_large_bodies_pass_over_tls(kit: type[Kit], pki: Path) -> None:
    """4 MiB up and down, through backpressure, arrive whole."""
    body = bytes(range(256)) * 16_384

    async def scenario(house: House) -> None:
        async def echo(request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body))
            await side.send(request.body)

        upstream = await house.upstream(echo)
        await house.relay(upstream, listen=kit.Listen(tls=_server_tls(pki)))
        raw = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        answer, _ = await _ask(house, _client_context(pki), raw)
        assert answer.endswith(body)

    kit.run(scenario)


def test_a_broken_answer_is_cut_off_over_tls_too(kit: type[Kit], pki: Path) -> None:
    """An upstream that dies in its answer leaves a TLS client with an error, not with an end."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
            side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream, listen=kit.Listen(tls=_server_tls(pki)))
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError, ssl.SSLError)):
            await _ask(house, _client_context(pki))
        assert (await house.exchange()).failure is Failure.TRUNCATED
        await house.until(lambda: house.plane.n_clients == 0)

    kit.run(scenario)


def test_a_client_that_speaks_no_tls_gets_nothing(kit: type[Kit], pki: Path) -> None:
    """Plain HTTP on the TLS port ends without an answer of ours, and hurts nobody."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(tls=_server_tls(pki)))
        client = await house.client()
        await client.send(GET)
        assert b"HTTP/1.1" not in await client.rest()
        assert (await _ask(house, _client_context(pki)))[0].endswith(b"ok")

    kit.run(scenario)


def test_clients_without_the_right_certificate_are_refused(kit: type[Kit], pki: Path) -> None:
    """With `client_ca` only certificates of that authority get through."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        tls = _server_tls(pki, client_ca=str(pki / "ca.pem"))
        await house.relay(upstream, listen=kit.Listen(tls=tls))
        assert (await _ask(house, _client_context(pki, "client")))[0].endswith(b"ok")
        for certificate in (None, "stranger"):
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await _ask(house, _client_context(pki, certificate))
        assert len(upstream.requests) == 1

    kit.run(scenario)


def test_a_new_certificate_is_used_without_a_restart(
    kit: type[Kit], pki: Path, tmp_path: Path
) -> None:
    """Changed files are used for new connections; broken ones change nothing."""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"

    def install(name: str) -> None:
        shutil.copy(pki / f"{name}.pem", certificate)
        shutil.copy(pki / f"{name}.key", key)

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        install("server")
        tls = ServerTls(certificate=str(certificate), key=str(key), reload_s=0.01)
        await house.relay(upstream, listen=kit.Listen(tls=tls))
        context = _client_context(pki)
        assert (await _ask(house, context))[1] == "server"
        install("second")
        async with asyncio.timeout(30):
            while (await _ask(house, context))[1] != "second":
                await asyncio.sleep(0.05)
        certificate.write_text("half a certif")
        await asyncio.sleep(0.6)
        assert (await _ask(house, context))[1] == "second"

    kit.run(scenario)


def test_an_authority_that_was_taken_out_is_trusted_no_longer(
    kit: type[Kit], pki: Path, tmp_path: Path
) -> None:
    """Clients of the authority that stands in the file now get through, those of the old do not.

    The client that was served before cannot take its session up again either.
    """
    authority = tmp_path / "client-ca.pem"

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        shutil.copy(pki / "ca.pem", authority)
        tls = ServerTls(
            certificate=str(pki / "server.pem"),
            key=str(pki / "server.key"),
            client_ca=str(authority),
            reload_s=0.01,
        )
        await house.relay(upstream, listen=kit.Listen(tls=tls))
        old, new = _client_context(pki, "client"), _client_context(pki, "stranger")
        assert (await _ask(house, old))[0].endswith(b"ok")
        shutil.copy(pki / "other.pem", authority)
        async with asyncio.timeout(30):
            while True:
                try:
                    assert (await _ask(house, new))[0].endswith(b"ok")
                except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
                    await asyncio.sleep(0.05)
                else:
                    break
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await _ask(house, old)
        assert len(upstream.requests) == 2

    kit.run(scenario)


@pytest.mark.parametrize(
    ("certificate", "options", "is_served"),
    [
        ("server", {"ca": "ca.pem", "server_name": "localhost"}, True),
        ("server", {"ca": "ca.pem"}, False),
        ("wrong", {"ca": "ca.pem", "server_name": "localhost"}, False),
        ("stranger", {"ca": "ca.pem", "server_name": "localhost"}, False),
        ("server", {"server_name": "localhost"}, False),
        ("stranger", {"verify": False}, True),
    ],
)
def test_upstreams_are_verified(
    kit: type[Kit], pki: Path, certificate: str, options: dict[str, object], is_served: bool
) -> None:
    """A wrong name, a stranger's signature, an unknown authority: no byte is sent there."""

    async def scenario(house: House) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(kit.OK)
            await reader.read(1)
            writer.close()

        asked: list[bytes] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / f"{certificate}.pem", pki / f"{certificate}.key")
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        chosen = {key: str(pki / value) if key == "ca" else value for key, value in options.items()}
        await house.relay(kit.Upstream(url=f"https://127.0.0.1:{port}", tls=ClientTls(**chosen)))
        head, body = await house.ask(GET)
        if is_served:
            assert body == b"ok"
        else:
            assert head.startswith(b"HTTP/1.1 502 ")
            assert (await house.exchange()).failure is Failure.REFUSED
        assert len(asked) == int(is_served)
        server.close()

    kit.run(scenario)


def test_our_own_certificate_is_shown_to_an_upstream_that_asks(kit: type[Kit], pki: Path) -> None:
    """Mutual TLS towards the model: with our certificate it serves, without it refuses."""

    async def scenario(house: House) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(kit.OK)
            await reader.read(1)
            writer.close()

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / "server.pem", pki / "server.key")
        context.load_verify_locations(pki / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        tls = ClientTls(
            ca=str(pki / "ca.pem"),
            server_name="localhost",
            certificate=str(pki / "client.pem"),
            key=str(pki / "client.key"),
        )
        await house.relay(kit.Upstream(url=f"https://127.0.0.1:{port}", tls=tls))
        assert (await house.ask(GET))[1] == b"ok"
        server.close()

    kit.run(scenario)
