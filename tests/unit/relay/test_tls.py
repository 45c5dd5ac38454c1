"""TLS contexts and the files they are made of; handshakes are in tests/wire/test_tls.py."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from proxy.relay.settings import ClientTls, Listen, Models, ServerTls, Upstream
from proxy.relay.tls import ListenerTls, UpstreamTls, _Files, beside, troubles


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


def test_relative_names_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    """Wherever the command is started, files are found from the configuration's folder."""
    listen = Listen(tls=ServerTls(certificate="c.pem", key="/run/secrets/k.pem"))
    models = Models(
        candidate=Upstream(url="https://a", tls=ClientTls(ca="tls/ca.pem")),
        stable=Upstream(url="http://b"),
    )
    found, found_models = beside(tmp_path, listen, models)
    assert found.tls is not None
    assert found.tls.certificate == str(tmp_path / "c.pem")
    assert found.tls.key == "/run/secrets/k.pem"
    assert found.tls.client_ca is None
    assert found_models.candidate.tls is not None
    assert found_models.candidate.tls.ca == str(tmp_path / "tls" / "ca.pem")
    assert found_models.stable == models.stable


def test_every_file_that_cannot_be_used_is_told_with_its_key(tmp_path: Path) -> None:
    """A missing file is named; one that is no certificate is, too; plain HTTP has no trouble."""
    (tmp_path / "c.pem").write_text("no certificate")
    listen = Listen(tls=ServerTls(certificate=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem")))
    models = Models(
        candidate=Upstream(url="https://a", tls=ClientTls(ca=str(tmp_path / "c.pem"))),
        stable=Upstream(url="http://b"),
    )
    first, second = troubles(listen, models)
    assert first == f"listen.tls: {tmp_path / 'k.pem'} cannot be read: No such file or directory"
    assert second.startswith(f"models.candidate.tls: {tmp_path / 'c.pem'} cannot be used: ")
    assert not list(troubles(Listen(), Models(candidate=Upstream(url="http://a"))))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="keys are made with openssl")
def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_passphrase(tmp_path: Path) -> None:
    """The library would ask the terminal, and the relay would wait for a person."""
    subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-days", "1", "-subj", "/CN=x", "-passout", "pass:secret"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    listen = Listen(tls=ServerTls(certificate=certificate, key=key))
    url = "https://127.0.0.1:1"
    models = Models(candidate=Upstream(url=url, tls=ClientTls(certificate=certificate, key=key)))
    told = list(troubles(listen, models))
    assert [one.partition(":")[0] for one in told] == ["listen.tls", "models.candidate.tls"]
    assert all("the key is encrypted" in one for one in told)
