"""What values and errors show of a secret or a token."""

import copy
import dataclasses
import importlib
import inspect
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import s2sauth
from s2sauth import (
    ANY_ORIGIN,
    AccessToken,
    CognitoClientCredentials,
    ConfigurationError,
    Event,
    Freshness,
    RenewalPolicy,
    S2SAuthError,
    TokenResponseInvalid,
    TokenUnavailable,
)
from s2sauth.secret_sources import (
    EnvironmentSecret,
    FileSecret,
    LambdaExtensionSecret,
    ManagedSecret,
    ParameterStoreSecret,
    SecretsManagerSecret,
    SourceFailed,
)
from s2sauth.settings import CognitoSettings
from s2sauth.testing import FakeCognito, ManualClock, MemoryStore, StaticToken
from tests.support.extension import Extension
from tests.support.secrets import Vault
from tests.support.sentinel import MARK, holds, leaking_locals
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

SECRET = f"{MARK}0123456789abcdefghijklmnopqrstuvwxyzabcd"
ERRORS: list[type[S2SAuthError]] = [
    value
    for value in vars(s2sauth).values()
    if inspect.isclass(value) and issubclass(value, S2SAuthError) and value is not S2SAuthError
]


def _read(source: Callable[[], str]) -> Callable[[], str]:
    """A source that has read the secret."""
    assert source() == SECRET
    return source


