"""What is changed in a head for one upstream: its host, and the model's name in its paths.

Only where the operator asked for it, and for copies; everything else passes untouched.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.relay.settings import Upstream

_HOST_LINE: Final = re.compile(rb"\r\nhost:[^\r]*", re.IGNORECASE)
_MODEL_SEGMENT: Final = re.compile(rb"(/models/)[^/:?\s]+")
_BODY_MODEL: Final = re.compile(rb'\A(\s*\{\s*"model"\s*:\s*")[^"\\]*(")')


def rewritten(forward: bytes, upstream: Upstream) -> bytes:
    """Give the head `forward` as `upstream` wants it."""
    if upstream.host is not None:
        host = b"\r\nHost: " + upstream.host.encode("latin-1")
        forward = _HOST_LINE.sub(lambda _: host, forward, count=1)
    if upstream.model is not None:
        model = upstream.model.encode()
        line, _, rest = forward.partition(b"\r\n")
        line = _MODEL_SEGMENT.sub(lambda match: match.group(1) + model, line, count=1)
        forward = line + b"\r\n" + rest
    return forward


def body_with_model(body: bytes, upstream: Upstream) -> bytes:
    """Give a copy's JSON body with the member `model`, if it comes first, named for `upstream`."""
    if upstream.model is None:
        return body
    model = upstream.model.encode()
    return _BODY_MODEL.sub(lambda match: match.group(1) + model + match.group(2), body, count=1)
