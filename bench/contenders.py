"""Who is measured: how each proxy is configured and started.

Every contender listens on a port of its own and forwards to one upstream; those with `mirror` send
copies of a tenth of the requests to a second one. Each is given one thread and one core.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / ".build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one contender runs."""

    port: int
    upstream: int
    """Port of the upstream."""
    shadow: int
    """Port of the upstream that gets copies."""
    folder: Path
    """For its files."""
    admin: int
    """Another free port, for a contender that has a second door."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One proxy, or none."""

    name: str
    needs: str
    """Program it needs, or the empty string."""
    command: Callable[[Place], list[str]] | None
    """`None`: there is no proxy, the load goes to the upstream."""
    warm_s: float = 0.0
    """Load before each run. Our sampling follows the rate, which it knows after two of its ticks;
    until then it takes more than its share."""

    @property
    def missing(self) -> str:
        """Why it is left out; empty when it is not."""
        if not self.needs or find(self.needs):
            return ""
        return f"{self.name} is left out: {self.needs} is not there (sh bench/setup.sh gets it)"


def find(program: str) -> str:
    """Give the path of a program that was installed or built; empty when there is none."""
    for path in (BUILD / program, BUILD / program / "bin" / program, Path("/usr/sbin") / program):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return shutil.which(program) or ""


def _script(name: str) -> Callable[[Place], list[str]]:
    return lambda at: [sys.executable, str(HERE / name), str(at.port), str(at.upstream)]


def _file(at: Place, name: str, text: str) -> str:
    path = at.folder / name
    path.write_text(text, "utf-8")
    return str(path)


def _nginx(at: Place, *, mirrors: bool) -> list[str]:
    mirror = "mirror /copy; mirror_request_body on;" if mirrors else ""
    text = f"""
daemon off; worker_processes 1; pid {at.folder}/nginx{at.port}.pid; error_log /dev/null crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_buffer_size 1m;
  client_body_temp_path {at.folder}/body{at.port};
  proxy_temp_path {at.folder}/answers{at.port};
  split_clients $request_id $copied {{ 10% 1; * ""; }}
  upstream model {{ server 127.0.0.1:{at.upstream}; keepalive 512;
                    keepalive_requests 1000000000; }}
  upstream shadow {{ server 127.0.0.1:{at.shadow}; keepalive 512;
                     keepalive_requests 1000000000; }}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering on;
  server {{
    listen 127.0.0.1:{at.port} backlog=4096;
    location / {{ {mirror} proxy_pass http://model; }}
    location /sse {{ proxy_buffering off; proxy_pass http://model; }}
    location = /copy {{ internal; if ($copied = "") {{ return 204; }}
                        proxy_pass http://shadow$request_uri; }}
  }}
}}
"""
    return [find("nginx"), "-p", str(at.folder), "-c", _file(at, f"nginx{at.port}.conf", text)]


def _haproxy(at: Place) -> list[str]:
    text = f"""
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-no-delay
  http-reuse always
frontend clients
  bind 127.0.0.1:{at.port}
  default_backend model
backend model
  server one 127.0.0.1:{at.upstream}
"""
    return [find("haproxy"), "-f", _file(at, f"haproxy{at.port}.cfg", text)]


def _envoy(at: Place) -> list[str]:
    """Write a static configuration for one worker, without access log or request ids."""

    def address(port: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    package = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{package}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "clients",
        "generate_request_id": False,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "model"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{package}.http.router.v3.Router"},
            }
        ],
    }
    filters = [{"name": "http", "typed_config": manager}]
    endpoint = {"endpoint": {"address": address(at.upstream)}}
    cluster = {
        "name": "model",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "model",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    listener = {
        "name": "clients",
        "address": address(at.port),
        "filter_chains": [{"filters": filters}],
    }
    settings = {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
    path = _file(at, f"envoy{at.port}.json", json.dumps(settings))
    quiet = ["--concurrency", "1", "-l", "critical", "--disable-hot-restart"]
    return [find("envoy"), "-c", path, *quiet]


def _bare(at: Place) -> list[str]:
    settings = {
        "models": {"candidate": {"url": f"http://127.0.0.1:{at.upstream}", "max_idle": 512}},
        "listen": {"host": "127.0.0.1", "port": at.port, "lame_duck_s": 0.0},
        # A route that nothing matches: nothing is sampled.
        "routes": [["nothing", "^/nothing$"]],
    }
    path = _file(at, f"bare{at.port}.json", json.dumps(settings))
    start = f"exec {sys.executable} -m proxy.relay --settings-fd 3 3< {path}"
    return ["/bin/sh", "-c", start]


def _full(at: Place, *, workers: int = 1) -> list[str]:
    # A tenth of some 35,000 requests per second is sampled, and a tenth is mirrored. That many
    # samples could not be decoded: their bodies are no JSON, which is learnt at once.
    text = f"""
listen: {{host: 127.0.0.1, port: {at.port}, workers: {workers}, lame_duck_s: 0, grace_s: 2}}
admin: {{host: 127.0.0.1, port: {at.admin}}}
models:
  candidate: {{name: model, url: "http://127.0.0.1:{at.upstream}", max_idle: 512}}
  stable: {{name: shadow, url: "http://127.0.0.1:{at.shadow}", max_idle: 512}}
capture: {{max_rows_per_s: 3500}}
mirror: {{fraction: 0.1, max_in_flight: 256}}
state: {{dir: "{at.folder}/state{at.port}"}}
"""
    return [sys.executable, "-m", "proxy", "run", _file(at, f"full{at.port}.yaml", text)]


CONTENDERS: tuple[Contender, ...] = (
    Contender(name="direct", needs="", command=None),
    Contender(name="uvloop TCP relay", needs="", command=_script("tcp_relay.py")),
    Contender(name="nginx", needs="nginx", command=lambda at: _nginx(at, mirrors=False)),
    Contender(
        name="nginx mirror 10 %",
        needs="nginx",
        command=lambda at: _nginx(at, mirrors=True),
    ),
    Contender(name="HAProxy", needs="haproxy", command=_haproxy),
    Contender(name="Envoy", needs="envoy", command=_envoy),
    Contender(
        name="Go ReverseProxy",
        needs="reverse_proxy",
        command=lambda at: [find("reverse_proxy"), str(at.port), str(at.upstream)],
    ),
    Contender(name="aiohttp", needs="", command=_script("aiohttp_proxy.py")),
    Contender(name="ours bare", needs="", command=_bare),
    Contender(name="ours full", needs="", command=_full, warm_s=0.8),
)
TWO_WORKERS = Contender(
    name="ours full, 2 workers",
    needs="",
    command=lambda at: _full(at, workers=2),
    warm_s=0.8,
)
