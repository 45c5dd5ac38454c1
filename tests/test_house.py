"""The rules of the house that no ready linter knows: sizes, words, mirrors, clocks, tasks.

Each test gives all offences at once, as `file:line: what`. Ruff, mypy and import-linter keep the
rest (`make check`). The rules are explained in CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_ARGUMENTS = 6
UNDOCUMENTED_LINES = 25
"""A private function longer than this needs a docstring too."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef

FORBIDDEN_WORDS = {
    # the glossary's "do not say" column, as far as the words have no other use in code
    *("transaction", "backend", "primary", "champion", "challenger", "golden", "anomaly"),
    *("debounce", "playbook", "rollback", "whitelist", "blacklist", "baseline"),
    # names that say nothing
    *("utils", "util", "helper", "helpers", "manager", "misc", "stuff", "foo", "tmp"),
}


@cache
def tracked() -> tuple[Path, ...]:
    """Give the files of the repository that exist, as git knows them."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    return tuple(p for name in listing.split("\0") if name and (p := ROOT / name).is_file())


@cache
def sources(*rooms: str) -> tuple[Path, ...]:
    """Give the Python files, all of them or those of some top-level folders."""
    return tuple(
        path
        for path in tracked()
        if path.suffix == ".py" and (not rooms or path.relative_to(ROOT).parts[0] in rooms)
    )


@cache
def tree(path: Path) -> ast.Module:
    """Give the parsed file."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def none(offences: list[str]) -> None:
    """Fail with one offence a line."""
    assert not offences, "\n" + "\n".join(offences)


def at(path: Path, node: ast.AST, what: str) -> str:
    """Give one offence as `file:line: what`."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}: {what}"


def nodes(path: Path, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    """Give the nodes of some kinds in a file."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, kinds))


def functions(path: Path) -> Iterator[Function]:
    """Give every function and method of a file."""
    for node in nodes(path, ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, Function)
        yield node


def length(function: Function) -> int:
    """Count the lines of a function without its docstring and decorators."""
    first = function.body[0]
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def arguments(function: Function) -> int:
    """Count the parameters of a function, `self` and `cls` aside."""
    given = function.args
    named = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in named if name not in {"self", "cls"}])


def called(node: ast.Call) -> str:
    """Give the dotted name of what is called, such as `time.monotonic`; empty if it has none."""
    parts: list[str] = []
    inner: ast.expr = node.func
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    parts.append(inner.id if isinstance(inner, ast.Name) else "")
    return ".".join(reversed(parts))


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    """A file that outgrows one sitting is cut along its stages."""
    none(
        [
            at(path, tree(path), f"{n} lines")
            for path in sources()
            if (n := len(path.read_text("utf-8").splitlines())) > MAX_FILE_LINES
        ]
    )


def test_no_function_is_longer_than_sixty_lines() -> None:
    """A function fits on a screen; its docstring may be as long as it must."""
    none(
        [
            at(path, function, f"{function.name} has {n} lines")
            for path in sources()
            for function in functions(path)
            if (n := length(function)) > MAX_FUNCTION_LINES
        ]
    )


def test_no_function_takes_more_than_six_arguments() -> None:
    """Arguments that travel together are a value that has no name yet.

    The parameters of a command are the options that people type, as many as there are.
    """
    none(
        [
            at(path, function, f"{function.name} takes {n} arguments")
            for path in sources()
            if not path.is_relative_to(ROOT / "proxy" / "cli")
            for function in functions(path)
            if (n := arguments(function)) > MAX_ARGUMENTS
        ]
    )


def undocumented(path: Path, parent: ast.Module | ast.ClassDef, *, is_public: bool) -> list[str]:
    """Give what lacks a docstring below `parent`; what a private class holds is private.

    So is what a class of the tests holds: there the class says what it stands for.
    """
    missing = []
    for node in parent.body:
        if not isinstance(node, Documented):
            continue
        is_open = is_public and not node.name.startswith("_")
        is_long = isinstance(node, Function) and length(node) > UNDOCUMENTED_LINES
        if ast.get_docstring(node) is None and (is_open or is_long):
            missing.append(at(path, node, node.name))
        if isinstance(node, ast.ClassDef):
            missing += undocumented(path, node, is_public=is_open and "tests" not in path.parts)
    return missing


