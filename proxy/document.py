"""A configuration file as plain values, each knowing where it came from.

YAML text and `STABLEHAND__…` environment variables become one tree of plain values; secrets
written as `${file:PATH}` or `${env:NAME}` are filled in last, so that the tree before that step can
be shown to people. Nothing here knows which keys exist: that is `config.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import yaml

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"
Path_: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the root to a value."""

PREFIX: Final = "STABLEHAND__"
MAX_BYTES: Final = 1024 * 1024
MAX_NODES: Final = 20_000
"""Values after aliases are followed; more is an alias bomb, not a configuration."""
MAX_DEPTH: Final = 50
"""Sections within sections; deeper is a loop of aliases, or meant to hurt."""
MAX_INT: Final = 2**53
"""Largest whole number: the largest that every reader of JSON takes as it is."""
MAX_SECRET_BYTES: Final = 64 * 1024
"""Longest file that `${file:PATH}` may name."""
HIDDEN: Final = "(hidden)"
"""Stands for a secret wherever people look."""

_REFERENCE: Final = re.compile(r"\$\{(file|env):([^}]*)\}")
_TAG: Final = "tag:yaml.org,2002:"
_TYPED: Final = frozenset({"null", "bool", "int", "float"})
_TEXT: Final = frozenset({"str", "timestamp", "value", "merge", "binary"})
"""Read as the text that was written: a date in a configuration is a name or a version."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a configuration: where, and what to do."""

    where: str
    """`FILE:LINE`, or the environment variable."""
    line: int
    """For the order of the report; 0 for the environment."""
    path: str
    """The key, such as `mirror.fraction`; empty for the whole file."""
    message: str

    def __str__(self) -> str:
        """Give the line people see."""
        return f"{self.where}: {self.path}: {self.message}" if self.path else self.message_only()

    def message_only(self) -> str:
        """Give place and message for a problem without a key."""
        return f"{self.where}: {self.message}"


class DocumentError(Exception):
    """The text cannot be read as one tree of values. Carries the problems found."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep all problems: they are reported at once."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(slots=True)
class Document:
    """A tree of values with the origin of each."""

    name: str
    """The file's name, for messages."""
    tree: dict[str, Value]
    lines: dict[Path_, int] = field(default_factory=dict)
    """Line of each key, from 1."""
    variables: dict[Path_, str] = field(default_factory=dict)
    """Environment variable that set the value, where one did."""
    references: dict[Path_, str] = field(default_factory=dict)
    """Values that hold `${file:...}` or `${env:...}`, as they were written; see `filled`."""
    secrets: set[str] = field(default_factory=set, repr=False)
    """What was filled in for references: it must not reach a message."""

    def problem(self, path: Path_, message: str) -> Problem:
        """Locate `message` at `path`, or at the nearest place around it that stands in the file."""
        shown = dotted(path)
        for secret in sorted(self.secrets, key=len, reverse=True):
            message = message.replace(secret, HIDDEN).replace(repr(secret)[1:-1], HIDDEN)
        for length in range(len(path), -1, -1):
            place = path[:length]
            if place in self.variables:
                return Problem(self.variables[place], 0, shown, message)
            if place in self.lines:
                line = self.lines[place]
                return Problem(f"{self.name}:{line}", line, shown, message)
        return Problem(f"{self.name}:1", 1, shown, message)


