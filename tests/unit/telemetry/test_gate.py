"""The gate: who may do what, case by case."""

from __future__ import annotations

import pytest

from proxy.telemetry.gate import Gate, Visit
from proxy.telemetry.settings import Admin

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  # a token of these tests
JSON = {"content-type": "application/json"}
FAR = "10.1.2.3"


def visit(
    method: str = "POST", path: str = "/api/v1/routing", peer: str = "127.0.0.1", **fields: str
) -> Visit:
    """Make a visit; underscores in field names are hyphens."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    known = {"host": "127.0.0.1:8101"} | (JSON if method == "POST" else {})
    return Visit(method=method, path=path, peer=peer, fields=known | named)


def code(admin: Admin, *visits: Visit) -> str:
    """Give the word of the last visit's refusal; empty when it was let in."""
    gate = Gate(admin, now_s=lambda: 0.0)
    refusal = None
    for one in visits:
        refusal = gate.refusal(one)
    return refusal.code if refusal else ""


OPEN = Admin()
LOCKED = Admin(token=TOKEN)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", ""])
def test_loopback_may_change_things_without_a_token(peer: str) -> None:
    """The loopback interface and the unix socket need no token, set or not."""
    assert code(OPEN, visit(peer=peer)) == ""
    assert code(LOCKED, visit(peer=peer)) == ""


@pytest.mark.parametrize("peer", [FAR, "::ffff:10.0.0.1", "fe80::1", "2001:db8::1", "not an ip"])
def test_strangers_may_not(peer: str) -> None:
    """From elsewhere a change needs the token, and without one set there is no way."""
    assert code(OPEN, visit(peer=peer)) == "not_local"
    assert code(LOCKED, visit(peer=peer)) == "no_token"


@pytest.mark.parametrize("field", ["forwarded", "x_forwarded_for", "x_real_ip"])
def test_a_local_reverse_proxy_is_not_loopback(field: str) -> None:
    """Who is spoken for by a proxy on this machine is a stranger."""
    assert code(OPEN, visit(**{field: "10.0.0.9"})) == "not_local"


def test_the_token_opens_from_anywhere_under_any_host() -> None:
    """The right token lets in; scheme in any case; a name that was rebound does not matter."""
    shown = {"authorization": f"bearer {TOKEN}", "host": "evil.example:8101"}
    assert code(LOCKED, visit(peer=FAR, **shown)) == ""
    assert code(LOCKED, visit("GET", "/api/v1/samples", FAR, **shown)) == ""


@pytest.mark.parametrize(
    "shown",
    [
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer ",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \udcff\udcfe",
        f"Bearer {TOKEN.upper()}",
    ],
)
def test_a_wrong_token_is_refused_even_on_loopback(shown: str) -> None:
    """Whoever shows a token means it: a wrong one is never passed over."""
    assert code(LOCKED, visit(authorization=shown)) == "wrong_token"
    assert code(LOCKED, visit("GET", "/", authorization=shown)) == "wrong_token"


def test_a_token_where_none_is_set_opens_nothing() -> None:
    """An empty setting is not an empty password."""
    for shown in ("Bearer ", "Bearer x"):
        assert code(OPEN, visit(peer=FAR, authorization=shown)) == "not_local"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8101", "127.0.0.1.evil.example", "localhost.evil", "a:b:c.d"],
)
def test_a_rebound_name_is_refused(host: str) -> None:
    """A foreign Host is refused for reads and changes, even from loopback."""
    assert code(OPEN, visit(host=host)) == "foreign_host"
    assert code(OPEN, visit("GET", "/api/v1/status", host=host)) == "foreign_host"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8101", "10.2.3.4:8101", "[::1]:8101", "[fe80::1]", "::1", ""]
)
def test_addresses_and_localhost_are_our_own_names(host: str) -> None:
    """No web page can own an address or `localhost`."""
    assert code(OPEN, visit(host=host)) == ""


def test_allowed_hosts_are_let_in_by_name_by_suffix_or_all() -> None:
    """A name, all names under a suffix, or everything."""
    named = Admin(allowed_hosts=("side.Car", ".svc.cluster.local"))
    assert code(named, visit(host="Side.car:8101")) == ""
    assert code(named, visit(host="model.ns.svc.cluster.local.")) == ""
    assert code(named, visit(host="evilsvc.cluster.local.evil")) == "foreign_host"
    assert code(Admin(allowed_hosts=("*",)), visit(host="any.thing")) == ""


def test_probes_answer_under_any_name() -> None:
    """A kubelet with a Host of its own is never refused; a change on that path is."""
    assert code(LOCKED, visit("GET", "/healthz", FAR, host="x.y")) == ""
    assert code(LOCKED, visit("POST", "/readyz", FAR)) == "no_token"


def test_reading_is_free_but_for_samples() -> None:
    """Anyone who reaches the port reads the status; rows from the traffic need rights."""
    assert code(LOCKED, visit("GET", "/api/v1/status", FAR)) == ""
    assert code(LOCKED, visit("HEAD", "/metrics", FAR)) == ""
    assert code(LOCKED, visit("GET", "/api/v1/samples", FAR)) == "no_token"
    assert code(OPEN, visit("GET", "/api/v1/samples", FAR)) == "not_local"
    assert code(OPEN, visit("GET", "/api/v1/samples")) == ""


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(method: str) -> None:
    """Changes are POST; there is no preflight to answer."""
    assert code(OPEN, visit(method)) == "method_not_allowed"


def test_a_web_page_cannot_change_anything() -> None:
    """Forms, foreign origins and cross-site requests of a browser on this machine are refused."""
    assert code(OPEN, visit(origin="http://evil.example")) == "foreign_origin"
    for odd in ("null", "http://[", "127.0.0.1:8101", "http://127.0.0.1:8101/", "\xff"):
        assert code(OPEN, visit(origin=odd)) == "foreign_origin", odd
    assert code(OPEN, visit(origin="http://", host="")) == "foreign_origin"
    assert code(OPEN, visit(origin="http://127.0.0.1:9999")) == "foreign_origin"
    assert code(OPEN, visit(sec_fetch_site="cross-site")) == "foreign_origin"
    assert code(OPEN, visit(sec_fetch_site="same-site")) == "foreign_origin"
    assert code(OPEN, visit(origin="http://127.0.0.1:8101", sec_fetch_site="same-origin")) == ""
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert code(OPEN, visit(content_type=kind)) == "not_json"
    assert code(OPEN, visit(content_type="Application/JSON; charset=utf-8")) == ""
    assert code(OPEN, visit(content_type="application/x-ndjson")) == ""
    assert code(OPEN, visit(content_encoding="gzip")) == "not_json"


def test_changes_are_limited_per_second_and_the_limit_recovers() -> None:
    """Twice the rate at once, then the rate; reads and refused calls cost nothing."""
    now_s = [100.0]
    gate = Gate(Admin(max_calls_per_s=2), now_s=lambda: now_s[0])
    for _ in range(50):
        assert gate.refusal(visit(peer=FAR)) is not None
        assert gate.refusal(visit("GET", "/")) is None
    taken = [gate.refusal(visit()) for _ in range(6)]
    assert [refusal is None for refusal in taken] == [True] * 4 + [False] * 2
    assert taken[-1] is not None
    assert taken[-1].status == 429
    now_s[0] += 0.5
    assert gate.refusal(visit()) is None
    assert gate.refusal(visit()) is not None
    now_s[0] -= 50
    assert gate.refusal(visit()) is not None
