"""The readable JSON body."""

from __future__ import annotations

import msgspec

import made
from proxy.actuators.notice import Notice
from proxy.actuators.receivers.webhook import write
from proxy.actuators.settings import Receiver

RECEIVER = Receiver(name="ops", url="https://hooks.example/x")


def test_the_body_is_the_whole_notice_line_by_line() -> None:
    """Nothing is lost, and a person can read it as it is."""
    letter = write(made.notice(), RECEIVER)
    assert msgspec.json.decode(letter.body, type=Notice) == made.notice()
    assert b'\n  "title": "Model: the candidate alone goes wrong' in letter.body
    assert (letter.url, letter.id) == (RECEIVER.url, "a1/alert/disagreement#1/0")
    assert letter.fields == {"X-Stablehand-Kind": "firing"}
