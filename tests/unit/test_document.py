"""Reading a document: every value knows its line, every mistake is told with its place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.document import (
    MAX_BYTES,
    DocumentError,
    dotted,
    filled,
    overlay,
    parse,
)

TEXT = """\
models:
  candidate:
    url: http://127.0.0.1:1
alerts:
  receivers:
    - name: a
      type: slack
"""


def problems(text: str) -> list[str]:
    """Give what is said about a text that cannot be read."""
    with pytest.raises(DocumentError) as caught:
        parse(text, "c.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_a_problem_is_told_at_the_line_of_its_key() -> None:
    """File, line and key stand in front of the message."""
    document = parse(TEXT, "c.yaml")
    told = str(document.problem(("alerts", "receivers", 0, "type"), "is wrong"))
    assert told == "c.yaml:7: alerts.receivers[0].type: is wrong"


def test_a_missing_key_is_told_at_the_nearest_place_around_it() -> None:
    """What does not stand in the file is told at the line of what would hold it."""
    document = parse(TEXT, "c.yaml")
    told = str(document.problem(("models", "candidate", "name"), "is required"))
    assert told == "c.yaml:2: models.candidate.name: is required"


def test_every_repeated_key_is_told() -> None:
    """YAML takes the last one in silence; here both mistakes are reported at once."""
    assert problems("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n") == [
        "c.yaml:2: a: is given twice",
        "c.yaml:5: b.c: is given twice",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: [1, 2", "c.yaml:3: not valid YAML: did not find expected ',' or ']'"),
        ("- a\n- b\n", "c.yaml:1: must be a mapping of keys to values"),
        ("a: !!python/name:os.system x\n", "cannot be read"),
        ("a:\n  " + "[" * 500_000, "c.yaml:2: nested deeper than 50 levels"),
        ("a: &a [*a]", "c.yaml:1: a: nested deeper than 50 levels"),
        ("a: &a {b: *a, c: *a}", "c.yaml:1: a: nested deeper than 50 levels"),
        ("x" * (MAX_BYTES + 1), f"c.yaml:1: longer than {MAX_BYTES} bytes"),
        ("# " + "é" * (MAX_BYTES // 2), f"c.yaml:1: longer than {MAX_BYTES} bytes"),
        ("a: 1\n---\nb: 2\n", "c.yaml:2: not valid YAML: but found another document"),
        ("a: *b\n", "c.yaml:1: not valid YAML: found undefined alias"),
        ("a: \x01\n", "c.yaml:1: not valid YAML: control characters are not allowed"),
        ("a: \ud800\n", "c.yaml:1: it is not UTF-8 text"),
        ("a:\n- !!int ''\n", "c.yaml:2: a[0]: cannot be read as int"),
        ("a: !!bool maybe\n", "c.yaml:1: a: cannot be read as bool"),
        ("a: " + "9" * 6000, "c.yaml:1: a: cannot be read as int"),
        ("a:\n  ? [b, c]\n  : 1\n", "c.yaml:2: a: has a key that is a list or a mapping"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", "c.yaml:3: c: merges with `<<`"),
        ('a: "\\0"\n', "c.yaml:1: a: holds a NUL character"),
    ],
    ids=[
        *("syntax", "list", "python", "deep", "loop", "wide-loop", "long", "long-in-bytes"),
        *("two-documents", "alias", "control", "surrogate", "int", "bool", "huge-int"),
        *("list-as-key", "merge", "nul"),
    ],
)
def test_a_text_that_cannot_be_used_is_one_clear_line(text: str, told: str) -> None:
    """No stack trace, and nothing of the text is run."""
    (line,) = problems(text)
    assert told in line


def test_an_alias_bomb_is_refused() -> None:
    """A few lines that unfold into billions of values are told as what they are."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{after}: &{after} [{', '.join(['*' + before] * 10)}]"
        for before, after in zip("abcdef", "bcdefg", strict=True)
    ]
    (line,) = problems("\n".join(lines))
    assert "are aliases repeated?" in line


