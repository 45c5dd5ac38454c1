"""The status page: one HTML document with its style and script inside, no other requests.

It is put together once from the files in `static/`. The content
security policy names the two inline parts by their hash, so that nothing else can ever run; the
script writes data as text, never as markup, and only asks `/api/v1/status`.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The document and the policy to send with it."""

    body: bytes
    policy: str
    """Value of `Content-Security-Policy`."""


def page() -> Page:
    """Put the page together; reads five small files of the package."""
    folder = Path(__file__).parent / "static"
    style = "".join((folder / name).read_text("utf-8") for name in ("tokens.css", "page.css"))
    script = "".join((folder / name).read_text("utf-8") for name in ("charts.js", "page.js"))
    document = (folder / "page.html").read_text("utf-8")
    body = document.replace("/*STYLE*/", style).replace("/*SCRIPT*/", script)
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}'; script-src 'sha256-"
        f"{_hash(script)}'; connect-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return Page(body=body.encode(), policy=policy)


def _hash(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()
