"""Who is told, once; the deliveries themselves are in tests/wire/test_notify.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.actuators.notice import Notice
from proxy.actuators.notify import Notifier
from proxy.actuators.settings import AlertsSettings, Receiver

MakeNotice = Callable[..., Notice]
URL = "https://hooks.example/"
SETTINGS = AlertsSettings(
    receivers=(
        Receiver(name="all", url=URL),
        Receiver(name="loud", url=URL, min_severity="critical"),
        Receiver(name="pager", url=URL, only_escalations=True),
    ),
    max_waiting=3,
)


class Counts(Counter[tuple[str, str]]):
    """Counts results by receiver."""

    def add(self, receiver: str, result: str) -> None:
        """Count one."""
        self[receiver, result] += 1


def told(notifier: Notifier) -> set[str]:
    """Give the receivers for whom something waits."""
    return {name for name, n in notifier.waiting().items() if n}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"severity": "warning"}, {"all"}),
        ({"severity": "critical"}, {"all", "loud"}),
        ({"severity": "critical", "kind": "escalation"}, {"all", "loud", "pager"}),
        ({"severity": "info", "kind": "action"}, {"all"}),
    ],
)
def test_receivers_are_told_what_they_want(
    tmp_path: Path, make_notice: MakeNotice, changes: dict[str, object], expected: set[str]
) -> None:
    """By severity, and pagers only what is escalated."""
    notifier = Notifier(SETTINGS, tmp_path, count=Counts().add)
    notifier.offer(make_notice(**changes))
    assert told(notifier) == expected


@pytest.mark.parametrize(
    ("named", "expected"), [(("pager",), {"pager"}), (("nobody",), {"all", "loud"})]
)
def test_named_receivers_are_told_alone_and_an_unknown_name_falls_back(
    tmp_path: Path, make_notice: MakeNotice, named: tuple[str, ...], expected: set[str]
) -> None:
    """A ladder that names nobody who exists must not silence the alert."""
    notifier = Notifier(SETTINGS, tmp_path, count=Counts().add)
    notifier.offer(make_notice(), named)
    assert told(notifier) == expected


def test_the_end_is_told_to_those_who_heard_of_it_and_only_to_them(
    tmp_path: Path, make_notice: MakeNotice
) -> None:
    """Also after a restart, and although the end itself is only information."""
    Notifier(SETTINGS, tmp_path, count=Counts().add).offer(make_notice(id="1"), ("pager",))
    notifier = Notifier(SETTINGS, tmp_path, count=Counts().add)
    notifier.offer(make_notice(id="2", kind="resolved", severity="info"))
    assert notifier.waiting() == {"all": 0, "loud": 0, "pager": 2}


def test_an_id_is_told_once(tmp_path: Path, make_notice: MakeNotice) -> None:
    """The same notice offered again, also in another life, is ignored."""
    for _ in range(2):
        notifier = Notifier(SETTINGS, tmp_path, count=Counts().add)
        notifier.offer(make_notice())
        notifier.offer(make_notice())
    assert notifier.waiting() == {"all": 1, "loud": 1, "pager": 0}


def test_what_does_not_fit_is_counted(tmp_path: Path, make_notice: MakeNotice) -> None:
    """The oldest goes, for each receiver that it waited for."""
    counts = Counts()
    notifier = Notifier(SETTINGS, tmp_path, count=counts.add)
    for number in range(5):
        notifier.offer(make_notice(id=f"n{number}"))
    assert counts == {("all", "overflow"): 2, ("loud", "overflow"): 2}
    assert notifier.waiting()["all"] == 3


def test_without_receivers_nothing_waits(tmp_path: Path, make_notice: MakeNotice) -> None:
    """The journal and the metrics still tell it."""
    notifier = Notifier(AlertsSettings(), tmp_path, count=Counts().add)
    notifier.offer(make_notice())
    assert notifier.waiting() == {}
    assert list(tmp_path.glob("*.notice")) == []
