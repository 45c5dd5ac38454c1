"""Write the pages that are made from the code: `make docs`.

`docs/configuration.md` explains every key, `config/stablehand.yaml` is the default as a file. Both
come from the settings classes by way of their JSON Schema, so a key is described in one place: the
docstring below its field. `tests/deploy/test_configuration.py` fails when they are not current.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from proxy import config

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "configuration.md"
DEFAULT = ROOT / "config" / "stablehand.yaml"
EXAMPLE_URL = "http://127.0.0.1:8080"
LIMITS = {
    "exclusiveMinimum": "> {}",
    "minimum": "≥ {}",
    "exclusiveMaximum": "< {}",
    "maximum": "≤ {}",
    "maxLength": "at most {} characters",
}

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One configuration key with what the schema says about it."""

    path: str
    """Dotted, such as `listen.tls.key`."""
    schema: Schema
    text: str
    """Its description, in one line."""
    section: Schema | None
    """The schema of the keys below it. `None`: it is a plain value."""
    is_optional: bool
    default: Any
    """Its value when it is left out. `None` also where it must be given or is absent."""
    is_required: bool


def described(text: str) -> str:
    """Give a docstring as one line."""
    return " ".join(text.split())


class Reader:
    """Walks a JSON Schema beside the defaults that the settings really have."""

    def __init__(self, schema: Schema, defaults: Schema) -> None:
        """Read from the schema of the whole configuration."""
        self._schema = schema
        self._defaults = defaults
        self._explained: dict[str, str] = {}

    def explained(self, schema: Schema, path: str) -> str:
        """Give the path where a class was explained before; empty the first time."""
        first = self._explained.setdefault(schema.get("title", path), path)
        return "" if first == path else first

    def resolve(self, schema: Schema) -> Schema:
        """Follow a reference to its definition."""
        if "$ref" in schema:
            found: Schema = self._schema["$defs"][schema["$ref"].split("/")[-1]]
            return found
        return schema

    def alternatives(self, schema: Schema) -> list[Schema]:
        """Give the types a value may have, `null` aside."""
        options = schema.get("anyOf", schema.get("oneOf", [schema]))
        return [self.resolve(option) for option in options if option.get("type") != "null"]

    def keys(self, schema: Schema, path: str, defaults: Any) -> Iterator[Key]:
        """Give the keys of one section, in the order of the settings class."""
        for name, inner in schema.get("properties", {}).items():
            options = self.alternatives(inner)
            section = options[0] if len(options) == 1 and "properties" in options[0] else None
            value = defaults.get(name) if isinstance(defaults, dict) else None
            if value is None:
                value = inner.get("default")
            yield Key(
                path=f"{path}.{name}" if path else name,
                schema=inner,
                text=described(inner.get("description", (section or {}).get("description", ""))),
                section=section,
                is_optional=len(options) != len(inner.get("anyOf", options)),
                default=value,
                is_required=name in schema.get("required", []),
            )

    def top(self) -> Iterator[Key]:
        """Give the keys at the top of the file."""
        return self.keys(self._schema, "", self._defaults)

    def kind(self, schema: Schema) -> str:
        """Name the type and the limits of a value, such as `number > 0`."""
        names = []
        for option in self.alternatives(schema):
            if "enum" in option or "const" in option:
                words = option.get("enum", [option.get("const")])
                names.append(" or ".join(f"`{word}`" for word in words))
            elif option.get("type") == "array":
                items = option.get("items") or {}
                names.append(f"list of {self.kind(items)}" if items else "list")
            elif option.get("type") == "object":
                names.append(f"`{option['title']}`" if "properties" in option else "mapping")
            else:
                limits = [text.format(option[k]) for k, text in LIMITS.items() if k in option]
                words = {"string": "text", "integer": "whole number", "boolean": "yes or no"}
                kind = words.get(option.get("type", ""), option.get("type", "any"))
                names.append(" ".join([kind, ", ".join(limits)]).strip())
        return " or ".join(names)

    def listed(self, schema: Schema) -> Iterator[Schema]:
        """Give the classes that the items of a list or the values of a mapping are made of."""
        for option in self.alternatives(schema):
            for word in ("items", "additionalProperties"):
                inner = option.get(word)
                if isinstance(inner, dict):
                    yield from (o for o in self.alternatives(inner) if "properties" in o)


def shown(key: Key) -> str:
    """Give the default of a key as it stands in YAML."""
    if key.is_required:
        return "must be given"
    if key.default is None:
        return "none"
    text = json.dumps(key.default, ensure_ascii=False)
    short = 60
    return f"`{text}`" if len(text) <= short else "see `config/stablehand.yaml`"


