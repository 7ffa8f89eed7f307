"""Turns arguments into settings, or into one error that lists every mistake and repeats no value."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, cast, get_args

from . import pasted, store_url
from .client_auth import wrong_with_id
from .client_secret import wrong_with
from .cognito_names import is_cognito, wrong_scopes
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
from .policy import RenewalPolicy
from .query import asked_scopes, wrong_metadata
from .query import wrong_scopes as contradicting_scopes
from .settings import Api, AuthMethod, Settings
from .values import Secret, scope_set

MAX_SCOPES = 50
"""The most that GetClientToken takes (its API reference)."""


_UNCHECKED: Final = object()


def check_arguments(
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
    client = _client_id(client_id, secret, mistakes, raw_basic=raw_basic, cognito=cognito)
    metadata = _client_metadata(client_metadata, endpoint, mistakes)
    canonical = _scopes(scopes, endpoint, mistakes, cognito=cognito)
    _check_for_client_token(chosen, method, canonical, mistakes)
    _check_strict(strict, mistakes)
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
        client_known=client_id is not None,
    )


def client_id_from(secret: object) -> str | None:
    """What the client's id will be read from: the name or ARN of a secret that may name its client; None otherwise."""
    named_by = getattr(secret, "client_id_from", None)
    return named_by if isinstance(named_by, str) and named_by else None


def with_scopes(settings: Settings, scopes: str | Iterable[str] | None) -> Settings:
    """The same settings for other scopes; raises ConfigurationError as the constructor does for `scopes`."""
    mistakes = Mistakes()
    asked = _scopes(scopes, settings.token_url, mistakes, cognito=settings.cognito)
    if mistakes.found:
        raise ConfigurationError(mistakes.text())
    changed: dict[str, Any] = {**vars(settings), "scopes": asked_scopes(asked, settings.token_url)}
    return Settings(**changed)


def _api(api: object, mistakes: Mistakes) -> Api:
    for known in get_args(Api):
        if api == known:
            return cast(Api, known)
    mistakes.add("api", wrong_word(api, "is neither of the two"))
    return "oauth2"


def _check_strict(strict: object, mistakes: Mistakes) -> None:
    if not isinstance(strict, bool):
        mistakes.add("strict", is_a(strict))


def _check_for_client_token(api: Api, method: AuthMethod, scopes: tuple[str, ...] | None, mistakes: Mistakes) -> None:
    if api != "get_client_token":
        return
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
            mistakes.found.append(("region", str(wrong)))  # to name another Region would not help
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


def _client_id(client_id: object, secret: object, mistakes: Mistakes, *, raw_basic: bool, cognito: bool) -> str:
    """The id, or what stands for it until it is read with the secret; "" if it is wrong."""
    if client_id is None and (named_by := client_id_from(secret)) is not None:
        return named_by
    if not isinstance(client_id, str):
        mistakes.add("client_id", is_a(client_id))
        return ""
    wrong = pasted.wrong_with(client_id) or wrong_with_id(client_id, raw_basic=raw_basic, cognito=cognito)
    if wrong is not None:
        mistakes.add("client_id", wrong)
        return ""
    return client_id


def _client_metadata(metadata: object, token_url: str, mistakes: Mistakes) -> str | None:
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        wrong = is_a(metadata)
    else:
        members = dict(cast(Mapping[object, object], metadata))
        odd = [item for item in (*members.keys(), *members.values()) if not isinstance(item, str)]
        if members and not odd:
            text = json.dumps(members, sort_keys=True, separators=(",", ":"))
            if (other := wrong_metadata(text, token_url)) is not None:
                mistakes.add("client_metadata", other)
            return text
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
    if secret is _UNCHECKED:
        return
    if isinstance(secret, Secret) or callable(secret) or hasattr(secret, "get_secret_value"):
        return  # read, and checked, at flight time
    unfilled = cognito and isinstance(secret, str) and pasted.is_placeholder(secret)
    wrong = pasted.PLACEHOLDER if unfilled else _managed(secret) or wrong_with(secret)
    if wrong is None and secret == client_id:
        wrong = "is the client id"
    if wrong is not None:
        mistakes.add("client_secret", wrong)


def _managed(secret: object) -> str | None:
    """What is wrong with the JSON of a secret that Cognito manages, where nothing would notice its next rotation."""
    if isinstance(secret, str) and secret[:1] == "{" and '"clientSecretValue"' in secret:
        return (
            "is the JSON of a secret that Cognito manages and replaces within days: give the secret's ARN instead, as "
            "COGNITO_CLIENT_SECRET_ARN or SecretsManagerSecret(arn)"
        )
    return None


_CLOCK = ("wall", "monotonic", "boottime", "wait", "random")


def wrong_objects(
    *, policy: object, store: object, http_client: object, on_event: object, clock: object
) -> Iterator[tuple[str, str]]:
    """The field and the text of each mistake in the arguments that are objects, such as a clock without `wait`."""
    if not isinstance(policy, RenewalPolicy):
        yield "policy", f"is of type {type(policy).__name__}; use RenewalPolicy(deadline=5.0) or leave it out"
    if store is not None and (wrong := store_url.mistake(store)):
        yield "store", wrong
    if http_client is not None and not callable(http_client):
        form = "use a function that makes a new client each time, as lambda: httpx.Client(verify=ssl_context)"
        yield "http_client", f"is of type {type(http_client).__name__}; {form}"
    if on_event is not None and not callable(on_event):
        yield "on_event", f"is of type {type(on_event).__name__}; use a function that takes an Event, as on_event=print"
    missing = [name for name in _CLOCK if not callable(getattr(clock, name, None))]
    if clock is not None and missing:
        yield "clock", f"has no {', '.join(missing)}; use s2sauth.testing.ManualClock() or leave it out"
