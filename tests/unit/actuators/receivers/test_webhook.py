"""The readable JSON body."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.actuators.notice import Notice
from proxy.actuators.receivers.webhook import write
from proxy.actuators.settings import Receiver

RECEIVER = Receiver(name="ops", url="https://hooks.example/x")


def test_the_body_is_the_whole_notice_line_by_line(make_notice: Callable[..., Notice]) -> None:
    """Nothing is lost, and a person can read it as it is."""
    letter = write(make_notice(), RECEIVER)
    assert msgspec.json.decode(letter.body, type=Notice) == make_notice()
    assert b'\n  "title": "Model: the candidate alone goes wrong' in letter.body
    assert (letter.url, letter.id) == (RECEIVER.url, "a1/alert/disagreement#1/0")
    assert letter.fields == {"X-Stablehand-Kind": "firing"}