def table(reader: Reader, keys: list[Key]) -> Iterator[str]:
    """Give the rows of one section."""
    yield "| key | value | default | effect |"
    yield "| --- | --- | --- | --- |"
    for key in keys:
        name = key.path.rsplit(".", maxsplit=1)[-1]
        text = key.text.replace("|", "\\|")
        kind = "section" if key.section else reader.kind(key.schema)
        default = "see below" if key.section and not key.is_optional else shown(key)
        yield f"| `{name}` | {kind} | {default} | {text} |"


def section(reader: Reader, title: str, schema: Schema, path: str, defaults: Any) -> Iterator[str]:
    """Give one section and the sections below it; a class is explained once."""
    yield from ("", f"{'#' * min(2 + path.count('.'), 4)} {title}", "")
    elsewhere = reader.explained(schema, path)
    if elsewhere:
        yield f"The same keys as [`{elsewhere}`](#{re.sub('[^a-z_]', '', elsewhere)})."
        return
    keys = list(reader.keys(schema, path, defaults))
    yield described(schema.get("description", ""))
    yield ""
    yield from table(reader, keys)
    for key in keys:
        if key.section:
            yield from section(reader, f"`{key.path}`", key.section, key.path, key.default)
        for option in reader.listed(key.schema):
            yield from section(reader, f"`{key.path}[]`", option, f"{key.path}[]", {})


def reference(reader: Reader) -> str:
    """Give the page that explains every key."""
    lines = [
        "# Configuration",
        "",
        "<!-- Written by `make docs` from the docstrings of the settings: change them there. -->",
        "",
        "One YAML file, named on the command line: `stablehand run CONFIG`. Only",
        "`models.candidate.url` must be given. `stablehand check CONFIG` reports every mistake at",
        "once with file, line and key; unknown keys are mistakes. Any key can be overridden by the",
        "environment, `STABLEHAND__mirror__fraction=0.1`; secrets are written as `${file:PATH}` or",
        "`${env:NAME}`. [config/stablehand.yaml](../config/stablehand.yaml) is the default as a",
        "file; `stablehand schema` prints the JSON Schema for editors.",
        "",
        "## At the top",
        "",
    ]
    keys = list(reader.top())
    lines += table(reader, keys)
    for key in keys:
        if key.section:
            lines += section(reader, f"`{key.path}`", key.section, key.path, key.default)
    return "\n".join(lines) + "\n"


def comment(text: str, indent: str) -> Iterator[str]:
    """Give a description as comment lines."""
    for line in textwrap.wrap(text, 100 - len(indent) - 2):
        yield f"{indent}# {line}"


def written(value: Any) -> str:
    """Give a value in YAML's flow style, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return re.sub(r"\n\.\.\.\n$", "", text).strip()


def lines_of(reader: Reader, key: Key, depth: int, *, is_off: bool) -> Iterator[str]:
    """Give the lines of one key in the default file; what has no default is a comment."""
    indent = "  " * depth
    name = key.path.rsplit(".", maxsplit=1)[-1]
    is_absent = key.default is None and not key.is_required
    off = "# " if is_off or is_absent else ""
    yield from comment(key.text, indent)
    if key.section is None:
        value = EXAMPLE_URL if key.is_required and name == "url" else key.default
        yield f"{indent}{off}{name}: {written(value) if value is not None else ''}".rstrip()
        return
    yield f"{indent}{off}{name}:"
    if is_absent:
        names = ", ".join(reader.resolve(key.section)["properties"])
        yield from comment(f"Its keys: {names}.", indent + "  ")
        return
    for inner in reader.keys(key.section, key.path, key.default):
        yield from lines_of(reader, inner, depth + 1, is_off=bool(off))


def default_file(reader: Reader) -> str:
    """Give the default configuration with every key and its comment."""
    lines = [
        "# The default configuration of stablehand: every key with the value it has when it is",
        "# left out. Only models.candidate.url must be given, so a file of three lines will do.",
        "# Written by `make docs`; explained in docs/configuration.md.",
    ]
    for key in reader.top():
        lines.append("")
        lines += lines_of(reader, key, 0, is_off=False)
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Give every page that is made from the code, with its text."""
    minimal = {"models": {"candidate": {"url": EXAMPLE_URL}}}
    adapter = TypeAdapter(config.Config)
    defaults = adapter.dump_python(adapter.validate_python(minimal), mode="json")
    reader = Reader(config.schema(), defaults)
    return {REFERENCE: reference(reader), DEFAULT: default_file(reader)}


def main() -> None:
    """Write the pages that are not current."""
    for path, text in pages().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
