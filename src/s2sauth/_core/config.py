"""Arguments become settings, or one error that lists every mistake and repeats no value."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Literal, cast, get_args

from .client_secret import FORM, wrong_with
from .endpoint import (
    UNKNOWN_REGION,
    from_api_url,
    from_domain,
    from_region,
    from_token_url,
    is_cognito,
    is_region,
)
from .errors import ConfigurationError
from .query import asked_scopes, wrong_metadata, wrong_scopes
from .record import Record
from .values import Secret, scope_set

Api = Literal["oauth2", "get_client_token"]
AuthMethod = Literal["auto", "client_secret_basic", "client_secret_post"]

MAX_SCOPES = 50
"""That GetClientToken takes (its API reference)."""

_DOMAIN = (
    'use "demo.auth.eu-central-1.amazoncognito.com", a custom domain as "auth.example.com", or a bare prefix as "demo" '
    'with region="eu-central-1"'
)
_WHOLE_URL = 'use the whole https URL, as "https://proxy.example.com/oauth2/token"'
_FORMS: Final = {
    "domain": _DOMAIN,
    "token_url": _WHOLE_URL,
    "domain or token_url": f"domain: {_DOMAIN}; token_url: {_WHOLE_URL}",
    "domain with get_client_token": 'leave it out: this API needs region="eu-central-1", and no domain',
    "token_url with get_client_token": 'use the whole https URL, as "https://cognito-idp-fips.us-east-1.amazonaws.com"',
    "api": "use " + " or ".join(f'"{api}"' for api in get_args(Api)),
    "region": 'use the name of an AWS Region, as "eu-central-1"',
    "client_id": 'use the app client\'s id, as "1h57kf5cpq17m0eml12EXAMPLE"',
    "client_secret": FORM,
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
    api: Api = "oauth2"
    encodes_basic: bool = False
    """Whether Basic form-encodes id and secret (RFC 6749 2.3.1): with "client_secret_basic", except for Cognito."""

    def __repr__(self) -> str:
        return f"<Settings of {self.client_id} at {self.token_url}>"  # client_metadata may hold what is private

    def with_scopes(self, scopes: str | Iterable[str] | None) -> "Settings":
        """The same settings for other scopes; raises ConfigurationError like the constructor's `scopes`."""
        asked = scope_set(scopes)
        if (wrong := wrong_scopes(asked, self.token_url)) is not None:
            raise ConfigurationError(f"scopes: {wrong}")
        changed: dict[str, Any] = {**vars(self), "scopes": asked_scopes(asked, self.token_url)}
        return Settings(**changed)


def key(settings: Settings) -> str:
    """All that the settings put on the wire, in one text: different tokens never share a key (CVE-2025-26620)."""
    wire = (
        settings.api,
        settings.token_url,
        settings.client_id,
        f"{settings.auth_method}, form-encoded" if settings.encodes_basic else settings.auth_method,
        settings.scopes,
        settings.client_metadata,
    )
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
    api: object = "oauth2",
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
    chosen = _api(api, mistakes)
    endpoint = _endpoint(chosen, domain, region, token_url, mistakes)
    method = _auth_method(auth_method, mistakes)
    encodes = method == "client_secret_basic" and domain is None and not is_cognito(endpoint)
    client = _client_id(client_id, mistakes, raw_basic=method == "client_secret_basic" and not encodes)
    metadata = _client_metadata(client_metadata, mistakes)
    canonical = _scopes(scopes, mistakes)
    if (scopes is None or canonical is not None) and (wrong := wrong_scopes(canonical, endpoint)) is not None:
        mistakes.add("scopes", wrong)
    if (wrong := wrong_metadata(metadata, endpoint)) is not None:
        mistakes.add("client_metadata", wrong)
    if chosen == "get_client_token":
        _check_for_client_token(method, canonical, mistakes)
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
        scopes=asked_scopes(canonical, endpoint),
        client_metadata=metadata,
        strict=bool(strict),
        api=chosen,
        encodes_basic=encodes,
    )


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


def _api(api: object, mistakes: _Mistakes) -> Api:
    for known in get_args(Api):
        if api == known:
            return cast(Api, known)
    mistakes.add("api", "is neither of the two" if isinstance(api, str) else _is_a(api))
    return "oauth2"


def _check_for_client_token(method: AuthMethod, scopes: tuple[str, ...] | None, mistakes: _Mistakes) -> None:
    if method != "auto":
        mistakes.add("auth_method", 'is for api="oauth2" only: GetClientToken has one way')
    if scopes is not None and len(scopes) > MAX_SCOPES:
        mistakes.add("scopes", f"are {len(scopes)}, and GetClientToken takes {MAX_SCOPES}; ask for none, to get all")


def _endpoint(api: Api, domain: object, region: object, token_url: object, mistakes: _Mistakes) -> str:
    """The URL of the token endpoint."""
    if region is not None and not (isinstance(region, str) and is_region(region)):
        mistakes.add("region", "is no Region's name" if isinstance(region, str) else _is_a(region))
        region = UNKNOWN_REGION  # what follows is about the domain
    if api == "get_client_token":
        return _api_endpoint(domain, region, token_url, mistakes)
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


def _api_endpoint(domain: object, region: str | None, token_url: object, mistakes: _Mistakes) -> str:
    if domain is not None:
        mistakes.add("domain", f"is given, and is not used; {_FORMS['domain with get_client_token']}")
    if token_url is None and region is None:
        mistakes.add("region", "is missing")
    if not isinstance(token_url, str):
        if token_url is not None:
            mistakes.add("token_url", _is_a(token_url))
        try:
            return from_region(region or UNKNOWN_REGION)
        except ValueError as wrong:
            mistakes.found.append(("region", str(wrong)))  # another Region's name is not what helps
            return ""
    try:
        return from_api_url(token_url)
    except ValueError as wrong:
        mistakes.add("token_url", f"{wrong}; {_FORMS['token_url with get_client_token']}")
        return ""


def _auth_method(auth_method: object, mistakes: _Mistakes) -> AuthMethod:
    for method in get_args(AuthMethod):
        if auth_method == method:
            return cast(AuthMethod, method)
    mistakes.add("auth_method", "is none of the three" if isinstance(auth_method, str) else _is_a(auth_method))
    return "auto"


def _client_id(client_id: object, mistakes: _Mistakes, *, raw_basic: bool) -> str:
    if not isinstance(client_id, str):
        wrong = _is_a(client_id)
    elif not client_id:
        wrong = "is empty"
    elif not all("!" <= c <= "~" for c in client_id):
        wrong = "holds white space or a character that RFC 6749 A.1 does not allow"
    elif raw_basic and ":" in client_id:
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
    wrong = wrong_with(secret)
    if wrong is None and secret == client_id:
        wrong = "is the client id"
    if wrong is not None:
        mistakes.add("client_secret", wrong)
