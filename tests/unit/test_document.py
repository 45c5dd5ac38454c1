"""Reading a document: every value knows its line, every mistake is told with its place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
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
        ("x" * (MAX_BYTES + 1), f"c.yaml:1: longer than {MAX_BYTES} bytes"),
    ],
    ids=["syntax", "list", "python", "deep", "loop", "long"],
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


def test_a_date_stays_the_text_that_was_written() -> None:
    """YAML's own dates surprise people who name a model after a day."""
    assert parse("name: 2026-01-02\n", "c.yaml").tree == {"name": "2026-01-02"}


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


def test_a_path_is_written_as_people_do() -> None:
    """Keys by dots, positions in brackets."""
    assert dotted(("alerts", "receivers", 0, "url")) == "alerts.receivers[0].url"
    assert dotted(()) == ""


@given(st.text(max_size=300))
def test_no_text_raises_anything_but_its_own_error(text: str) -> None:
    """Whatever stands in the file, it is read or told."""
    with suppress(DocumentError):
        assert isinstance(parse(text, "c.yaml").tree, dict)