@pytest.fixture
def values(
    make: Make, fake: FakeCognito, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """One of each public class, as it is after a token was fetched and a request sent."""
    path = tmp_path / "client"
    path.write_text(SECRET)
    vault.put_parameter("/files/values", SECRET)
    with Extension() as extension:
        extension.put("x", SECRET)
        for name, value in extension.environ.items():
            monkeypatch.setenv(name, value)
        yield _values(make, fake, vault, path)


def _values(make: Make, fake: FakeCognito, vault: Vault, path: Path) -> dict[str, Any]:
    credentials = make()
    token = credentials.get_token()
    hook = credentials.httpx_auth(fake.api_url)
    with httpx.Client(auth=hook, verify=False, trust_env=False) as client:
        client.get(f"{fake.api_url}/files")
    environ = {"APP_CLIENT_SECRET": SECRET}
    return {
        "AccessToken": token,
        "AnyOrigin": ANY_ORIGIN,
        "ApiRequest": fake.api_requests[0],
        "CognitoClientCredentials": credentials,
        "CognitoSettings": CognitoSettings(domain="auth.example.com", client_id="abc", client_secret=SECRET),  # type: ignore[arg-type]  # pydantic makes it a SecretStr
        "EnvironmentSecret": EnvironmentSecret(("APP_CLIENT_SECRET",), environ),
        "Event": Event("renewed", 1.0, "0123abcd", 0.5, 1, "invalid_client"),
        "FakeCognito": fake,
        "FileSecret": _read(FileSecret(path)),
        "Freshness": Freshness.STALE,
        "HttpxAuth": hook,
        "LambdaExtensionSecret": _read(LambdaExtensionSecret("x")),
        "ManagedSecret": ManagedSecret(SECRET, client_id="abc"),
        "ManualClock": ManualClock(),
        "MemoryStore": MemoryStore(),
        "ParameterStoreSecret": _read(ParameterStoreSecret("/files/values", client=vault.parameters)),
        "RenewalPolicy": RenewalPolicy(),
        "SecretsManagerSecret": _read(SecretsManagerSecret(vault.create(SECRET), client=vault.secrets)),
        "SourceFailed": SourceFailed("vault sealed"),
        "State": credentials.state(),
        "StaticToken": StaticToken(token.access_token),
        "TokenRequest": fake.token_requests[0],
        **{
            error.__name__: error("said", *([None] * 4)[: len(inspect.signature(error).parameters) - 1])
            for error in ERRORS
            if error.__init__ is not S2SAuthError.__init__
        },
        **{
            error.__name__: error("said")
            for error in [S2SAuthError, *ERRORS]
            if error.__init__ is S2SAuthError.__init__
        },
    }


MEANT = {
    "AccessToken": {"access_token", "authorization"},
    "ApiRequest": {"headers", "body"},
    "FakeCognito": {"client_secret", "environ", "managed_secret"},
    "TokenRequest": {"headers", "body", "form"},
}
"""The attributes that are there to give the value; their docstrings say so."""
UNPICKLED = {
    "AccessToken": "get_token",
    "CognitoClientCredentials": "from_env",
    "EnvironmentSecret": "in each process",
    "HttpxAuth": "from_env",
    "StaticToken": "get_token",
}
"""What refuses to be pickled and copied, and a word of the sentence that it says instead."""


@pytest.mark.fault(129)
def test_every_public_class_is_looked_at(values: dict[str, Any]) -> None:
    """A new one must be added above."""
    public = {
        name
        for path in ("s2sauth", "s2sauth.secret_sources", "s2sauth.settings", "s2sauth.testing")
        for module in [importlib.import_module(path)]
        for name in {*vars(module), *getattr(module, "__all__", ())}  # some are imported when they are used
        for value in [getattr(module, name)]
        if inspect.isclass(value) and value.__module__.startswith("s2sauth") and not getattr(value, "_is_protocol", 0)
    }
    assert public <= values.keys()
    assert all(type(value).__name__ == name for name, value in values.items())


def _formatted(value: object) -> str:
    """What format() gives, or says when it refuses."""
    try:
        return f"{value}"
    except TypeError as refused:
        return str(refused)


@pytest.mark.fault(129)
def test_no_text_of_a_value_shows_it(values: dict[str, Any]) -> None:
    """repr, str, format in every form, inside a list, a dict and an exception."""
    for name, value in values.items():
        texts = [
            repr(value),
            str(value),
            _formatted(value),
            f"{value!r}",
            f"{value!s}",
            f"{value!a}",
        ]
        texts += [repr([value]), repr({"a": value}), repr({value: 1} if value.__hash__ else 0), str(ValueError(value))]
        assert not holds("\n".join(texts)), name


@pytest.mark.fault(130)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_attribute_shows_it_but_those_that_are_meant_to(values: dict[str, Any]) -> None:
    """`vars`, `dir`, slots: each attribute's repr."""
    for name, value in values.items():
        found = {attribute for attribute in dir(value) if holds(repr(_attribute(value, attribute)))}
        found |= {attribute for attribute, held in getattr(value, "__dict__", {}).items() if holds(repr(held))}
        assert found <= MEANT.get(name, set()), name


def _attribute(value: object, name: str) -> object:
    try:
        return getattr(value, name)
    except AttributeError:
        return None


@pytest.mark.fault(130)
def test_no_serialiser_shows_it(values: dict[str, Any]) -> None:
    """`asdict`, `json.dumps` by default, with `str` and with `vars`, pydantic's own.

    Records of a test's requests hold what they hold, and pydantic's SecretStr has the value in its `vars`.
    """
    looks: list[Callable[[Any], object]] = [
        dataclasses.asdict,
        json.dumps,
        lambda value: json.dumps(value, default=str),
        lambda value: json.dumps(value, default=vars),
        lambda value: value.model_dump_json(),
    ]
    for name, value in values.items():
        for look in looks:
            try:
                text = repr(look(value))
            except (TypeError, AttributeError, ValueError):
                continue
            assert name in ("ApiRequest", "CognitoSettings", "TokenRequest") or not holds(text), name
    assert not holds(values["CognitoSettings"].model_dump_json() + repr(values["CognitoSettings"].model_dump()))


@pytest.mark.fault(130)
def test_live_secrets_refuse_to_be_pickled_and_copied(values: dict[str, Any]) -> None:
    """With any protocol; the error says what to do instead, and nothing of the value."""
    takings: list[Callable[[object], object]] = [copy.copy, copy.deepcopy]
    takings += [lambda value, n=n: pickle.dumps(value, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)]
    for name, hint in UNPICKLED.items():
        for taking in takings:
            if taking is copy.copy and name in ("HttpxAuth", "StaticToken"):
                continue  # a shallow copy holds the same credentials
            with pytest.raises(TypeError, match=hint) as caught:
                taking(values[name])
            assert leaking_locals(caught.value) == []


@pytest.mark.fault(130)
def test_everything_else_is_pickled_and_holds_no_secret(values: dict[str, Any]) -> None:
    """Policies, events, states and every error come back equal."""
    for name in (
        "Event",
        "Freshness",
        "RenewalPolicy",
        "State",
        *(error.__name__ for error in [S2SAuthError, *ERRORS]),
    ):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            data = pickle.dumps(values[name], protocol)
            again = pickle.loads(data)
            assert type(again) is type(values[name]), name
            assert vars(again) == vars(values[name]) if hasattr(again, "__dict__") else again is values[name], name
            assert not holds(data.decode("latin-1")), name


POISON = {
    "line break": "\r\nx-evil: 1",
    "NUL": "\0",
    "blank at the end": " ",
    "letter beyond ASCII": "ä",
    "half a character": "\ud800",
}


@pytest.mark.fault(132)
@pytest.mark.parametrize("ending", POISON.values(), ids=POISON)
def test_poisoned_token_never_reaches_an_http_library(make: Make, fake: FakeCognito, world: World, ending: str) -> None:
    """Which would quote it in its error: our own error comes first, says nothing of it, and has no cause."""
    fake.answer_json({"access_token": MARK + ending, "token_type": "Bearer", "expires_in": 3600})
    credentials = make()
    with pytest.raises(TokenResponseInvalid, match="access_token") as caught:
        world.send(credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert leaking_locals(caught.value) == []
    assert fake.counts()["api_requests"] == 0


@pytest.mark.fault(132)
@pytest.mark.parametrize("ending", POISON.values(), ids=POISON)
def test_poisoned_token_cannot_even_be_built(ending: str) -> None:
    """Whatever brings it, and even then the error's frames do not hold it."""
    with pytest.raises(ConfigurationError, match="access_token") as caught:
        AccessToken(MARK + ending, expires_in=1, issued_at=1, left=lambda: 1)
    assert leaking_locals(caught.value) == []
    with pytest.raises(ConfigurationError, match="access_token"):
        StaticToken(f"abc{ending}")


@pytest.mark.fault(133)
def test_unavailable_token_holds_the_callers_own_request(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """It never held a token, and nothing else of httpx hangs on the error."""
    clock.set_random(0.0)
    credentials = make()
    fake.refuse()
    with pytest.raises(httpx.TransportError) as caught:
        world.send(credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files")
    error = caught.value
    assert isinstance(error, TokenUnavailable)
    assert "authorization" not in error.request.headers
    held = [name for name, value in vars(error).items() if type(value).__module__.startswith("httpx")]
    assert held == ["_request"]
    assert (error.__cause__, error.__suppress_context__) == (None, True)


@pytest.mark.fault(133)
def test_the_answers_request_holds_the_token_and_does_not_show_it(make: Make, fake: FakeCognito, world: World) -> None:
    """As the documentation says: `response.request`, `response.history`, and httpx's own errors; not in their repr."""
    credentials = make()
    response = world.send(
        credentials.httpx_auth(fake.api_url),
        f"{fake.api_url}/redirect?to=/nowhere",
        client={"follow_redirects": True},
    )
    (before,) = response.history
    token = credentials.get_token().authorization
    assert response.request.headers["Authorization"] == before.request.headers["Authorization"] == token
    for shown in (response, response.request, response.request.headers, before, response.request.extensions):
        assert not holds(repr(shown))
    fake.api_answer(500)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        world.send(credentials.httpx_auth(fake.api_url), fake.api_url).raise_for_status()
    assert caught.value.request.headers["Authorization"] == token
    assert leaking_locals(caught.value) == []
