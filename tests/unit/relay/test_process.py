"""The process around the relay; its life is in tests/wire/test_process.py."""

from __future__ import annotations

import gc
import resource
import socket

import pytest

from proxy.relay.process import _listening, main, tune
from proxy.relay.settings import Listen, Models, RelaySettings, Upstream


def settings(host: str) -> RelaySettings:
    """Give settings that listen on a free port of `host`."""
    models = Models(candidate=Upstream(url="http://127.0.0.1:1"))
    return RelaySettings(models=models, listen=Listen(host=host, port=0))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_listens_by_itself_when_no_socket_is_handed_over(host: str) -> None:
    """Without a supervisor, for trials and benchmarks, in both families."""
    try:
        listening = _listening(settings(host), None)
    except OSError:
        pytest.skip(f"{host} does not exist here")
    with listening, socket.create_connection(listening.getsockname()[:2]):
        pass


def test_a_socket_that_is_handed_over_is_used() -> None:
    """The supervisor binds; the relay takes the descriptor."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        given = _listening(settings("127.0.0.1"), bound.fileno())
        assert given.getsockname() == bound.getsockname()
        given.detach()


def test_settings_are_not_optional() -> None:
    """A call without settings is a usage error."""
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2


def test_tuning_raises_the_file_limit_and_calms_the_collector() -> None:
    """All the descriptors that the system grants, and a collector that runs rarely."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE), gc.get_threshold()
    try:
        tune()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == hard
        assert gc.get_threshold()[0] >= 10_000
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before[0])
        gc.set_threshold(*before[1])
        gc.unfreeze()
