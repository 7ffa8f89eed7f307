"""As much of JSON Schema (draft 2020-12) as the schemas of this project use; a keyword it does not know is an error."""

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_SAYS_NOTHING = {"$schema", "$id", "$defs", "title", "description"}


def mistakes(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> Iterator[str]:
    """What is wrong with `value`, and where."""
    for keyword, argument in schema.items():
        if keyword in _SAYS_NOTHING:
            continue
        check = _CHECKS.get(keyword)
        if check is None:
            raise NotImplementedError(f"{keyword} in the schema of {at}")
        yield from check(value, argument, schema, root, at)


def _is(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _type(value: Any, names: Any, _schema: Any, _root: Any, at: str) -> Iterator[str]:
    names = [names] if isinstance(names, str) else names
    if not any(_is(value, name) for name in names):
        yield f"{at}: no {' or '.join(names)}"


def _ref(value: Any, ref: str, _schema: Any, root: dict[str, Any], at: str) -> Iterator[str]:
    target: Any = root
    for part in ref.removeprefix("#/").split("/"):
        target = target[part]
    yield from mistakes(value, target, root, at)


def _properties(value: Any, properties: dict[str, Any], _schema: Any, root: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in value.keys() & properties.keys():
            yield from mistakes(value[name], properties[name], root, f"{at}.{name}")


def _required(value: Any, names: list[str], _schema: Any, _root: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{at}: {name} is missing" for name in names if name not in value)


def _additional(value: Any, allowed: Any, schema: dict[str, Any], _root: Any, at: str) -> Iterator[str]:
    assert allowed is False
    if isinstance(value, dict):
        yield from (f"{at}: {name} is not known" for name in value if name not in schema["properties"])


def _items(value: Any, schema_of_item: Any, _schema: Any, root: Any, at: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from mistakes(item, schema_of_item, root, f"{at}[{number}]")


def _one_of(value: Any, schemas: list[Any], _schema: Any, root: Any, at: str) -> Iterator[str]:
    found = [list(mistakes(value, schema, root, at)) for schema in schemas]
    if sum(not each for each in found) != 1:
        yield f"{at}: matches {sum(not each for each in found)} forms, not one ({min(found, key=len)})"


_CHECKS: dict[str, Any] = {
    "type": _type,
    "$ref": _ref,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "items": _items,
    "oneOf": _one_of,
    "const": lambda value, const, _s, _r, at: [] if _equal(value, const) else [f"{at}: not {const!r}"],
    "enum": lambda value, known, _s, _r, at: [] if value in known else [f"{at}: none of {known}"],
    "minItems": lambda value, n, _s, _r, at: [] if not _is(value, "array") or len(value) >= n else [f"{at}: too short"],
    "uniqueItems": lambda value, _n, _s, _r, at: [] if len(set(value)) == len(value) else [f"{at}: repeats itself"],
    "minLength": lambda value, n, _s, _r, at: [] if not _is(value, "string") or len(value) >= n else [f"{at}: empty"],
    "pattern": lambda value, p, _s, _r, at: (
        [] if not _is(value, "string") or re.search(p, value) else [f"{at}: not {p}"]
    ),
    "minimum": lambda value, n, _s, _r, at: [] if not _is(value, "number") or value >= n else [f"{at}: below {n}"],
    "maximum": lambda value, n, _s, _r, at: [] if not _is(value, "number") or value <= n else [f"{at}: above {n}"],
    "exclusiveMinimum": lambda value, n, _s, _r, at: (
        [] if not _is(value, "number") or value > n else [f"{at}: {n} or less"]
    ),
    "exclusiveMaximum": lambda value, n, _s, _r, at: (
        [] if not _is(value, "number") or value < n else [f"{at}: {n} or more"]
    ),
}


def _equal(value: Any, const: Any) -> bool:
    return value == const and isinstance(value, bool) == isinstance(const, bool)
