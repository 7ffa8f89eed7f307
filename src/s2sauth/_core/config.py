"""Arguments become settings, or one error that lists every mistake and repeats no value."""

import json
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, cast, get_args

from . import pasted
from .client_secret import wrong_with
from .cognito_names import is_cognito, wrong_client_id, wrong_scopes
from .endpoint import (
    UNKNOWN_REGION,
    contradicts,
    from_api_url,
    from_domain,
    from_region,
    from_token_url,
    is_region,
)
from .errors import ConfigurationError
from .mistakes import FORMS, Mistakes, is_a, wrong_word
from .mistakes import Api as Api  # noqa: PLC0414  # this is where others find it
from .mistakes import AuthMethod as AuthMethod  # noqa: PLC0414  # the same
from .query import asked_scopes, wrong_metadata
from .query import wrong_scopes as contradicting_scopes
from .record import Record
from .values import Secret, scope_set

MAX_SCOPES = 50
"""That GetClientToken takes (its API reference)."""


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
    cognito: bool = False
    """Whether this is a user pool of Cognito as far as one can tell, whose ids and scopes have a known form."""
    encodes_basic: bool = False
    """Whether Basic form-encodes id and secret (RFC 6749 2.3.1): with "client_secret_basic", except for Cognito."""

    def __repr__(self) -> str:
        return f"<Settings of {self.client_id} at {self.token_url}>"  # client_metadata may hold what is private

    def with_scopes(self, scopes: str | Iterable[str] | None) -> "Settings":
        """The same settings for other scopes; raises ConfigurationError like the constructor's `scopes`."""
        mistakes = Mistakes()
        asked = _scopes(scopes, self.token_url, mistakes, cognito=self.cognito)
        if mistakes.found:
            raise ConfigurationError(mistakes.text())
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
    mistakes = Mistakes(variables)
    chosen = _api(api, mistakes)
    endpoint = _endpoint(chosen, domain, region, token_url, mistakes)
    method = _auth_method(auth_method, mistakes)
    said = domain is not None or region is not None or chosen == "get_client_token"
    cognito = is_cognito(endpoint, said=said)
    encodes = method == "client_secret_basic" and domain is None and not cognito
    raw_basic = method == "client_secret_basic" and not encodes
    client = _client_id(client_id, mistakes, raw_basic=raw_basic, cognito=cognito)
    metadata = _client_metadata(client_metadata, mistakes)
    if (wrong := wrong_metadata(metadata, endpoint)) is not None:
        mistakes.add("client_metadata", wrong)
    canonical = _scopes(scopes, endpoint, mistakes, cognito=cognito)
    if chosen == "get_client_token":
        _check_for_client_token(method, canonical, mistakes)
    if not isinstance(strict, bool):
        mistakes.add("strict", is_a(strict))
    if secret is not _UNCHECKED:
        _client_secret(secret, client, mistakes, cognito=cognito)
    mistakes.found.extend(also)
    if mistakes.found:
        del domain, token_url, client_metadata, metadata, secret  # a traceback may show the locals of its frames
        raise ConfigurationError(mistakes.text())
    return Settings(
        token_url=endpoint,
        client_id=client,
        auth_method=method,
        scopes=asked_scopes(canonical, endpoint),
        client_metadata=metadata,
        strict=bool(strict),
        api=chosen,
        cognito=cognito,
        encodes_basic=encodes,
    )


def _api(api: object, mistakes: Mistakes) -> Api:
    for known in get_args(Api):
        if api == known:
            return cast(Api, known)
    mistakes.add("api", wrong_word(api, "is neither of the two"))
    return "oauth2"


def _check_for_client_token(method: AuthMethod, scopes: tuple[str, ...] | None, mistakes: Mistakes) -> None:
    if method != "auto":
        mistakes.add("auth_method", 'is for api="oauth2" only: GetClientToken has one way')
    if scopes is not None and len(scopes) > MAX_SCOPES:
        mistakes.add("scopes", f"are {len(scopes)}, and GetClientToken takes {MAX_SCOPES}; ask for none, to get all")


def _endpoint(api: Api, domain: object, region: object, token_url: object, mistakes: Mistakes) -> str:
    """The URL of the token endpoint."""
    if region is not None and not (isinstance(region, str) and is_region(region)):
        mistakes.add("region", wrong_word(region, "is no Region's name"))
        region = UNKNOWN_REGION  # what follows is about the domain
    if api == "get_client_token":
        return _api_endpoint(domain, region, token_url, mistakes)
    if (domain is None) == (token_url is None):
        wrong = "neither is given" if domain is None else "both are given, and either says it all"
        mistakes.add("domain or token_url", wrong)
        return ""
    if token_url is None:
        return _parsed("domain", domain, lambda text: from_domain(text, region), region, mistakes)
    return _parsed("token_url", token_url, from_token_url, region, mistakes)