def dotted(path: Path_) -> str:
    """Write a path as people do: `alerts.receivers[0].url`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def parse(text: str, name: str) -> Document:
    """Read YAML `text`.

    Raises:
        DocumentError: not YAML, not a mapping, a repeated key, too large, or nested too deeply.
    """
    try:
        n_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise _refused(name, 1, "it is not UTF-8 text") from error
    if n_bytes > MAX_BYTES:
        raise _refused(name, 1, f"longer than {MAX_BYTES} bytes")
    _check_depth(text, name)
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise _syntax_error(error, name) from error
    if root is None:
        return Document(name, {}, {(): 1})
    reader = _Reader(name)
    tree = reader.read(root, ())
    if reader.problems:
        raise DocumentError(sorted(reader.problems))
    if not isinstance(tree, dict):
        raise _refused(name, 1, "must be a mapping of keys to values")
    return Document(name, tree, reader.lines)


def _check_depth(text: str, name: str) -> None:
    """Look at the nesting event by event: composing recurses in C, where depth ends the process.

    Raises:
        DocumentError: not YAML, or deeper than `MAX_DEPTH`.
    """
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1 if event.start_mark is not None else 1
                raise _refused(name, line, f"nested deeper than {MAX_DEPTH} levels")
    except yaml.YAMLError as error:
        raise _syntax_error(error, name) from error


def _refused(name: str, line: int, message: str) -> DocumentError:
    return DocumentError([Problem(f"{name}:{line}", line, "", message)])


def _syntax_error(error: yaml.YAMLError, name: str) -> DocumentError:
    match error:
        case yaml.MarkedYAMLError(problem=str(what)) if error.problem_mark is not None:
            return _refused(name, error.problem_mark.line + 1, f"not valid YAML: {what}")
        case yaml.reader.ReaderError(reason=str(what)):
            return _refused(name, 1, f"not valid YAML: {what}")
        case _:
            return _refused(name, 1, f"not valid YAML: {error}")


class _Reader:
    """Turns YAML nodes into values and notes the line of each."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._scalars = yaml.CSafeLoader("")
        self._n_nodes = 0
        self.lines: dict[Path_, int] = {}
        self.problems: list[Problem] = []

    def read(self, node: yaml.Node, path: Path_) -> Value:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self._n_nodes += 1
        if self._n_nodes > MAX_NODES:
            if self._n_nodes == MAX_NODES + 1:
                self._complain(line, path, f"more than {MAX_NODES} values: are aliases repeated?")
            return None
        if len(path) > MAX_DEPTH:
            self._complain(line, path[:1], f"nested deeper than {MAX_DEPTH} levels")
            self._n_nodes = MAX_NODES + 1  # once is enough
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, at)) for at, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(line, path, "has a key that is a list or a mapping; write a word")
                continue
            if key_node.tag == f"{_TAG}merge":
                self._complain(line, path, "merges with `<<`; write the keys out instead")
                continue
            key = str(key_node.value)
            if key in values:
                self._complain(line, (*path, key), "is given twice")
            self.lines[(*path, key)] = line
            values[key] = self.read(value_node, (*path, key))
        return values

    def _scalar(self, node: yaml.Node, path: Path_) -> Value:
        line = node.start_mark.line + 1
        kind = str(node.tag).removeprefix(_TAG)
        if kind in _TEXT:
            if "\0" in node.value:
                self._complain(line, path, "holds a NUL character")
            return str(node.value)
        if kind not in _TYPED:
            self._complain(line, path, f"cannot be read: the tag {node.tag!r} means nothing here")
            return None
        try:
            value = self._scalars.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError, LookupError):
            self._complain(line, path, f"cannot be read as {kind}")
            return None
        if isinstance(value, int) and abs(value) > MAX_INT:
            self._complain(line, path, f"is larger than {MAX_INT}")
        return value if isinstance(value, bool | int | float) else None

    def _complain(self, line: int, path: Path_, message: str) -> None:
        self.problems.append(Problem(f"{self._name}:{line}", line, dotted(path), message))


def overlay(document: Document, environment: Mapping[str, str]) -> None:
    """Lay `STABLEHAND__key__key=value` over the tree; values are read as YAML.

    Raises:
        DocumentError: a variable that cannot be laid over the tree.
    """
    problems = []
    for variable in sorted(environment):
        if not variable.startswith(PREFIX):
            continue
        if not _is_text(variable) or not _is_text(environment[variable]):
            problems.append(Problem(ascii(variable), 0, "", "is not UTF-8 text"))
            continue
        path = tuple(variable.removeprefix(PREFIX).split("__"))
        try:
            value = parse(f"value: {environment[variable]}", variable).tree["value"]
        except DocumentError:
            value = environment[variable]
        if not all(path) or not _put(document.tree, path, value):
            problems.append(
                Problem(variable, 0, dotted(path), "names no place that a value can be put at")
            )
        document.variables[path] = variable
    if problems:
        raise DocumentError(problems)


def _is_text(text: str) -> bool:
    """Tell text from bytes that the system could not decode."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _put(tree: dict[str, Value], path: tuple[str, ...], value: Value) -> bool:
    for key in path[:-1]:
        below = tree.get(key)
        if below is None:
            below = tree[key] = {}
        if not isinstance(below, dict):
            return False
        tree = below
    tree[path[-1]] = value
    return True


def filled(document: Document, environment: Mapping[str, str]) -> dict[str, Value]:
    """Give the tree with every `${file:PATH}` and `${env:NAME}` replaced by what it names.

    A relative PATH is looked for beside the document. What was filled in is noted in the document,
    so that it can be kept out of messages.

    Raises:
        DocumentError: a file that cannot be read, a variable that is not set.
    """
    problems: list[Problem] = []
    folder = Path(document.name).parent

    def fetch(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        found = environment[name] if kind == "env" else _read(folder / name)
        if found:
            document.secrets.add(found)
        return found

    def fill(value: Value, path: Path_) -> Value:
        if isinstance(value, dict):
            return {key: fill(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item, (*path, at)) for at, item in enumerate(value)]
        if not isinstance(value, str) or not _REFERENCE.search(value):
            return value
        document.references[path] = value
        try:
            return _REFERENCE.sub(fetch, value)
        except (OSError, LookupError, ValueError) as error:
            named = ", ".join(match[0] for match in _REFERENCE.finditer(value))
            problems.append(document.problem(path, f"{named}: {_why(error)}"))
            return value

    tree = {key: fill(value, (key,)) for key, value in document.tree.items()}
    if problems:
        raise DocumentError(problems)
    return tree


def _read(path: Path) -> str:
    """Give the text of a small file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is longer than `MAX_SECRET_BYTES`, or no UTF-8 text.
    """
    with path.open("rb") as file:
        raw = file.read(MAX_SECRET_BYTES + 1)
    if len(raw) > MAX_SECRET_BYTES:
        raise ValueError(f"the file is longer than {MAX_SECRET_BYTES} bytes")
    return raw.decode().strip()


def _why(error: Exception) -> str:
    match error:
        case LookupError():
            return "the environment variable is not set"
        case OSError():
            return f"the file cannot be read ({error.strerror})"
        case UnicodeDecodeError():
            return "the file is not UTF-8 text"
        case _:
            return str(error)
