"""`CognitoSettings`: a pydantic model to nest into an application's own settings."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
import pydantic_settings
import pytest
from pydantic import SecretStr

from s2sauth import CognitoClientCredentials, ConfigurationError, RenewalPolicy
from s2sauth.settings import CognitoSettings
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import clock, fake, plain_client

__all__ = ["clock", "fake"]

VALUES = {"domain": "auth.example.com", "client_id": "abc", "client_secret": "s3cret-value"}


def test_settings_become_credentials(fake: FakeCognito, clock: ManualClock) -> None:
    """Which get tokens; the constructor's other arguments go along."""
    settings = CognitoSettings(
        domain=fake.domain,
        client_id=fake.client_id,
        client_secret=pydantic.SecretStr(fake.client_secret),
        scopes="demo/read.file",
    )
    policy = RenewalPolicy(deadline=5)
    with settings.credentials(clock=clock, policy=policy, http_client=plain_client) as credentials:
        assert credentials.get_token().scopes == ("demo/read.file",)


def test_arguments_win() -> None:
    """Over what the settings say."""
    credentials = CognitoSettings.model_validate(VALUES).credentials(scopes="demo/write.file", client_id="def")
    assert "demo/write.file" in repr(credentials)
    assert "def" in repr(credentials)


def test_a_secret_given_as_an_argument_wins(fake: FakeCognito, clock: ManualClock) -> None:
    """Then the place in the settings is not looked at."""
    settings = CognitoSettings(domain=fake.domain, client_id=fake.client_id, client_secret_file="/nowhere/at/all")
    secret = fake.client_secret
    with settings.credentials(client_secret=lambda: secret, clock=clock, http_client=plain_client) as credentials:
        assert credentials.get_token().access_token


def test_settings_nest() -> None:
    """Into any model."""

    class App(pydantic.BaseModel):
        cognito: CognitoSettings

    app = App.model_validate({"cognito": {**VALUES, "scopes": ["a", "b"]}})
    assert app.cognito.scopes == ("a", "b")
    assert "scopes a b" in repr(app.cognito.credentials())


def test_secret_is_hidden() -> None:
    """In repr and in the dump of JSON."""
    settings = CognitoSettings.model_validate(VALUES)
    assert "s3cret-value" not in repr(settings)
    assert "s3cret-value" not in settings.model_dump_json()


@pytest.mark.parametrize("extra", [{"client_secert": "x"}, {"client_id": None}, {"client_secret": None}, {"domain": 7}])
def test_wrong_types_and_unknown_names_are_refused(extra: dict[str, object]) -> None:
    """By pydantic, in its own way."""
    with pytest.raises(pydantic.ValidationError):
        CognitoSettings.model_validate({**VALUES, **extra})


SECRET = "s3cret-value-of-the-app-client-0123456789"
WRONG = {
    "client id missing": {"domain": "auth.example.com", "client_secret": SECRET},
    "name misspelt": {"client_id": "abc", "client_secrt": SECRET},
    "unknown name beside it": {"client_id": "abc", "client_secret": SECRET, "scope": "x"},
    "list": {"client_id": "abc", "client_secret": [SECRET]},
    "bytes": {"client_id": "abc", "client_secret": SECRET.encode(), "strict": SECRET.encode()},
    "nested": {"client_id": "abc", "client_secret": {"value": SECRET}},
    "in other fields": {"client_id": "abc", **dict.fromkeys(("client_secret", "api", "attempts", "deadline"), SECRET)},
    "two places": {"client_id": "abc", "client_secret": SECRET, "client_secret_arn": SECRET},
    "three places": {
        "client_id": "abc",
        **dict.fromkeys(("client_secret", "client_secret_file", "client_secret_arn"), SECRET),
    },
    "no mapping": SECRET,
    "a list of all": [SECRET],
}


class Application(pydantic.BaseModel):
    """Settings of an application, which hides nothing itself."""

    cognito: CognitoSettings
    page_size: int = 20


class Environment(pydantic_settings.BaseSettings):
    """The same, read from the environment."""

    model_config = pydantic_settings.SettingsConfigDict(env_nested_delimiter="__")

    cognito: CognitoSettings


def as_json(given: object) -> Application:
    """From a text."""
    return Application.model_validate_json(json.dumps({"cognito": given}, default=bytes.decode))


WAYS: dict[str, Callable[[object], object]] = {
    "alone": CognitoSettings.model_validate,
    "nested": lambda given: Application.model_validate({"cognito": given, "page_size": "many"}),
    "as JSON": as_json,
    "in settings": lambda given: Environment.model_validate({"cognito": given}),
}


@pytest.mark.fault(177)
@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_no_error_shows_what_was_given(given: object, way: Callable[[object], object]) -> None:
    """Neither its text, nor its list, nor its JSON; what is wrong and where is said all the same."""
    with pytest.raises(pydantic.ValidationError) as caught:
        way(given)
    error = caught.value
    assert "s3cret" not in f"{error} {error!r} {error.errors()} {error.json()}"
    assert all(one["msg"] and one["type"] for one in error.errors())
    if error.title != "CognitoSettings":
        assert error.errors()[0]["loc"][0] == "cognito"