def _api_endpoint(domain: object, region: str | None, token_url: object, mistakes: Mistakes) -> str:
    if domain is not None:
        mistakes.add("domain", f"is given, and is not used; {FORMS['domain with get_client_token']}")
    if token_url is None:
        if region is None:
            mistakes.add("region", "is missing")
        try:
            return from_region(region or UNKNOWN_REGION)
        except ValueError as wrong:
            mistakes.found.append(("region", str(wrong)))  # another Region's name is not what helps
            return ""
    return _parsed(
        "token_url", token_url, from_api_url, region, mistakes, form=FORMS["token_url with get_client_token"]
    )


def _parsed(
    name: str,
    value: object,
    parse: Callable[[str], str],
    region: str | None,
    mistakes: Mistakes,
    *,
    form: str | None = None,
) -> str:
    """The URL in its normal form, "" if it is wrong."""
    if not isinstance(value, str):
        mistakes.add(name, is_a(value), form)
        return ""
    try:
        if wrong := pasted.wrong_with_address(value):
            raise ValueError(wrong)
        url = parse(value)
    except ValueError as error:
        mistakes.add(name, str(error), form)
        return ""
    if region and contradicts(url, region):
        wrong = f"is another Region than that of {mistakes.called(name)}"
        mistakes.add("region", wrong, "correct it, or leave it out")
    return url


def _auth_method(auth_method: object, mistakes: Mistakes) -> AuthMethod:
    for method in get_args(AuthMethod):
        if auth_method == method:
            return cast(AuthMethod, method)
    mistakes.add("auth_method", wrong_word(auth_method, "is none of the three"))
    return "auto"


def _client_id(client_id: object, mistakes: Mistakes, *, raw_basic: bool, cognito: bool) -> str:
    if not isinstance(client_id, str):
        wrong = is_a(client_id)
    elif not client_id:
        wrong = "is empty"
    elif (found := pasted.wrong_with(client_id)) is not None:
        wrong = found
    elif not all("!" <= c <= "~" for c in client_id):
        wrong = "holds white space or a character that RFC 6749 A.1 does not allow"
    elif cognito and (found := wrong_client_id(client_id)) is not None:
        wrong = found
    elif raw_basic and ":" in client_id:
        # RFC 7617 2: the user-id ends at the first colon.
        wrong = 'holds a colon, which Basic authentication cannot carry: use auth_method="client_secret_post"'
    else:
        return client_id
    mistakes.add("client_id", wrong)
    return ""


def _client_metadata(metadata: object, mistakes: Mistakes) -> str | None:
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        wrong = is_a(metadata)
    else:
        members = dict(cast(Mapping[object, object], metadata))
        odd = [item for item in (*members.keys(), *members.values()) if not isinstance(item, str)]
        if members and not odd:
            return json.dumps(members, sort_keys=True, separators=(",", ":"))
        wrong = f"holds something of type {type(odd[0]).__name__}" if odd else "is empty"
    mistakes.add("client_metadata", wrong)
    return None


def _scopes(scopes: object, token_url: str, mistakes: Mistakes, *, cognito: bool) -> tuple[str, ...] | None:
    wrong = pasted.wrong_with(scopes) if isinstance(scopes, str) else None
    canonical = None
    if wrong is None:
        try:
            canonical = scope_set(cast("str | Iterable[str] | None", scopes))  # it checks the type itself
        except ConfigurationError as error:
            mistakes.add("scopes", error.message.removeprefix("scopes: "))
            return None
        items = canonical or ()
        wrong = next(filter(None, map(pasted.wrong_with, items)), None) or (wrong_scopes(items) if cognito else None)
    wrong = wrong or contradicting_scopes(canonical, token_url)
    if wrong is not None:
        mistakes.add("scopes", wrong)
    return canonical


def _client_secret(secret: object, client_id: str, mistakes: Mistakes, *, cognito: bool) -> None:
    if isinstance(secret, Secret) or callable(secret) or hasattr(secret, "get_secret_value"):
        return  # read, and checked, at flight time
    unfilled = cognito and isinstance(secret, str) and pasted.is_placeholder(secret)
    wrong = pasted.PLACEHOLDER if unfilled else wrong_with(secret)
    if wrong is None and secret == client_id:
        wrong = "is the client id"
    if wrong is not None:
        mistakes.add("client_secret", wrong)
