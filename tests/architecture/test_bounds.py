"""How long, how deep and how winding the code may get. Each test prints what it measured (`pytest -s`)."""

import _thread
import ast
import logging
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType

import pytest

import s2sauth
from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito

PACKAGE = Path(s2sauth.__file__).parent
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}

FUNCTION_LINES = 45
CODE_LINES = 300
IMPORTS_DEEP = 12
BORDERS = 95


def _say(text: str) -> None:
    print(text)  # noqa: T201  # `pytest -s` shows what is measured


def _docstring(node: ast.AST) -> ast.Expr | None:
    """A string that stands alone at the beginning of a body."""
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    alone = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return first if alone else None


def _span(node: ast.AST) -> range:
    return range(node.lineno, node.end_lineno + 1)  # type: ignore[attr-defined]  # statements and expressions have them


def test_no_function_is_long() -> None:
    """Without its docstring."""
    lengths = {
        f"{path.relative_to(PACKAGE)}:{node.name}": len(_span(node)) - (len(_span(doc)) if doc else 0)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for doc in [_docstring(node)]
    }
    longest = max(lengths, key=lengths.__getitem__)
    _say(f"longest function: {lengths[longest]} of {FUNCTION_LINES} lines, {longest}")
    assert lengths[longest] <= FUNCTION_LINES


def _code_lines(path: Path) -> int:
    """Lines that are neither empty nor a comment nor part of a string that stands alone."""
    texts = {
        line
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in _span(node)
    }
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return sum(bool(line.strip()) and line.strip()[0] != "#" and number not in texts for number, line in lines)


def test_no_file_is_long() -> None:
    """A file is read in one sitting."""
    longest = max(TREES, key=_code_lines)
    _say(f"longest file: {_code_lines(longest)} of {CODE_LINES} lines of code, {longest.relative_to(PACKAGE)}")
    assert _code_lines(longest) <= CODE_LINES


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in TREES}


def _imported(module: str) -> Iterator[str]:
    """The modules of this package that an import of `module` runs, but for those that only type checkers see."""
    path = MODULES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    statements = list(TREES[path].body)
    for node in statements:
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            statements += node.body + node.orelse
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base


@cache
def _chain(module: str) -> tuple[str, ...]:
    chains = [_chain(each) for each in _imported(module) if each != module]
    return (module, *max(chains, key=len, default=()))


def test_no_chain_of_imports_is_long() -> None:
    """Each step is an import at the top of a module."""
    longest = max(map(_chain, MODULES), key=len)
    _say(f"longest chain of imports: {len(longest) - 1} of {IMPORTS_DEEP}, {' -> '.join(longest)}")
    assert len(longest) - 1 <= IMPORTS_DEEP


@pytest.mark.skipif(sys.gettrace() is not None and sys.version_info < (3, 12), reason="counts calls, not coverage's")
def test_a_cold_call_crosses_few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """From `get_token()` to the token, on the caller's thread and the flight's, when all is imported."""
    crossed: list[str] = []

    def watch(frame: FrameType, event: str, _: object) -> None:
        caller = frame.f_back
        if event == "call" and caller is not None:
            here, there = frame.f_code.co_filename, caller.f_code.co_filename
            if here != there and here.startswith(str(PACKAGE)) and there.startswith(str(PACKAGE)):
                crossed.append(f"{Path(there).name} -> {Path(here).name} {frame.f_code.co_name}")

    start = _thread.start_new_thread

    def watched(function: object, arguments: tuple[object, ...]) -> int:
        def run(*given: object) -> None:
            sys.setprofile(watch)
            function(*given)  # type: ignore[operator]  # what a flight starts with

        return start(run, arguments)

    with FakeCognito() as fake, CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
        credentials.httpx_auth(fake.api_url)  # imports
        for thread in threading.enumerate():
            if thread.name.startswith("s2sauth"):
                thread.join()
        monkeypatch.setattr(logging.getLogger("s2sauth"), "disabled", True)  # as with the usual level
        monkeypatch.setattr(_thread, "start_new_thread", watched)
        before = sys.getprofile()
        sys.setprofile(watch)
        try:
            credentials.get_token()
        finally:
            sys.setprofile(before)
    _say(f"borders between files: {len(crossed)} of {BORDERS}")
    assert len(crossed) <= BORDERS, "\n".join(sorted(crossed))
    assert len(crossed) > BORDERS / 2  # else the hook sees nothing