@pytest.mark.fault(177)
def test_no_error_shows_a_keyword_or_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that is missing, beside a secret that is right."""
    monkeypatch.setenv("COGNITO__CLIENT_SECRET", SECRET)
    for build in (lambda: CognitoSettings(client_secret=SECRET), Environment):  # type: ignore[call-arg,arg-type]  # that is the test
        with pytest.raises(pydantic.ValidationError, match="Field required") as caught:
            build()
        error = caught.value
        assert "s3cret" not in f"{error} {error!r} {error.errors()} {error.json()}"


@pytest.mark.parametrize(
    "given",
    [
        {"client_secret": "a"},
        {"client_secret_file": "/run/secrets/client"},
        {"client_secret_file": Path("/run/secrets/client")},
        {"client_secret_arn": "arn:aws:ssm:eu-central-1:123456789012:parameter/client"},
    ],
    ids=["secret", "file", "path", "ARN"],
)
def test_the_secret_has_exactly_one_place(given: dict[str, object]) -> None:
    """Each of three, and no two of them."""
    settings = CognitoSettings.model_validate({"domain": "auth.example.com", "client_id": "abc", **given})
    settings.credentials().close()
    with pytest.raises(pydantic.ValidationError, match="Exactly one of client_secret, client_secret_file, client_sec"):
        CognitoSettings.model_validate({"domain": "auth.example.com", "client_id": "abc"})
    other = "client_secret" if "client_secret" not in given else "client_secret_arn"
    with pytest.raises(pydantic.ValidationError, match="Exactly one of"):
        CognitoSettings.model_validate({"client_id": "abc", other: "x", **given})


def test_the_secret_may_be_in_a_file(fake: FakeCognito, clock: ManualClock, tmp_path: Path) -> None:
    """It is read when a token is requested."""
    path = tmp_path / "client"
    settings = CognitoSettings(domain=fake.domain, client_id=fake.client_id, client_secret_file=path)
    with settings.credentials(clock=clock, http_client=plain_client) as credentials:
        path.write_text(fake.client_secret, encoding="utf-8")
        assert credentials.get_token().access_token


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"client_secret_arn": "arn:aws:s3:::x"}, "^client_secret_arn: is no ARN of a secret; use"),
        ({"client_secret_file": ""}, "^path: use the path"),
        ({"client_secret_file": "'/run/x'"}, "^path: is in quotes"),
        ({"client_secret": "'quoted'"}, "^client_secret: is in quotes"),
        ({"client_secret": "a", "attempts": 0}, "^RenewalPolicy: attempts: "),
        ({"client_secret": "a", "store": "nowhere"}, "^store: is no URL of a store"),
        ({"client_secret": "a", "client_metadata": {}}, "^client_metadata: is empty"),
    ],
)
def test_a_value_of_the_wrong_form_is_named_when_credentials_are_made(wrong: dict[str, object], says: str) -> None:
    """As the constructor names it; no frame holds the secret."""
    settings = CognitoSettings.model_validate({"domain": "auth.example.com", "client_id": "abc", **wrong})
    with pytest.raises(ConfigurationError, match=says):
        settings.credentials()


def test_every_field_of_an_application_is_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named like the argument, the policy's among them."""

    variables = {
        "REGION": "eu-central-1",
        "API": "get_client_token",
        "CLIENT_ID": "abc",
        "CLIENT_SECRET": "s3cret-value",
        "SCOPES": "demo/read demo/write",
        "CLIENT_METADATA": '{"tenant": "a"}',
        "STORE": "redis://:s3cret-value@cache.example.com",
        "STRICT": "true",
        "RENEW_AT": "0.5",
        "DEADLINE": "5",
        "ATTEMPTS": "2",
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"COGNITO__{name}", value)
    settings = Environment().cognito  # type: ignore[call-arg]  # from the environment
    assert "s3cret-value" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    shown = repr(settings.credentials())
    assert "https://cognito-idp.eu-central-1.amazonaws.com/, scopes demo/read demo/write" in shown
    passed: dict[str, Any] = {}
    monkeypatch.setattr("s2sauth.settings.CognitoClientCredentials", passed.update)  # nothing public says the policy
    settings.credentials()
    assert passed["policy"] == RenewalPolicy(renew_at=0.5, deadline=5.0, attempts=2)


def test_the_fields_are_the_arguments_that_can_be_settings() -> None:
    """And those of the policy; a new one is not forgotten."""
    objects = {"policy", "http_client", "on_event", "clock"}
    policy = set(inspect.signature(RenewalPolicy).parameters)
    secret = {"client_secret_file", "client_secret_arn"}
    arguments = set(inspect.signature(CognitoClientCredentials).parameters)
    assert set(CognitoSettings.model_fields) == (arguments - objects) | policy | secret


def test_a_misspelt_argument_is_named() -> None:
    """With the one that was meant, and no secret in its frames."""
    with pytest.raises(TypeError, match="'scope'; did you mean 'scopes'"):
        CognitoSettings.model_validate(VALUES).credentials(scope="a")  # type: ignore[call-arg]  # that is the test


@pytest.mark.parametrize("wrong", [{"domain": "not a domain"}, {"scopes": ""}, {"domain": "demo"}, {"domain": None}])
def test_wrong_forms_are_refused_when_credentials_are_made(wrong: dict[str, object]) -> None:
    """By the constructor, which knows the forms."""
    with pytest.raises(ConfigurationError):
        CognitoSettings.model_validate({**VALUES, **wrong}).credentials()


def test_settings_are_frozen() -> None:
    """Credentials are built once."""
    with pytest.raises(AttributeError):
        CognitoSettings.model_validate(VALUES).domain = "other"


def test_an_assignment_shows_no_value() -> None:
    """The model is frozen; pydantic's own error would show what was assigned."""
    settings = CognitoSettings(client_id="id", client_secret=SecretStr("secret_secret_1234"))
    for name in ("client_secret", "unknown"):
        with pytest.raises(AttributeError, match=f"so {name} cannot be set") as caught:
            setattr(settings, name, "hunter22hunter22")
        assert "hunter22" not in str(caught.value)
