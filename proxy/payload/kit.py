"""What every decoder needs beside the body: the settings, the redaction and the features."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.payload.features import Features
from proxy.payload.redact import Redactor
from proxy.payload.settings import Payload


@dataclass(frozen=True, slots=True)
class Kit:
    """The tools of one decoder, made once."""

    settings: Payload
    redactor: Redactor
    features: Features
