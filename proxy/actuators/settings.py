"""Settings of the hands: who is told, who is called when nobody answers, what capacity can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

from proxy.units import STRICT, Bytes, Count, NonEmpty, Seconds, SecondsOrZero

Severity: TypeAlias = Literal["info", "ticket", "warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An address that is called, and how far it is trusted."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    url: str = field(repr=False)
    """Where to send to. Only from the configuration, never from traffic or from the admin API."""
    token: str = field(default="", repr=False)
    """Sent as `Authorization: Bearer ...`; empty: not sent. Use `${file:PATH}` or `${env:NAME}`."""
    secret: str = field(default="", repr=False)
    """Key of the HMAC-SHA256 signature in `X-Stablehand-Signature`; empty: unsigned."""
    allow_http: bool = False
    """Allow plain http. Default: false, since alerts tell how a model fails."""
    allow_private: bool = False
    """Allow loopback and private addresses, as receivers in the cluster have. Default: false, so
    that a changed DNS record cannot point the sidecar at an inner service. Link-local addresses,
    where cloud metadata lives, are refused in any case."""
    timeout_s: Seconds = 5.0
    """Time for one whole delivery, in seconds. Default: 5."""

    def __post_init__(self) -> None:
        """Refuse addresses that could never be called.

        Raises:
            ValueError: not an http(s) address, or plain http without `allow_http`.
        """
        _check("url", self.url, allow_http=self.allow_http)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver(Door):
    """Someone, or something, that is told."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    name: NonEmpty
    """Its name in ladders, escalation levels and metrics."""
    type: Literal["webhook", "alertmanager", "slack", "pagerduty"] = "webhook"
    """What it speaks: `webhook` (our own JSON, see docs/alerts.md), `alertmanager` (API v2; the url
    is that of the Alertmanager, without a path), `slack` (incoming webhook), `pagerduty` (Events
    v2; the url is that of the event door)."""
    routing_key: str = field(default="", repr=False)
    """PagerDuty only: the integration key."""
    min_severity: Severity = "info"
    """Notices below this severity are not sent to it. Default: `info`, everything."""
    only_escalations: bool = False
    """Tell it only what was escalated to it. Default: false. True for pagers."""

    def __post_init__(self) -> None:
        """Refuse a receiver that could never be told anything.

        Raises:
            ValueError: see `Door`, or PagerDuty without its integration key.
        """
        Door.__post_init__(self)
        if self.type == "pagerduty" and not self.routing_key:
            raise ValueError(f"receiver {self.name}: pagerduty needs routing_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationLevel:
    """Who is called, and how long they have to answer."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    receivers: tuple[str, ...]
    """Names of the receivers called at this level."""
    wait_s: Seconds = 600.0
    """Time for an acknowledgement before the next level is called, in seconds. Default: 600."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsSettings:
    """Who is told, and who is called when nobody answers."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    receivers: tuple[Receiver, ...] = ()
    """Who is told. Default: nobody but the journal, the metrics and the status page."""
    escalation: tuple[EscalationLevel, ...] = ()
    """Levels of people, nearest first. Default: none; an escalation then goes to all receivers."""
    repeat_after_s: SecondsOrZero = 3600.0
    """After the last level, call it again every so many seconds until someone acknowledges or the
    incident ends. Default: one hour. 0: do not repeat."""
    max_waiting: Count = 1000
    """Deliveries kept on disk for receivers that are down. Beyond, the oldest are dropped and
    counted. Default: 1000."""
    max_age_s: Seconds = 86_400.0
    """Age at which an undelivered notice is given up, in seconds. Default: one day."""
    retry_max_s: Seconds = 300.0
    """Longest pause between two tries, in seconds. Pauses double from 1 s, with jitter. Default:
    5 minutes."""
    max_answer_bytes: Bytes = 65_536
    """How much of a receiver's answer is read. Default: 64 KiB."""

    def __post_init__(self) -> None:
        """Refuse names that mean two receivers, or none.

        Raises:
            ValueError: a receiver's name is used twice, or a level names an unknown receiver.
        """
        names = [receiver.name for receiver in self.receivers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"receiver {name!r} is there twice; names must differ")
        for level in self.escalation:
            for name in level.receivers:
                if name not in names:
                    raise ValueError(f"escalation names {name!r}, which is not a receiver")


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityStep(Door):
    """One way to get more capacity: a signed call that adds some, and one that takes it back."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    name: NonEmpty
    """Its name in ladders, in the journal and on the status page."""
    body: dict[str, str | int | float | bool] = field(default_factory=dict)
    """Sent as `parameters` of the call. Default: none. A number called `replicas` is exported as
    `stablehand_desired_replicas` while the step is in force, for an autoscaler that reads metrics.
    """
    undo_url: str = field(default="", repr=False)
    """Where to ask to take the step back. Default: the same `url`, with `"operation": "undo"`."""
    is_reversible: bool = True
    """False: the step is never taken back automatically. Default: true."""
    max_tries: Count = 3
    """Tries before the step counts as failed. All carry one idempotency key. Default: 3."""

    def __post_init__(self) -> None:
        """Refuse a step that could not be taken, or not be taken back.

        Raises:
            ValueError: see `Door`, for both addresses.
        """
        Door.__post_init__(self)
        if self.undo_url:
            _check("undo_url", self.undo_url, allow_http=self.allow_http)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitySettings:
    """The capacity steps, in the order in which they are taken."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    steps: tuple[CapacityStep, ...] = ()
    """Default: none; `expand` rungs are then passed over."""

    def __post_init__(self) -> None:
        """Refuse names that mean two steps.

        Raises:
            ValueError: a step's name is used twice.
        """
        names = [step.name for step in self.steps]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"capacity step {name!r} is there twice; names must differ")


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings(Door):
    """Who gets the sampled requests and answers, redacted, as CloudEvents. Never waited for."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    service: str = ""
    """Extension `inferenceservicename`. Default: the name of the candidate."""
    namespace: NonEmpty = "default"
    """Extension `namespace`. Default: `default`."""
    component: NonEmpty = "predictor"
    """Extension `component`. Default: `predictor`, as KServe calls the part that predicts."""
    annotations: Mapping[NonEmpty, str] = field(default_factory=dict)
    """Extension `annotations`, sent as JSON text. Default: none, and then it is left out."""
    max_waiting: Count = 1000
    """Events that may wait; one more is dropped and counted. Default: 1000, some seconds' worth."""
    max_waiting_bytes: Bytes = 8_388_608
    """Bytes of bodies that may wait; more are dropped and counted. Default: 8 MiB."""
    max_in_flight: Count = 4
    """Deliveries under way at once. Default: 4."""
    max_tries: Count = 3
    """Tries of one event where the sink refuses the connection, does not answer or answers 5xx,
    408, 425 or 429. Default: 3, with pauses that double from 0.1 s to 5 s; 1: each event once."""


def _check(name: str, url: str, *, allow_http: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{name} must begin with https:// and name a host")
    if parts.scheme == "http" and not allow_http:
        raise ValueError(f"{name} is plain http; use https, or set allow_http: true")
