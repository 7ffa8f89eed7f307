"""Arguments become settings, or one error that lists every mistake and repeats no value."""

import json
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Literal, cast, get_args

from .endpoint import UNKNOWN_REGION, from_domain, from_token_url, is_region
from .errors import ConfigurationError
from .record import Record
from .values import Secret, scope_set

AuthMethod = Literal["auto", "client_secret_basic", "client_secret_post"]

MAX_SECRET = 4096
"""Characters. Cognito's secrets have 24 to 64."""

_DOMAIN = (
    'use "demo.auth.eu-central-1.amazoncognito.com", a custom domain as "auth.example.com", or a bare prefix as "demo" '
    'with region="eu-central-1"'
)
_WHOLE_URL = 'use the whole https URL, as "https://proxy.example.com/oauth2/token"'
_FORMS: Final = {
    "domain": _DOMAIN,
    "token_url": _WHOLE_URL,
    "domain or token_url": f"domain: {_DOMAIN}; token_url: {_WHOLE_URL}",
    "region": 'use the name of an AWS Region, as "eu-central-1"',
    "client_id": 'use the app client\'s id, as "1h57kf5cpq17m0eml12EXAMPLE"',
    "client_secret": "use the app client's secret as a string, or a callable that reads it",
    "client_metadata": 'use a mapping of strings to strings, as {"environment": "dev"}, or None',
    "auth_method": "use " + " or ".join(f'"{method}"' for method in get_args(AuthMethod)),
    "strict": "use True or False",
}


class Settings(Record):
    """What identifies a token: all that goes on the wire but the secret, validated and in one canonical form."""

    token_url: str
    client_id: str
    auth_method: AuthMethod
    scopes: tuple[str, ...] | None
    client_metadata: str | None
    """`aws_client_metadata`: compact JSON, keys sorted."""
    strict: bool

    def __repr__(self) -> str:
        return f"<Settings of {self.client_id} at {self.token_url}>"  # client_metadata may hold what is private

    def with_scopes(self, scopes: str | Iterable[str] | None) -> "Settings":
        """The same settings for other scopes; raises ConfigurationError like the constructor's `scopes`."""
        changed: dict[str, Any] = {**vars(self), "scopes": scope_set(scopes)}
        return Settings(**changed)


def key(settings: Settings) -> str:
    """All that the settings put on the wire, in one text: different tokens never share a key (CVE-2025-26620)."""
    wire = (settings.token_url, settings.client_id, settings.auth_method, settings.scopes, settings.client_metadata)
    return json.dumps(wire, separators=(",", ":"))


def key_id(settings: Settings) -> str:
    """Eight hex digits that stand for the key in events and logs."""
    return sha256(key(settings).encode()).hexdigest()[:8]


_UNCHECKED: Final = object()


