"""The public face as a text: every public name with its signature, attributes and bases.

`python tests/architecture/public_api.py`, where s2sauth is installed, writes it anew to `public_api.txt`.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import get_origin

import s2sauth

SNAPSHOT = Path(__file__).with_name("public_api.txt")
PUBLIC_MODULES = (
    "s2sauth",
    "s2sauth.otel",
    "s2sauth.secret_sources",
    "s2sauth.settings",
    "s2sauth.stores",
    "s2sauth.stores.dynamodb",
    "s2sauth.stores.redis",
    "s2sauth.stores.sqlite",
    "s2sauth.testing",
)
INHERITED = frozenset(dir(object)) | {"__module__", "__dict__", "__weakref__"}
PROTOCOLS = ("__enter__", "__exit__", "__aenter__", "__aexit__", "__call__", "__iter__", "__lt__", "__contains__")


def modules() -> list[str]:
    """Every module of the installed package by its full name."""
    return sorted(module.name for module in pkgutil.walk_packages(s2sauth.__path__, "s2sauth."))


def public_names(module: ModuleType) -> list[str]:
    """What a caller may import from it: `__all__`, or what the module defines without an underscore."""
    defined = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return sorted(getattr(module, "__all__", [name for name in defined if not name.startswith("_")]))


def members(cls: type) -> dict[str, object]:
    """The public members that a class, or a base of ours, defines; attributes that are only annotated among them."""
    found: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.split(".")[0] == "s2sauth":
            found |= dict.fromkeys(inspect.get_annotations(base)) | dict(vars(base))
    return {name: value for name, value in sorted(found.items()) if not name.startswith("_") or name in PROTOCOLS}


def _plain(text: str) -> str:
    """Without the modules that the names come from, which are nobody's business, and long defaults cut."""
    text = re.sub(r"(?<![\w'\"])(?:s2sauth|collections|datetime|pydantic)\.(?:\w+\.)*(?=\w)", "", text)
    # Pair by pair: what stands between two strings stays.
    return re.sub(r'"[^"]*"', lambda string: string[0] if len(string[0]) <= 80 else '"…"', text.replace("'", '"'))


def _type(annotation: object) -> str:
    return _plain(annotation if isinstance(annotation, str) else inspect.formatannotation(annotation))


def _signature(function: object) -> str:
    assert callable(function)
    text = _plain(str(inspect.signature(function)))
    return re.sub(r", (?=\*{0,2}\w+:|[*/][,)])", ",\n        ", text) if len(text) > 100 else text


def _annotation(cls: type, name: str) -> object:
    return next((found[name] for found in map(inspect.get_annotations, cls.__mro__) if name in found), "Any")


def _member(cls: type, name: str, value: object) -> str:
    if isinstance(value, Enum):
        return f"{name} = {value.value!r}"
    if isinstance(value, property):
        return f"{name}: {_type(inspect.signature(value.fget).return_annotation)}" if value.fget else name
    if isinstance(value, (classmethod, staticmethod)):
        return f"{type(value).__name__} {name}{_signature(getattr(cls, name))}"
    if inspect.isfunction(value):
        prefix = "async " if inspect.iscoroutinefunction(value) else ""
        return f"{prefix}{name}{_signature(value)}"
    return f"{name}: {_type(_annotation(cls, name))}"


def describe(name: str, value: object) -> Iterator[str]:
    """The lines of one public name."""
    if not inspect.isclass(value):
        if inspect.isroutine(value):
            yield f"{name}{_signature(value)}"
        else:
            yield f"{name} = {_type(value)}" if get_origin(value) else f"{name}: {type(value).__name__}"
        return
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    yield f"class {name}({bases})" if bases else f"class {name}"
    if value.__init__.__qualname__ == "Record.__init__":  # made by the class from its annotations
        names = inspect.get_annotations(value)
        yield f"    ({', '.join(f'{n}={vars(value)[n]!r}' if n in vars(value) else n for n in names)})"
    elif value.__init__ is not Exception.__init__ and not issubclass(value, Enum):  # which takes any arguments
        yield f"    {_signature(value)}"
    for member, definition in members(value).items():
        yield f"    {_member(value, member, definition)}"


def render() -> str:
    """The whole text."""
    lines = ["# Written by tests/architecture/public_api.py. A change here is a change of the public face.", ""]
    for path in PUBLIC_MODULES:
        module = importlib.import_module(path)
        lines += [f"## {path}", ""]
        for name in public_names(module):
            lines += [*describe(name, getattr(module, name)), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    SNAPSHOT.write_text(render(), encoding="utf-8")
