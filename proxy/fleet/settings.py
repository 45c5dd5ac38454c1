"""Settings of the fleet: where replicas meet, and what they add up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from annotated_types import Ge, Le

from proxy.units import STRICT, NonEmpty, Seconds

Shared: TypeAlias = Literal[
    "input_drift", "output_drift", "disagreement", "label_quality", "errors"
]
LagTicks = Annotated[int, Ge(1), Le(30)]
_SCHEMES: Final = ("redis", "rediss", "unix")
_MAX_NAME: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """Replicas of one deployment that add up what they count, through a Redis that all reach."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    url: NonEmpty = field(repr=False)
    """Address of the Redis: `redis://HOST:PORT/DB`, `rediss://...` for TLS, or `unix://PATH`. A
    secret in it belongs into `${file:PATH}` or `${env:NAME}`."""
    name: NonEmpty
    """Name of the fleet, the same on all its replicas and on no others: letters, digits, `.`, `_`
    and `-`. Replicas with another benchmark may share it, as during a roll-out: they are counted
    but never added up."""
    username: str = ""
    """User of Redis' access list. Default: none."""
    password: str = field(default="", repr=False)
    """Its password, as `${file:PATH}` or `${env:NAME}`. Default: none. Who may write to these keys
    speaks for the whole fleet."""
    tls: bool = False
    """Speak TLS, as `rediss://` does. Default: false."""
    ca_file: str = ""
    """File with the certificate authority of the server, looked for beside the configuration.
    Default: those of the system."""
    timeout_s: Seconds = 1.0
    """Time for one exchange with Redis, in seconds. Default 1. No tick ever waits for it; a longer
    one only lets a slow server still be in time."""
    lag_ticks: LagTicks = 2
    """Ticks that counts wait for those of the other replicas. Default 2: a replica whose clock or
    network is up to one and a half ticks behind is still counted; alarms come two ticks later. The
    same on all replicas."""
    monitors: tuple[Shared, ...] = (
        "input_drift",
        "output_drift",
        "disagreement",
        "label_quality",
    )
    """Monitors whose counts are added up. Default: those that watch the model and its data, which
    all replicas have in common. Of `label_quality` only the evidence is: labels go to every
    replica, and figures, coverage and delay are those of its own requests. `errors` may be added;
    it is not by default, since a replica that fails alone should be found, and led to its stable
    model, alone. Latency and throughput are never added up: their load cells are those of one
    machine."""
    alerts: Literal["once", "each"] = "once"
    """`once`: of alarms that all replicas find together, one replica tells; the others take over
    when it is gone, and all tell while the fleet cannot be reached. `each`: every replica tells."""

    def __post_init__(self) -> None:
        """Refuse what could never work.

        Raises:
            ValueError: an address of another kind, or a name that cannot be part of a key.
        """
        scheme = urlsplit(self.url).scheme
        if scheme not in _SCHEMES:
            raise ValueError(f"url: begins with none of {', '.join(f'{s}://' for s in _SCHEMES)}")
        if not _has_sound_port(self.url):
            # Not shown: what is taken for the port may be the end of a password.
            raise ValueError(
                "url: what stands behind the host is no port, 0 to 65535; a `/`, `?` or `#` in a "
                "password is written %2F, %3F or %23, or the password given in `password`"
            )
        if self.ca_file and not (self.tls or scheme == "rediss"):
            raise ValueError("ca_file: is only used with TLS; set tls, or write rediss://")
        plain = self.name.replace(".", "").replace("_", "").replace("-", "")
        if not (plain.isascii() and plain.isalnum()) or len(self.name) > _MAX_NAME:
            raise ValueError(
                f"name: {self.name[:_MAX_NAME]!r} is not made of at most {_MAX_NAME} letters, "
                "digits, `.`, `_` and `-`"
            )

    def beside(self, folder: Path) -> FleetSettings:
        """Give the settings with their file looked for in `folder`."""
        return (
            replace(self, ca_file=str((folder / self.ca_file).resolve())) if self.ca_file else self
        )


def _has_sound_port(url: str) -> bool:
    """Tell whether the port of an address, where it names one, is a number of 16 bits."""
    try:
        urlsplit(url).port  # noqa: B018 - read for what it raises
    except ValueError:
        return False
    return True