def test_an_empty_file_is_an_empty_tree() -> None:
    """What is missing is then told by whoever needs it."""
    assert parse("", "c.yaml").tree == {}
    assert parse("# only a comment\n", "c.yaml").tree == {}


@pytest.mark.parametrize(
    "text", ["2026-01-02", "2026-13-45", "!!timestamp x", "=", "!!binary eA=="]
)
def test_a_date_stays_the_text_that_was_written(text: str) -> None:
    """YAML's own dates surprise people who name a model after a day; no day need exist."""
    written = text.rpartition(" ")[2]
    assert parse(f"name: {text}\n", "c.yaml").tree == {"name": written}


def test_keys_are_text_whatever_they_look_like() -> None:
    """A number or a truth value as a key is the word that was written."""
    assert parse("1: a\ntrue: b\n'<<': c\n", "c.yaml").tree == {"1": "a", "true": "b", "<<": "c"}


def test_the_environment_lies_over_the_file() -> None:
    """Values are read as YAML, sections are made where missing, and others stay."""
    document = parse(TEXT, "c.yaml")
    overlay(
        document,
        {
            "STABLEHAND__mirror__fraction": "0.5",
            "STABLEHAND__models__candidate__url": "http://other:2",
            "STABLEHAND_TOKEN": "not for us",
            "HOME": "/",
        },
    )
    assert document.tree["mirror"] == {"fraction": 0.5}
    assert document.tree["models"] == {"candidate": {"url": "http://other:2"}}
    told = str(document.problem(("mirror", "fraction"), "is wrong"))
    assert told == "STABLEHAND__mirror__fraction: mirror.fraction: is wrong"


def test_a_variable_that_names_no_place_is_told() -> None:
    """A value inside a value, and an empty key, are mistakes with the variable's name."""
    document = parse(TEXT, "c.yaml")
    with pytest.raises(DocumentError) as caught:
        overlay(
            document,
            {"STABLEHAND__models__candidate__url__x": "1", "STABLEHAND__mirror____x": "1"},
        )
    assert [problem.where for problem in caught.value.problems] == [
        "STABLEHAND__mirror____x",
        "STABLEHAND__models__candidate__url__x",
    ]


def test_secrets_are_filled_in_last(tmp_path: Path) -> None:
    """The filled tree holds them; the document that people may see does not."""
    secret = tmp_path / "token"
    secret.write_text("s3cret\n", "utf-8")
    document = parse(f"a: ${{file:{secret}}}\nb: [x, 'k=${{env:KEY}}']\nc: 1\n", "c.yaml")
    assert filled(document, {"KEY": "v"}) == {"a": "s3cret", "b": ["x", "k=v"], "c": 1}
    assert document.tree["a"] == f"${{file:{secret}}}"


def test_every_secret_that_is_missing_is_told(tmp_path: Path) -> None:
    """All at once, with line and key, and without saying more than its name."""
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    text = f"a: ${{file:/nowhere}}\nb:\n  c: ${{env:NONE}}\nd: ${{file:{binary}}}\n"
    with pytest.raises(DocumentError) as caught:
        filled(parse(text, "c.yaml"), {})
    told = [str(problem) for problem in caught.value.problems]
    assert "c.yaml:1: a: ${file:/nowhere}: the file cannot be read (No such file" in told[0]
    assert told[1] == "c.yaml:3: b.c: ${env:NONE}: the environment variable is not set"
    assert told[2].endswith("the file is not UTF-8 text")


def test_a_secret_is_looked_for_beside_the_document(tmp_path: Path) -> None:
    """A relative path does not depend on where the command was started."""
    (tmp_path / "token").write_text("s3cret", "utf-8")
    document = parse("a: ${file:token}", str(tmp_path / "c.yaml"))
    assert filled(document, {}) == {"a": "s3cret"}


