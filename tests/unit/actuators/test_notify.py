"""Who is told, once; the deliveries themselves are in tests/wire/test_notify.py."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import made
from proxy.actuators.notify import Notifier
from proxy.actuators.settings import AlertsSettings, Receiver

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
    tmp_path: Path, changes: dict[str, object], expected: set[str]
) -> None:
    """By severity, and pagers only what is escalated."""
    notifier = Notifier(SETTINGS, tmp_path, count=Counts().add)
    notifier.offer(made.notice(**changes))
    assert told(notifier) == expected


@pytest.mark.parametrize(
    ("named", "expected"), [(("pager",), {"pager"}), (("nobody",), {"all", "loud"})]
)
def test_named_receivers_are_told_alone_and_an_unknown_name_falls_back(
    tmp_path: Path, named: tuple[str, ...], expected: set[str]
) -> None:
    """A ladder that names nobody who exists must not silence the alert."""
    notifier = Notifier(SETTINGS, tmp_path, count=Counts().add)
    notifier.offer(made.notice(), named)
    assert told(notifier) == expected


def test_the_end_is_told_to_those_who_heard_of_it_and_only_to_them(tmp_path: Path) -> None:
    """Also after a restart, and although the end itself is only information."""
    Notifier(SETTINGS, tmp_path, count=Counts().add).offer(made.notice(id="1"), ("pager",))
    notifier = Notifier(SETTINGS, tmp_path, count=Counts().add)
    notifier.offer(made.notice(id="2", kind="resolved", severity="info"))
    assert notifier.waiting() == {"all": 0, "loud": 0, "pager": 2}


def test_an_id_is_told_once(tmp_path: Path) -> None:
    """The same notice offered again, also in another life, is ignored."""
    for _ in range(2):
        notifier = Notifier(SETTINGS, tmp_path, count=Counts().add)
        notifier.offer(made.notice())
        notifier.offer(made.notice())
    assert notifier.waiting() == {"all": 1, "loud": 1, "pager": 0}


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    """The oldest goes, for each receiver that it waited for."""
    counts = Counts()
    notifier = Notifier(SETTINGS, tmp_path, count=counts.add)
    for number in range(5):
        notifier.offer(made.notice(id=f"n{number}"))
    assert counts == {("all", "overflow"): 2, ("loud", "overflow"): 2}
    assert notifier.waiting()["all"] == 3


def test_without_receivers_nothing_waits(tmp_path: Path) -> None:
    """The journal and the metrics still tell it."""
    notifier = Notifier(AlertsSettings(), tmp_path, count=Counts().add)
    notifier.offer(made.notice())
    assert notifier.waiting() == {}
    assert list(tmp_path.glob("*.notice")) == []


@pytest.mark.parametrize(
    ("n_failures", "least_s", "most_s"),
    [(1, 0.5, 1.0), (2, 1.0, 2.0), (4, 4.0, 8.0), (10, 150.0, 300.0), (10_000, 150.0, 300.0)],
)
def test_pauses_double_with_jitter_up_to_the_limit(
    tmp_path: Path, n_failures: int, least_s: float, most_s: float
) -> None:
    """From a second to five minutes; never less than half, so that no receiver is hammered."""
    notifier = Notifier(SETTINGS, tmp_path, count=Counts().add)
    pauses = [notifier._pause_s(n_failures) for _ in range(200)]
    assert least_s <= min(pauses) < max(pauses) <= most_s
    assert max(pauses) - min(pauses) > 0.5 * (most_s - least_s)
