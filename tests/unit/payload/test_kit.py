"""The kit."""

from __future__ import annotations

import dataclasses

import pytest

from proxy.payload.features import Features
from proxy.payload.kit import Kit
from proxy.payload.redact import Redactor
from proxy.payload.settings import Payload, Redact


def test_a_kit_does_not_change() -> None:
    """All decoders of one sidecar work with the same tools."""
    kit = Kit(Payload(), Redactor(Redact()), Features(64))
    with pytest.raises(dataclasses.FrozenInstanceError):
        kit.settings = Payload(max_rows=1)  # type: ignore[misc]  # that it fails is the point