@pytest.mark.parametrize("name", ["/dev/zero", "x\0y", "."])
def test_a_secret_that_is_no_small_file_is_told(name: str, tmp_path: Path) -> None:
    """Neither an endless file nor an impossible name hangs the start or ends it with a trace."""
    document = parse("a: 1", str(tmp_path / "c.yaml"))
    document.tree["a"] = f"${{file:{name}}}"
    with pytest.raises(DocumentError):
        filled(document, {})


def test_a_message_never_tells_what_was_filled_in() -> None:
    """Whatever a check says about a value that came from a reference, the value is left out."""
    document = parse("url: https://${env:WHO}@host", "c.yaml")
    tree = filled(document, {"WHO": "u:p'\\w"})
    told = str(document.problem(("url",), f"url {tree['url']!r} and {tree['url']} are wrong"))
    assert told.count("https://(hidden)@host") == 2
    assert "u:p" not in told


def test_a_failing_reference_tells_only_itself() -> None:
    """The text around it may be half of the secret."""
    with pytest.raises(DocumentError) as caught:
        filled(parse("a: pass-${env:NONE}-word", "c.yaml"), {})
    assert "c.yaml:1: a: ${env:NONE}: the environment" in str(caught.value)
    assert "pass-" not in str(caught.value)


def test_a_variable_that_is_no_text_is_told() -> None:
    """Bytes that the system could not decode come as surrogates, and cannot even be printed."""
    with pytest.raises(DocumentError) as caught:
        overlay(parse("", "c.yaml"), {"STABLEHAND__a": os.fsdecode(b"\xff")})
    (problem,) = caught.value.problems
    assert str(problem) == "'STABLEHAND__a': is not UTF-8 text"


def test_a_path_is_written_as_people_do() -> None:
    """Keys by dots, positions in brackets."""
    assert dotted(("alerts", "receivers", 0, "url")) == "alerts.receivers[0].url"
    assert dotted(()) == ""


SCALARS = st.sampled_from(
    [
        *("1", "-0", "0x", "0b2", "1e999", ".inf", ".nan", "9" * 5000, "1:30", "190:20:30.5"),
        *("2001-13-45", "2001-12-14t21:59:43.10-05:00", "~", "yes", "=", "<<", "x", "é\u2028"),
        *("*a", "*b", "!!int x", "!!int ''", "!!float ''", "!!bool x", "!!null x", "!!binary é"),
        *("!!timestamp x", "!!set x", "!!omap x", "!!str 1", "!x 1", "!!python/name:os.system x"),
        *('"\\0"', '"\\ud800"', "'", "|\n  x", ">-", "&a", "&a x", "? x", "{", "[", "]", "- x"),
    ]
)
NODES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"&a [{', '.join(items)}]"),
        st.lists(st.tuples(inner, inner), max_size=4).map(
            lambda items: f"&b {{{', '.join(f'{key}: {value}' for key, value in items)}}}"
        ),
    ),
    max_leaves=20,
)


@settings(deadline=None)  # the machine may be busy
@given(st.one_of(st.text(max_size=300), NODES, NODES.map(lambda node: f"a: {node}\nb: {node}")))
@example("a: &a [" * 40 + "x")
@example("a: " + "&a [*a, *a, *a]")
def test_no_text_raises_anything_but_its_own_error(text: str) -> None:
    """Whatever stands in the file, it is read or told."""
    with suppress(DocumentError):
        assert isinstance(parse(text, "c.yaml").tree, dict)


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(st.text(max_size=8).map("STABLEHAND__".__add__), st.text(max_size=40)))
def test_no_environment_raises_anything_but_its_own_error(environment: dict[str, str]) -> None:
    """Whatever stands in the environment, it is laid over the file or told."""
    document = parse(TEXT, "c.yaml")
    with suppress(DocumentError):
        overlay(document, environment)
        filled(document, environment)
