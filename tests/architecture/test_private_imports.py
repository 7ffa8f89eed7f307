"""Tests stand on the public face: few of their files import what is private, so that the house can be changed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
LIMIT = 50


def imported(tree: ast.Module) -> Iterator[str]:
    """The full name of whatever a file imports, also inside of its functions."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (each.name for each in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield from (f"{module}.{each.name}" for each in node.names)
            case _:
                pass


def is_private(name: str) -> bool:
    """Whether an underscore stands before any part of it, of this library's names."""
    package, *parts = name.split(".")
    return package == "s2sauth" and any(part.startswith("_") and not part.startswith("__") for part in parts)


def private(text: str) -> set[str]:
    """What the text of a file imports of the library's private names."""
    return {name for name in imported(ast.parse(text)) if is_private(name)}


def test_few_files_import_private_names() -> None:
    """Whoever needs one shares the module of tests/support that has it. `pytest -s` shows the number."""
    found = [path.relative_to(TESTS).as_posix() for path in TESTS.rglob("*.py") if private(path.read_text("utf-8"))]
    print(f"{len(found)} files of tests import private names of s2sauth; at most {LIMIT} may")  # noqa: T201  # for whoever asks
    assert len(found) <= LIMIT, sorted(found)


def test_files_that_import_private_names_say_why() -> None:
    """Their docstring has the reason, and the word "private", by which it is found."""
    silent: list[str] = []
    for path in TESTS.rglob("*.py"):
        text = path.read_text("utf-8")
        if private(text) and "private" not in (ast.get_docstring(ast.parse(text)) or "").lower():
            silent.append(path.relative_to(TESTS).as_posix())
    assert silent == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("import s2sauth._tls", {"s2sauth._tls"}),
        ("from s2sauth import Event, _tls", {"s2sauth._tls"}),
        ("from s2sauth.stores._open import open_store", {"s2sauth.stores._open.open_store"}),
        ("def f():\n    from s2sauth.events import _SAYS", {"s2sauth.events._SAYS"}),
        ("from s2sauth import __version__, stores", set()),
        ("from tests.support._x import y", set()),
    ],
)
def test_private_names_are_seen(line: str, names: set[str]) -> None:
    """In each form of an import, and no others."""
    assert private(line) == names
