"""What may be a client secret, and what people give instead. No text holds a character of it."""

from collections.abc import Callable

from . import pasted
from .errors import ConfigurationError
from .strict_json import json_object
from .values import Secret

MAX_SECRET = 4096
"""Characters. Cognito's secrets have 24 to 64."""

FORM = "use the app client's secret as a string, or a callable that reads it"


def literal_secret(value: object, field: str = "client_secret") -> tuple[Secret, bool]:
    """The secret in `value`, and whether a trailing newline was cut from it.

    Raises ConfigurationError that names `field` and what is wrong, never the value.
    """
    wrong = wrong_with(value)
    if wrong is not None or not isinstance(value, str):
        del value  # a traceback may show the locals of its frames
        raise ConfigurationError(f"{field}: {wrong}; {FORM}")
    return Secret(_without_newline(value)), value.endswith("\n")


def stored_secret(value: object, place: str, key: str | None = None) -> str:
    """The secret in what lies at `place`, as it lies there: a text, or with `key` that member of a JSON object.

    Raises ConfigurationError that names the place and what is wrong, never the value.
    """
    field = f"client_secret in {place}"
    if key is not None:
        members = json_object(value.encode(errors="replace")) if isinstance(value, str) else None
        del value
        if members is None or key not in members:
            wrong = "is no JSON object" if members is None else "is a JSON object without it"
            del members  # a traceback may show the locals of its frames
            raise ConfigurationError(f"{field}: the key {key} is to be read, and this {wrong}")
        field, value = f"{field}, key {key}", members[key]
        del members
    try:
        literal_secret(value, field)
    except ConfigurationError:
        del value
        raise
    assert isinstance(value, str)
    return value


def _without_newline(value: str) -> str:
    """A file or a shell often adds one."""
    return value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value


def wrong_with(value: object) -> str | None:
    """What is wrong with a literal secret, without a character of it; None if nothing is."""
    if not isinstance(value, str):
        return f"{'is missing' if value is None else f'is of type {type(value).__name__}'}, not a string"
    value = _without_newline(value)
    for is_wrong, text in _SECRET_RULES:
        if is_wrong(value):
            return text
    return None


_SECRET_RULES: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda value: not value, "is empty"),
    (lambda value: len(value) > MAX_SECRET, f"is longer than {MAX_SECRET} characters"),
    (lambda value: "\ufeff" in value, "holds a byte order mark: save the file as UTF-8 without BOM"),
    (lambda value: "\0" in value, "holds a NUL character"),
    (lambda value: value[0] + value[-1] == "{}", "is a JSON object: give the value of the key that holds the secret"),
    (pasted.is_quoted, pasted.QUOTED),
    (lambda value: value.startswith("arn:"), "is an ARN, the address of a secret: give the secret stored there"),
    (lambda value: any(c.isspace() for c in value), "holds white space"),
    # RFC 6749 A.2; without the blank, which no server hands out and every copy and paste may add
    (lambda value: not all("!" <= c <= "~" for c in value), "holds a character that RFC 6749 A.2 does not allow"),
)
