"""Environment variables become arguments, or one error that lists all that is missing or clashes and no value."""

from collections.abc import Mapping
from typing import Final

from .errors import ConfigurationError
from .record import Record

VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "domain": ("COGNITO_DOMAIN",),
    "token_url": ("COGNITO_TOKEN_URL",),
    "client_id": ("APP_CLIENT_ID", "COGNITO_CLIENT_ID"),
    "client_secret": ("APP_CLIENT_SECRET", "COGNITO_CLIENT_SECRET"),
    "scopes": ("COGNITO_SCOPES",),
}
"""Argument -> the variables that may hold it, aliases of each other."""


class Found(Record):
    """What the environment says; None and () where it says nothing or an explicit argument has the word."""

    domain: str | None
    token_url: str | None
    client_id: str | None
    scopes: str | None
    secret_variables: tuple[str, ...]
    """The variables that hold the secret, in order: their names only, since a secret is read at flight time."""
    variables: Mapping[str, str]
    """Argument -> the variable it was read from, for messages."""


def from_environment(prefix: str, environ: Mapping[str, str], given: frozenset[str] = frozenset()) -> Found:
    """Read the variables that begin with `prefix`; an empty one counts as unset.

    `given` names the arguments that the caller passes explicitly: they win, and their variables are not looked at
    (`domain` and `token_url` each stand for both). Raises one ConfigurationError for all that is missing or clashes.
    """
    if not isinstance(prefix, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        del environ
        raise ConfigurationError(f'prefix: is of type {type(prefix).__name__}; use a string, as "BILLING_"')
    if given & {"domain", "token_url"}:
        given |= {"domain", "token_url"}
    names = {
        argument: tuple(prefix + name for name in aliases if argument not in given and environ.get(prefix + name))
        for argument, aliases in VARIABLES.items()
    }
    mistakes = [
        f"{' and '.join(set_ones)}: both are set and differ; set one of them"
        for set_ones in names.values()
        if len({environ[name] for name in set_ones}) > 1
    ]
    if names["domain"] and names["token_url"]:
        mistakes.append(f"{names['domain'][0]} and {names['token_url'][0]}: both are set; set one of them")
    mistakes += [
        f"{' or '.join(prefix + name for wanted in arguments for name in VARIABLES[wanted])}: is not set; {form}"
        for arguments, form in _REQUIRED
        if not any(argument in given or names[argument] for argument in arguments)
    ]
    if mistakes:
        del environ  # a traceback may show the locals of its frames
        raise ConfigurationError("\n".join(mistakes))
    return Found(
        domain=_value(environ, names["domain"]),
        token_url=_value(environ, names["token_url"]),
        client_id=_value(environ, names["client_id"]),
        scopes=_value(environ, names["scopes"]),
        secret_variables=names["client_secret"],
        variables={argument: set_ones[0] for argument, set_ones in names.items() if set_ones},
    )


def _value(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return environ[names[0]] if names else None


_REQUIRED: Final = (
    (("domain", "token_url"), 'as "demo.auth.eu-central-1.amazoncognito.com", or the whole URL of the token endpoint'),
    (("client_id",), "the app client's id"),
    (("client_secret",), "the app client's secret"),
)