def settings(
    *,
    domain: object,
    region: object,
    token_url: object,
    client_id: object,
    scopes: object,
    client_metadata: object,
    auth_method: object,
    strict: object,
    secret: object = _UNCHECKED,
    also: Iterable[tuple[str, str]] = (),
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Settings:
    """Check all arguments at once; raise one ConfigurationError with a line for each mistake.

    The arguments are whatever the caller passed, hence `object`. `secret` is the constructor's `client_secret`; a
    literal one is checked as `literal_secret` does. `also` are mistakes found elsewhere, as (field, text), to be listed
    with these. `variables` maps a field to the environment variable it was read from, for the message.
    """
    mistakes = _Mistakes()
    endpoint = _endpoint(domain, region, token_url, mistakes)
    method = _auth_method(auth_method, mistakes)
    client = _client_id(client_id, method, mistakes)
    metadata = _client_metadata(client_metadata, mistakes)
    canonical = _scopes(scopes, mistakes)
    if not isinstance(strict, bool):
        mistakes.add("strict", _is_a(strict))
    if secret is not _UNCHECKED:
        _client_secret(secret, client, mistakes)
    mistakes.found.extend(also)
    if mistakes.found:
        del domain, token_url, client_metadata, metadata, secret  # a traceback may show the locals of its frames
        raise ConfigurationError(mistakes.text(variables))
    return Settings(
        token_url=endpoint,
        client_id=client,
        auth_method=method,
        scopes=canonical,
        client_metadata=metadata,
        strict=bool(strict),
    )


def literal_secret(value: object, field: str = "client_secret") -> tuple[Secret, bool]:
    """The secret in `value`, and whether a trailing newline was cut from it.

    Raises ConfigurationError that names `field` and what is wrong, never the value.
    """
    wrong = _wrong_with_secret(value)
    if wrong is not None or not isinstance(value, str):
        del value  # a traceback may show the locals of its frames
        raise ConfigurationError(f"{field}: {wrong}; {_FORMS['client_secret']}")
    return Secret(_without_newline(value)), value.endswith("\n")


class _Mistakes:
    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def add(self, argument: str, wrong: str) -> None:
        form = _FORMS.get(argument)
        self.found.append((argument, f"{wrong}; {form}" if form else wrong))

    def text(self, variables: Mapping[str, str]) -> str:
        return "\n".join(
            f"{variables[argument]} ({argument}): {text}" if argument in variables else f"{argument}: {text}"
            for argument, text in self.found
        )


def _is_a(value: object) -> str:
    return "is missing" if value is None else f"is of type {type(value).__name__}"


def _endpoint(domain: object, region: object, token_url: object, mistakes: _Mistakes) -> str:
    """The URL of the token endpoint."""
    if region is not None and not (isinstance(region, str) and is_region(region)):
        mistakes.add("region", "is no Region's name" if isinstance(region, str) else _is_a(region))
        region = UNKNOWN_REGION  # what follows is about the domain
    if (domain is None) == (token_url is None):
        wrong = "neither is given" if domain is None else "both are given, and either says it all"
        mistakes.add("domain or token_url", wrong)
        return ""
    name, value = ("domain", domain) if token_url is None else ("token_url", token_url)
    if not isinstance(value, str):
        mistakes.add(name, _is_a(value))
        return ""
    try:
        return from_domain(value, region) if token_url is None else from_token_url(value, region)
    except ValueError as wrong:
        mistakes.add(name, str(wrong))
        return ""


def _auth_method(auth_method: object, mistakes: _Mistakes) -> AuthMethod:
    for method in get_args(AuthMethod):
        if auth_method == method:
            return cast(AuthMethod, method)
    mistakes.add("auth_method", "is none of the three" if isinstance(auth_method, str) else _is_a(auth_method))
    return "auto"


def _client_id(client_id: object, method: AuthMethod, mistakes: _Mistakes) -> str:
    if not isinstance(client_id, str):
        wrong = _is_a(client_id)
    elif not client_id:
        wrong = "is empty"
    elif not all("!" <= c <= "~" for c in client_id):
        wrong = "holds white space or a character that RFC 6749 A.1 does not allow"
    elif method == "client_secret_basic" and ":" in client_id:
        # RFC 7617 2: the user-id ends at the first colon.
        wrong = 'holds a colon, which Basic authentication cannot carry: use auth_method="client_secret_post"'
    else:
        return client_id
    mistakes.add("client_id", wrong)
    return ""


def _client_metadata(metadata: object, mistakes: _Mistakes) -> str | None:
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        wrong = _is_a(metadata)
    else:
        members = dict(cast(Mapping[object, object], metadata))
        odd = [item for item in (*members.keys(), *members.values()) if not isinstance(item, str)]
        if members and not odd:
            return json.dumps(members, sort_keys=True, separators=(",", ":"))
        wrong = f"holds something of type {type(odd[0]).__name__}" if odd else "is empty"
    mistakes.add("client_metadata", wrong)
    return None


def _scopes(scopes: object, mistakes: _Mistakes) -> tuple[str, ...] | None:
    try:
        return scope_set(cast("str | Iterable[str] | None", scopes))  # it checks the type itself
    except ConfigurationError as wrong:
        mistakes.add("scopes", wrong.message.removeprefix("scopes: "))
        return None


def _client_secret(secret: object, client_id: str, mistakes: _Mistakes) -> None:
    if isinstance(secret, Secret) or callable(secret) or hasattr(secret, "get_secret_value"):
        return  # read, and checked, at flight time
    wrong = _wrong_with_secret(secret)
    if wrong is None and secret == client_id:
        wrong = "is the client id"
    if wrong is not None:
        mistakes.add("client_secret", wrong)


def _without_newline(value: str) -> str:
    """A file or a shell often adds one."""
    return value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value


def _wrong_with_secret(value: object) -> str | None:
    """What is wrong with a literal secret, without a character of it; None if nothing is."""
    if not isinstance(value, str):
        return f"{_is_a(value)}, not a string"
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
    (lambda value: value[0] == value[-1] and value[0] in "\"'`", "stands in quotes: give it without them"),
    (lambda value: value.startswith("arn:"), "is an ARN, the address of a secret: give the secret stored there"),
    (lambda value: any(c.isspace() for c in value), "holds white space"),
    # RFC 6749 A.2; without the blank, which no server hands out and every copy and paste may add
    (lambda value: not all("!" <= c <= "~" for c in value), "holds a character that RFC 6749 A.2 does not allow"),
)