def test_everything_says_what_it_is_for() -> None:
    """Modules, classes, public functions, long private ones and every test have a docstring."""
    missing = [at(p, tree(p), "module") for p in sources() if ast.get_docstring(tree(p)) is None]
    for path in sources():
        missing += undocumented(path, tree(path), is_public=True)
    none(missing)


def mirrored(module: Path) -> Path:
    """Give the test file that belongs to a module of the package."""
    inner = module.relative_to(ROOT / "proxy")
    return ROOT / "tests" / "unit" / inner.parent / f"test_{inner.stem.strip('_')}.py"


def is_stub(function: Function) -> bool:
    """Tell whether a function only has a docstring or an ellipsis, as in a Protocol."""
    return all(
        isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        for line in function.body
    )


def needs_a_test(module: Path) -> bool:
    """Tell whether a module computes anything: declarations and entry points need no mirror."""
    is_entry = module.name in {"__init__.py", "__main__.py"}
    return not is_entry and not all(is_stub(function) for function in functions(module))


def test_every_module_has_its_mirror_among_the_tests() -> None:
    """`proxy/a/b.py` is tested by `tests/unit/a/test_b.py`, so one always knows where to look."""
    none(
        [
            f"{module.relative_to(ROOT)}: no {mirrored(module).relative_to(ROOT)}"
            for module in sources("proxy")
            if needs_a_test(module) and not mirrored(module).is_file()
        ]
    )


def test_every_unit_test_mirrors_a_module() -> None:
    """A unit test file is named after one module; `test_b_limits.py` may add an aspect of `b`."""
    names = {mirrored(module).with_suffix("") for module in sources("proxy")}
    orphans = [
        str(path.relative_to(ROOT))
        for path in sources("tests")
        if path.is_relative_to(ROOT / "tests" / "unit")
        and path.name.startswith("test_")
        and not any(
            path.parent == name.parent
            and (path.stem == name.name or path.stem.startswith(f"{name.name}_"))
            for name in names
        )
    ]
    none(orphans)


def test_only_the_clock_reads_the_time() -> None:
    """Every other file is handed `now_s`, which makes it testable on a virtual clock."""
    clocks = re.compile(
        r"^(time\.(time|monotonic|perf_counter|process_time|localtime|gmtime)(_ns)?"
        r"|(datetime\.)?(datetime|date)\.(now|utcnow|today)|(.*loop)?\.time)$"
    )
    none(
        [
            at(path, node, called(node))
            for path in sources("proxy")
            if path.name != "clock.py"
            for node in nodes(path, ast.Call)
            if isinstance(node, ast.Call) and clocks.match(called(node))
        ]
    )


def test_only_tasks_creates_tasks() -> None:
    """A task without an owner is a leak: all of them come from `tasks.TaskGroup`."""
    makers = {"create_task", "ensure_future", "run_coroutine_threadsafe"}
    none(
        [
            at(path, node, called(node))
            for path in sources("proxy")
            if path != ROOT / "proxy" / "tasks.py"
            for node in nodes(path, ast.Call)
            if isinstance(node, ast.Call)
            and (called(node).split(".")[-1] in makers or called(node) == "asyncio.TaskGroup")
        ]
    )


