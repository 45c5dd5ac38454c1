"""TLS contexts and the files they are made of; handshakes are in tests/wire/test_tls.py."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from proxy.relay.settings import ClientTls, ServerTls, Upstream
from proxy.relay.tls import ListenerTls, UpstreamTls, _Files


def test_files_are_looked_at_again_after_a_while(tmp_path: Path) -> None:
    """A change is seen when it is time to look, once; a file that is gone is no change."""
    path = tmp_path / "x.pem"
    path.write_text("1")
    files = _Files([str(path), None], every_s=1e-9)
    assert not files.changed()
    os.utime(path, ns=(1, 1))
    assert files.changed()
    assert not files.changed()
    path.unlink()
    assert not files.changed()
    patient = _Files([str(path)], every_s=1e9)
    path.write_text("2")
    assert not patient.changed()


def test_upstreams_are_verified_unless_switched_off() -> None:
    """TLS 1.2 or newer, the name pinned, the system's authorities by default."""
    tls = UpstreamTls(Upstream(url="https://model.example:8443"))
    context = tls.context()
    assert tls.server_name == "model.example"
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    loose = UpstreamTls(
        Upstream(url="https://10.0.0.1", tls=ClientTls(server_name="n", verify=False))
    )
    assert loose.server_name == "n"
    assert loose.context().verify_mode is ssl.CERT_NONE


def test_files_that_cannot_be_read_are_an_error_at_the_start(tmp_path: Path) -> None:
    """A missing certificate is told before a port is opened."""
    with pytest.raises(OSError, match="No such file"):
        ListenerTls(ServerTls(certificate=str(tmp_path / "c"), key=str(tmp_path / "k")))
    with pytest.raises(OSError, match="No such file"):
        UpstreamTls(Upstream(url="https://a", tls=ClientTls(ca=str(tmp_path / "ca"))))
