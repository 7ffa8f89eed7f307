"""What import-linter's contracts in pyproject.toml do not see: cycles of any kind, and what pure modules call."""

import ast
import importlib
import sys
import textwrap
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

import s2sauth

PACKAGE = Path(s2sauth.__file__).parent
CORE = sorted(path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / "_core").glob("*.py"))


def cycle(package: str, *, squash: bool) -> list[str] | None:
    """A cycle in the imports of a package, or None. `squash` takes each sub-package as one."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    if squash:
        for child in graph.find_children(package):
            graph.squash_module(child)
    imports = {module: graph.find_modules_directly_imported_by(module) - {module} for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return None


@pytest.mark.parametrize("squash", [False, True], ids=["modules", "packages"])
def test_no_import_goes_round_in_a_circle(squash: bool) -> None:
    """No module and no sub-package reaches itself, by whatever kind of import."""
    assert cycle("s2sauth", squash=squash) is None


@pytest.mark.parametrize(
    ("low", "high", "squash"),
    [
        ("from . import high", "from . import low", False),
        ("def f() -> None:\n    from . import high", "from .low import f", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .high import x", "from . import low", False),
        ("import going_round", "x = 1", False),
        ("from .sub import a", "from . import low\nfrom .sub import b", True),
    ],
    ids=["plain", "lazy", "for types only", "with the parent", "through a sub-package"],
)
def test_the_check_sees_each_kind_of_cycle(
    low: str, high: str, squash: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package made for this test, with one cycle in it, does not pass."""
    files = {
        "__init__.py": "from . import low",
        "low.py": low,
        "high.py": high,
        "sub/__init__.py": "",
        "sub/a.py": "",
        "sub/b.py": "from .. import high" if squash else "",
    }
    for name, text in files.items():
        path = tmp_path / "going_round" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    assert cycle("going_round", squash=squash) is not None


def test_core_imports_the_standard_library_only() -> None:
    """Whatever a decision needs comes with Python; the version, a literal, is part of the User-Agent."""
    graph = grimp.build_graph("s2sauth", include_external_packages=True, cache_dir=None)
    core = {"s2sauth._core"} | graph.find_descendants("s2sauth._core")
    imported = {name for module in core for name in graph.find_modules_directly_imported_by(module)} - core
    assert imported - {"s2sauth._version"} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", CORE)
def test_core_asks_nobody_for_the_time(name: str) -> None:
    """No call of a decision opens, prints, or reads a clock through datetime; import-linter sees to the rest."""
    calls = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    assert not calls & {
        "now",
        "utcnow",
        "today",
        "time",
        "open",
        "print",
        "input",
        "sleep",
        "__import__",
        "import_module",
    }
