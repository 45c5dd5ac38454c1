"""TLS contexts: 1.2 or newer, verified, and made anew when their files change.

Certificates are rotated by writing new files. New handshakes use them within `reload_s`; files that
cannot be read, as in the middle of a rotation, leave the old certificate in force.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from proxy.clock import now_s
from proxy.relay.settings import ClientTls, Listen, Models, ServerTls, Upstream

log = logging.getLogger(__name__)


class _Files:
    """Tells whether any of some files has changed since it was last asked, at most so often."""

    def __init__(self, paths: list[str | None], every_s: float) -> None:
        self._paths = [Path(path) for path in paths if path is not None]
        self._every_s = every_s
        self._next_s = now_s() + every_s
        self._seen = self._look()

    def _look(self) -> list[tuple[int, int] | None]:
        seen: list[tuple[int, int] | None] = []
        for path in self._paths:
            try:
                status = path.stat()
            except OSError:
                seen.append(None)
            else:
                seen.append((status.st_mtime_ns, status.st_ino))
        return seen

    def changed(self) -> bool:
        at_s = now_s()
        if at_s < self._next_s:
            return False
        self._next_s = at_s + self._every_s
        seen = self._look()
        if seen == self._seen or None in seen:
            return False
        self._seen = seen
        return True


class ListenerTls:
    """The context of the data port."""

    def __init__(self, settings: ServerTls) -> None:
        """Read the files.

        Raises:
            OSError: a file cannot be read, or is not what it should be.
        """
        self._settings = settings
        self._files = _Files(
            [settings.certificate, settings.key, settings.client_ca], settings.reload_s
        )
        self._current = self._make()
        self.context = self._make()
        """What the server is given, once. Each handshake is led on to the newest files."""
        self.context.sni_callback = self._lead_on

    def _make(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(settings.certificate, settings.key, no_passphrase)
        if settings.client_ca is not None:
            context.load_verify_locations(settings.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
            # A session that is taken up again would not be verified again.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        return context

    def _lead_on(self, line: ssl.SSLObject, _name: str | None, _outer: ssl.SSLContext) -> None:
        line.context = self._current

    def refresh(self, _at_s: float) -> None:
        """Use the files' new content, if it is new and good."""
        if self._files.changed():
            try:
                self._current = self._make()
            except OSError as error:
                log.warning("TLS of the data port: the old certificate stays: %s", error)


class UpstreamTls:
    """The context for connections to one upstream."""

    def __init__(self, upstream: Upstream) -> None:
        """Read the files.

        Raises:
            OSError: a file cannot be read, or is not what it should be.
        """
        self._settings = upstream.tls or ClientTls()
        self.server_name = self._settings.server_name or upstream.address[0]
        settings = self._settings
        self._files = _Files([settings.ca, settings.certificate, settings.key], settings.reload_s)
        self._context = self._make()

    def context(self) -> ssl.SSLContext:
        """Give the context for the next connection."""
        if self._files.changed():
            try:
                self._context = self._make()
            except OSError as error:
                log.warning("TLS to %s: the old files stay in force: %s", self.server_name, error)
        return self._context

    def _make(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key, no_passphrase)
        if not settings.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def no_passphrase() -> str:
    """Refuse an encrypted key: the library would ask the terminal for it, and wait.

    Raises:
        OSError: always.
    """
    raise OSError("the key is encrypted, and nobody is there to unlock it: give it unencrypted")


def beside(folder: Path, listen: Listen, models: Models) -> tuple[Listen, Models]:
    """Give both with the TLS files found from `folder`, where the configuration stands."""

    def at(name: str | None) -> str | None:
        return None if name is None else str((folder / name).resolve())

    def of(upstream: Upstream) -> Upstream:
        tls = upstream.tls
        if tls is None:
            return upstream
        found = replace(tls, ca=at(tls.ca), certificate=at(tls.certificate), key=at(tls.key))
        return replace(upstream, tls=found)

    if listen.tls is not None:
        tls = listen.tls
        found = replace(
            tls,
            certificate=str((folder / tls.certificate).resolve()),
            key=str((folder / tls.key).resolve()),
            client_ca=at(tls.client_ca),
        )
        listen = replace(listen, tls=found)
    stable = None if models.stable is None else of(models.stable)
    return listen, replace(models, candidate=of(models.candidate), stable=stable)


def troubles(listen: Listen, models: Models) -> Iterator[str]:
    """Give why TLS could not be spoken, for each place where that is so."""
    if (own := listen.tls) is not None:
        named = (own.certificate, own.key, own.client_ca)
        yield from _trouble("listen.tls", named, lambda: ListenerTls(own))
    for name, upstream in (("candidate", models.candidate), ("stable", models.stable)):
        if upstream is not None and upstream.tls is not None:
            files = (upstream.tls.ca, upstream.tls.certificate, upstream.tls.key)
            yield from _trouble(f"models.{name}.tls", files, partial(UpstreamTls, upstream))


def _trouble(
    place: str, files: tuple[str | None, ...], attempt: Callable[[], object]
) -> Iterator[str]:
    """Say in words what is wrong with files: the library's own say neither which nor what to do."""
    for name in files:
        if name is None:
            continue
        try:
            Path(name).read_bytes()
        except OSError as error:
            yield f"{place}: {name} cannot be read: {error.strerror}"
            return
    try:
        attempt()
    except OSError as error:
        reason = (getattr(error, "reason", None) or str(error)).lower().replace("_", " ")
        named = ", ".join(name for name in files if name is not None)
        yield f"{place}: {named} cannot be used: {reason}; they must be PEM files that match"
