"""What may be a client secret, how it is stored, and what people give instead. No text holds a character of it.

Cognito can keep an app client's secret in AWS Secrets Manager and replace it by itself. What it writes there is a JSON
object that names the app client as well.
"""

from collections.abc import Callable, Mapping
from typing import Final, cast

from . import pasted
from .errors import ConfigurationError
from .secret_arn import VALUE, may_name_client
from .strict_json import json_object
from .values import ManagedSecret, Secret

MAX_SECRET = 4096
"""Characters. Cognito's secrets have 24 to 64."""

_CLIENT: Final = "userPoolClientId"
_POOL: Final = "userPoolId"
MANAGED: Final = f"a JSON object with {_POOL}, {_CLIENT} and {VALUE}"

Found = tuple[Secret, ManagedSecret | None]
"""A secret that was read, and what names its app client, if anything does."""

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


def stored_secret(value: object, place: str, key: str | None = None) -> str | ManagedSecret:
    """The secret in what is stored at `place`: a text as it is, with `key` that member of a JSON object, or the JSON
    object of a secret that Cognito manages.

    Raises ConfigurationError that names the place and what is wrong, never the value.
    """
    try:
        if may_name_client(key) and (secret := cognito_secret(value, place)) is not None:
            return secret
        return _checked(value, f"client_secret in {place}") if key is None else _member(_members(value), key, place)
    except ConfigurationError:
        del value  # a traceback may show the locals of its frames
        raise


def cognito_secret(value: object, place: str) -> str | ManagedSecret | None:
    """The secret in the JSON object that Cognito writes; None for anything else.

    Other members do not matter. One without userPoolClientId names no client, and is a secret all the same.
    """
    members = _members(value)
    del value  # a traceback may show the locals of its frames
    if members is None or (VALUE not in members and _CLIENT not in members):
        return None
    try:
        if _CLIENT not in members:
            return _member(members, VALUE, place)
        client, pool = cast("tuple[str, str | None]", (members[_CLIENT], members.get(_POOL)))  # which is checked there
        return ManagedSecret(_member(members, VALUE, place), client_id=client, user_pool_id=pool, place=place)
    except ConfigurationError:
        del members
        raise


def _members(value: object) -> dict[str, object] | None:
    """Those of the JSON object; None if it is none."""
    return json_object(value.encode(errors="replace")) if isinstance(value, str) else None


def _member(members: Mapping[str, object] | None, key: str, place: str) -> str:
    field = f"client_secret in {place}"
    if members is None or key not in members:
        wrong = "is no JSON object" if members is None else "is a JSON object without it"
        del members  # a traceback may show the locals of its frames
        raise ConfigurationError(f"{field}: the key {key} is to be read, and this {wrong}")
    try:
        return _checked(members[key], f"{field}, key {key}")
    except ConfigurationError:
        del members
        raise


def _checked(value: object, field: str) -> str:
    try:
        literal_secret(value, field)
    except ConfigurationError:
        del value
        raise
    return cast(str, value)  # anything else is an error


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
