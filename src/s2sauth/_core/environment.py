"""Environment variables become arguments, or one error that lists all that is missing or clashes and no value."""

from collections.abc import Mapping
from typing import Final

from .errors import ConfigurationError
from .record import Record
from .secret_arn import SecretArn, parse_secret_arn

VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "domain": ("COGNITO_DOMAIN",),
    "token_url": ("COGNITO_TOKEN_URL",),
    "client_id": ("APP_CLIENT_ID", "COGNITO_CLIENT_ID"),
    "client_secret": ("APP_CLIENT_SECRET", "COGNITO_CLIENT_SECRET"),
    "client_secret_file": ("COGNITO_CLIENT_SECRET_FILE",),
    "client_secret_arn": ("COGNITO_CLIENT_SECRET_ARN",),
    "scopes": ("COGNITO_SCOPES",),
}
"""Argument -> the variables that may hold it, aliases of each other; a secret may lie in a file or have an ARN."""

_SECRET: Final = ("client_secret", "client_secret_file", "client_secret_arn")


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
    secret_file: str | None = None
    """The path of the file that holds the secret."""
    secret_arn: SecretArn | None = None
    """The secret's address in AWS."""


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
    if "client_secret" in given:
        given |= set(_SECRET)
    names = {
        argument: tuple(prefix + name for name in aliases if argument not in given and environ.get(prefix + name))
        for argument, aliases in VARIABLES.items()
    }
    mistakes = [
        f"{' and '.join(set_ones)}: both are set and differ; set one of them"
        for set_ones in names.values()
        if len({environ[name] for name in set_ones}) > 1
    ]
    mistakes += [
        f"{' and '.join(places)}: {'both' if len(places) == 2 else 'all'} are set; set one of them"
        for places in (_places(names, ("domain", "token_url")), _places(names, _SECRET))
        if len(places) > 1
    ]
    arn: SecretArn | None = None
    for name in names["client_secret_arn"]:
        try:
            arn = parse_secret_arn(environ[name])
        except ConfigurationError as wrong:
            mistakes.append(f"{name}: {wrong.message}")
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
        secret_file=_value(environ, names["client_secret_file"]),
        secret_arn=arn,
        variables={argument: set_ones[0] for argument, set_ones in names.items() if set_ones},
    )


def _places(names: Mapping[str, tuple[str, ...]], arguments: tuple[str, ...]) -> list[str]:
    """The first variable of each argument that is set: no two of these may be."""
    return [names[argument][0] for argument in arguments if names[argument]]


def _value(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return environ[names[0]] if names else None


_REQUIRED: Final = (
    (("domain", "token_url"), 'as "demo.auth.eu-central-1.amazoncognito.com", or the whole URL of the token endpoint'),
    (("client_id",), "the app client's id"),
    (_SECRET, "the app client's secret"),
)