def test_what_is_swallowed_is_explained_where_it_is() -> None:
    """No bare except; a handler that does nothing, a `noqa`, a `type: ignore` give their reason."""
    offences = []
    explained = re.compile(r"#\s*(noqa: [A-Z0-9, ]++|type: ignore\[[a-z-, ]++\]).*[A-Za-z]{2}")
    for path in sources():
        lines = path.read_text("utf-8").splitlines()
        for node in nodes(path, ast.ExceptHandler):
            assert isinstance(node, ast.ExceptHandler)
            last = node.body[-1]
            is_silent = isinstance(last, ast.Pass) and not any(
                "#" in line for line in lines[node.lineno - 1 : last.lineno]
            )
            if node.type is None or is_silent:
                offences.append(at(path, node, "says no reason"))
        for number, line in enumerate(lines, 1):
            comment = re.search(r"#\s*(noqa|type: ignore)\b.*", line)
            if comment and path != Path(__file__) and not explained.match(comment.group()):
                offences.append(f"{path.relative_to(ROOT)}:{number}: {comment.group()}")
    none(offences)


def test_nothing_is_left_to_do() -> None:
    """What is not done belongs into an issue, not into the code."""
    word = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
    none(
        [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
            for path in tracked()
            if path.suffix in {".py", ".md", ".yaml", ".toml", ".html"} or path.name == "Makefile"
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
            if word.search(line)
        ]
    )


def test_no_file_names_this_machine_or_a_package_index() -> None:
    """The repository works anywhere: no absolute paths of a workplace, no index addresses."""
    places = ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/opt/whe" + "els", "/Us" + "ers/")
    hosts = (
        "pypi.o" + "rg",
        "pythonhos" + "ted",
        "npm" + "js.",
        "debian.o" + "rg",
        "crates.i" + "o",
    )
    none(
        [
            f"{path.relative_to(ROOT)}: {word}"
            for path in tracked()
            if b"\0" not in path.read_bytes()[:1024]
            for word in (*places, *hosts)
            if word in path.read_text("utf-8", errors="replace")
        ]
    )


def settings_classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    """Give the classes that configuration keys are made of."""
    for path in sources("proxy"):
        for node in nodes(path, ast.ClassDef):
            assert isinstance(node, ast.ClassDef)
            text = ast.unparse(node)
            if "__pydantic_config__" in text or (
                path.name == "settings.py" and "dataclass(" in text
            ):
                yield path, node


def test_every_settings_class_refuses_unknown_keys() -> None:
    """`__pydantic_config__ … = STRICT` stands first, so that a typing error is an error."""
    none(
        [
            at(path, node, node.name)
            for path, node in settings_classes()
            if ast.unparse(node.body[1])
            != "__pydantic_config__: ClassVar[dict[str, object]] = STRICT"
        ]
    )


def test_every_configuration_key_says_what_it_does() -> None:
    """The docstring below a key becomes its line in docs/configuration.md and in the schema."""
    missing = []
    for path, node in settings_classes():
        fields = [
            (inner, follower)
            for inner, follower in zip(node.body, [*node.body[1:], None], strict=True)
            if isinstance(inner, ast.AnnAssign) and "ClassVar" not in ast.unparse(inner.annotation)
        ]
        missing += [
            at(path, inner, ast.unparse(inner.target))
            for inner, follower in fields
            if not (isinstance(follower, ast.Expr) and isinstance(follower.value, ast.Constant))
        ]
    none(missing)


def defined_names(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """Give the names that a file defines: classes, functions, arguments, variables, itself."""
    yield tree(path), path.stem
    for node in ast.walk(tree(path)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield node, name
            case ast.AsyncFunctionDef(name=name) | ast.arg(arg=name):
                yield node, name
            case ast.Name(id=name, ctx=ast.Store()):
                yield node, name


def test_names_are_words_of_the_glossary() -> None:
    """One thing has one word here; words that mean something else are not used for it."""
    offences = []
    for path in sources("proxy"):
        for node, name in defined_names(path):
            words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
            offences += [
                at(path, node, f"{name}: {word}")
                for word in (part.lower() for part in words)
                if word in FORBIDDEN_WORDS
            ]
    none(offences)


def test_nothing_is_mocked() -> None:
    """Fakes are real classes with tests of their own."""
    none(
        [
            at(path, node, "mock")
            for path in sources("tests", "proxy")
            for node in nodes(path, ast.Import, ast.ImportFrom)
            if re.search(r"\bmock\b", ast.unparse(node))
        ]
    )
