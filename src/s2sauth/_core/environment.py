"""Environment variables become arguments, or one error that lists all that is missing or clashes and no value."""

from collections.abc import Iterable, Mapping
from typing import Final

from . import pasted, similar
from .cognito_names import USER_SCOPES
from .errors import ConfigurationError
from .record import Record
from .secret_arn import SecretArn, parse_secret_arn

VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "domain": ("COGNITO_DOMAIN",),
    "token_url": ("COGNITO_TOKEN_URL",),
    "region": ("COGNITO_REGION",),
    "api": ("COGNITO_API",),
    "client_id": ("APP_CLIENT_ID", "COGNITO_CLIENT_ID"),
    "client_secret": ("APP_CLIENT_SECRET", "COGNITO_CLIENT_SECRET"),
    "client_secret_file": ("COGNITO_CLIENT_SECRET_FILE",),
    "client_secret_arn": ("COGNITO_CLIENT_SECRET_ARN",),
    "scopes": ("COGNITO_SCOPES", "COGNITO_SCOPE"),
}
"""Argument -> the variables that may hold it, aliases of each other; a secret may lie in a file or have an ARN."""

_SECRET: Final = ("client_secret", "client_secret_file", "client_secret_arn")


_Required = tuple[tuple[str, ...], str]
"""Arguments of which one is needed, and the form to use."""


class Environment(Record):
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
    region: str | None = None
    api: str | None = None


def from_environment(
    prefix: str,
    environ: Mapping[str, str],
    given: frozenset[str] = frozenset(),
    *,
    api: object = None,
    names_client: bool = False,
) -> Environment:
    """Read the variables that begin with `prefix`; an empty one counts as unset.

    `given` names the arguments that the caller passes explicitly: they win, and their variables are not looked at
    (`domain` and `token_url` each stand for both). `api` is the explicit one: GetClientToken needs no domain.
    `names_client` says that the explicit secret may name its client; the one that an ARN leads to may as well, and then
    no client id is needed. Raises one ConfigurationError for all that is missing or clashes.
    """
    if not isinstance(prefix, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        del environ
        raise ConfigurationError(f'prefix: is of type {type(prefix).__name__}; use a string, as "BILLING_"')
    if given & {"domain", "token_url"}:
        given |= {"domain", "token_url"}
    if "client_secret" in given:
        given |= set(_SECRET)
    if "api" not in given:
        api = environ.get(prefix + VARIABLES["api"][0])
    required = _REQUIRED
    if api == "get_client_token":
        given |= {"domain"}
        required = _REQUIRED_FOR_CLIENT_TOKEN
    names = {
        argument: tuple(prefix + name for name in aliases if argument not in given and environ.get(prefix + name))
        for argument, aliases in VARIABLES.items()
    }
    arn, mistakes = _arn(names["client_secret_arn"], environ)
    mistakes = [*_clashes(names, environ), *mistakes, *_odd_paths(names["client_secret_file"], environ)]
    there = given | {argument for argument, set_ones in names.items() if set_ones}
    there |= _WITH_SECRET if names_client or _names_client(arn, names) else _NOTHING
    mistakes += [_missing(prefix, each, form, environ) for each, form in required if there.isdisjoint(each)]
    if mistakes:
        del environ, api  # a traceback may show the locals of its frames
        raise ConfigurationError("\n".join(mistakes))
    return Environment(
        domain=_value(environ, names["domain"]),
        token_url=_value(environ, names["token_url"]),
        client_id=_value(environ, names["client_id"]),
        scopes=_value(environ, names["scopes"]),
        secret_variables=names["client_secret"],
        secret_file=_value(environ, names["client_secret_file"]),
        secret_arn=arn,
        region=_value(environ, names["region"]),
        api=_value(environ, names["api"]),
        variables={argument: set_ones[0] for argument, set_ones in names.items() if set_ones},
    )


def _arn(names: tuple[str, ...], environ: Mapping[str, str]) -> tuple[SecretArn | None, list[str]]:
    """The secret's address, and what is wrong with it."""
    try:
        return (parse_secret_arn(environ[names[0]]) if names else None), []
    except ConfigurationError as wrong:
        return None, [f"{names[0]}: {wrong.message}"]


def _names_client(arn: SecretArn | None, names: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the secret at the ARN may name its client. With an ARN that is wrong, nobody knows yet."""
    return bool(names["client_secret_arn"]) if arn is None else arn.may_name_client


def _odd_paths(names: tuple[str, ...], environ: Mapping[str, str]) -> list[str]:
    """A line for each path that was pasted with something around it."""
    return [f"{name}: {odd}" for name in names if (odd := pasted.wrong_with(environ[name])) is not None]


def _clashes(names: Mapping[str, tuple[str, ...]], environ: Mapping[str, str]) -> list[str]:
    """A line for aliases that differ, and for variables of which one says it all."""
    differ = [
        f"{' and '.join(set_ones)}: both are set and differ; set one of them"
        for argument, set_ones in names.items()
        if len({_meant(argument, environ[name]) for name in set_ones}) > 1
    ]
    differ += [
        f"{name}: has scopes of signed-in users, which client_credentials cannot have. Likely cause: it is the setting "
        "of a web login. Use a prefix, or pass scopes to from_env()"
        for name in names["scopes"]
        if len(names["scopes"]) > 1 and USER_SCOPES.issuperset(environ[name].split())
    ]
    return differ + [
        f"{' and '.join(places)}: {'both' if len(places) == 2 else 'all'} are set; set one of them"
        for places in (_places(names, ("domain", "token_url")), _places(names, _SECRET))
        if len(places) > 1
    ]


def _meant(argument: str, value: str) -> object:
    """What two aliases may both say: the order of scopes does not matter."""
    return frozenset(value.split(" ")) - {""} if argument == "scopes" else value


def _places(names: Mapping[str, tuple[str, ...]], arguments: tuple[str, ...]) -> list[str]:
    """The first variable of each argument that is set: no two of these may be."""
    return [names[argument][0] for argument in arguments if names[argument]]


def _missing(prefix: str, arguments: Iterable[str], form: str, environ: Mapping[str, str]) -> str:
    """The line for variables of which none is set, with the name of one that was probably meant to be."""
    wanted = [prefix + name for argument in arguments for name in VARIABLES[argument]]
    known = {prefix + name for names in VARIABLES.values() for name in names}
    others = [name for name, value in environ.items() if value and name not in known]
    meant = similar.variable(wanted, others, prefix)
    hint = f". {meant[0]} is set: did you mean {meant[1]}?" if meant else ""
    return f"{' or '.join(wanted)}: is not set; {form}{hint}"


def _value(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return environ[names[0]] if names else None


_WITH_SECRET: Final = frozenset({"client_id"})
"""What the secret may bring."""
_NOTHING: Final[frozenset[str]] = frozenset()

_ID_AND_SECRET: Final = ((("client_id",), "the app client's id"), (_SECRET, "the app client's secret"))
_REQUIRED: Final[tuple[_Required, ...]] = (
    (("domain", "token_url"), 'as "demo.auth.eu-central-1.amazoncognito.com", or the whole URL of the token endpoint'),
    *_ID_AND_SECRET,
)
_REQUIRED_FOR_CLIENT_TOKEN: Final[tuple[_Required, ...]] = (
    (("region", "token_url"), 'as "eu-central-1", or the whole URL of a FIPS or VPC endpoint'),
    *_ID_AND_SECRET,
)
