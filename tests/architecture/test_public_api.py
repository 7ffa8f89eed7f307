"""The public face is a text under test."""

import importlib
import inspect
import subprocess
import sys

import pytest

import s2sauth
from tests.architecture import public_api

NAMES = [
    (path, name)
    for path in public_api.PUBLIC_MODULES
    for name in public_api.public_names(importlib.import_module(path))
]
NAMED_BY_THE_LAYOUT = {"credentials", "events", "local"}
"""Modules without an underscore whose public names are those in `s2sauth` alone, if they have any."""


def test_what_is_visible_is_what_is_public() -> None:
    """In a fresh interpreter, `dir(s2sauth)` shows `__all__`, modules of its own, and nothing else."""
    code = (
        "import s2sauth, types\n"
        "print(*(name for name in dir(s2sauth) if not isinstance(getattr(s2sauth, name), types.ModuleType)))"
    )
    seen = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in seen if not name.startswith("_")} | {"__version__"} == set(s2sauth.__all__)


def test_star_import_brings_the_public_names() -> None:
    """`from s2sauth import *` works and brings exactly `__all__`."""
    namespace: dict[str, object] = {}
    exec("from s2sauth import *", namespace)
    assert namespace.keys() - {"__builtins__"} == set(s2sauth.__all__)


def test_modules_that_are_not_public_begin_with_an_underscore() -> None:
    """A module's name says whether callers may import it."""
    allowed = set(public_api.PUBLIC_MODULES) | {f"s2sauth.{name}" for name in NAMED_BY_THE_LAYOUT}
    open_names = {module for module in public_api.modules() if "._" not in module}
    tops = {".".join(module.split(".")[:2]) for module in open_names}
    assert tops <= allowed


@pytest.mark.parametrize(("path", "name"), NAMES, ids=[f"{path}.{name}" for path, name in NAMES])
def test_every_public_name_is_documented(path: str, name: str) -> None:
    """A class, its public methods and properties, and a function have a docstring of their own."""
    value = getattr(importlib.import_module(path), name)
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return
    assert value.__doc__, name
    if inspect.isclass(value):
        own = {key: member for key, member in public_api.members(value).items() if not key.startswith("__")}
        missing = [
            key
            for key, member in own.items()
            if (inspect.isroutine(member) or isinstance(member, property)) and not inspect.getdoc(getattr(value, key))
        ]
        assert not missing


def test_the_public_face_is_the_reviewed_one() -> None:
    """`python tests/architecture/public_api.py` writes the file anew, when the change is meant."""
    assert public_api.render() == public_api.SNAPSHOT.read_text(encoding="utf-8")
