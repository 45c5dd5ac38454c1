"""The units that settings are made of, their strictness, and how long an hour and a day are.

Settings are frozen dataclasses that live in the room they set. They know nothing of YAML or of
pydantic: `config.py` validates them through the annotations below. This keeps the relay light.
"""

from __future__ import annotations

from typing import Annotated, Final

from annotated_types import Ge, Gt, Le, MinLen

Fraction = Annotated[float, Ge(0), Le(1)]
Seconds = Annotated[float, Gt(0)]
SecondsOrZero = Annotated[float, Ge(0)]
Bytes = Annotated[int, Ge(0)]
Count = Annotated[int, Ge(1)]
CountOrZero = Annotated[int, Ge(0)]
Port = Annotated[int, Ge(0), Le(65535)]
"""0 lets the system choose a free port."""
Positive = Annotated[float, Gt(0)]
NonEmpty = Annotated[str, MinLen(1)]

HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S

STRICT: Final[dict[str, object]] = {
    "extra": "forbid",
    "use_attribute_docstrings": True,
    "allow_inf_nan": False,
}
"""Put as `__pydantic_config__` on every settings class: unknown keys are errors, numbers are finite
(the relay gets them as JSON, which knows no others), and the docstring below each field becomes its
description in the JSON Schema."""
