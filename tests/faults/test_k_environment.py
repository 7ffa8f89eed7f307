"""Group K of the catalogue: the environment, half set, doubly set, wrongly set."""

from collections.abc import Mapping
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import plain_client

RIGHT = {
    "COGNITO_DOMAIN": "auth.example.com",
    "APP_CLIENT_ID": "1h57kf5cpq17m0eml12EXAMPLE",
    "APP_CLIENT_SECRET": "c2VjcmV0LWV4YW1wbGUtdmFsdWUtb2YtNTItY2hhcmFjdGVycw",
}


def mistake(environ: Mapping[str, str], prefix: str = "", **overrides: Any) -> str:
    """The message of the error; no value of the environment is in it."""
    with pytest.raises(ConfigurationError) as caught:
        CognitoClientCredentials.from_env(prefix, environ, **overrides)
    message = str(caught.value)
    assert not [value for value in environ.values() if len(value) > 6 and value in message]
    return message


def test_153_empty_environment() -> None:
    """One error lists all that is missing."""
    message = mistake({})
    for name in ("COGNITO_DOMAIN", "COGNITO_TOKEN_URL", "APP_CLIENT_ID", "COGNITO_CLIENT_ID", "APP_CLIENT_SECRET"):
        assert name in message


@pytest.mark.parametrize("missing", RIGHT)
@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_153_one_variable_missing(missing: str, value: str | None) -> None:
    """Empty is unset; the message names that one, and no other."""
    environ = {name: text for name, text in RIGHT.items() if name != missing}
    if value is not None:
        environ[missing] = value
    message = mistake(environ)
    assert missing in message
    assert not [name for name in RIGHT if name != missing and name in message]


def test_153_prefix_goes_before_each_name() -> None:
    """Half set: the missing one is named in full."""
    environ = {f"BILLING_{name}": value for name, value in RIGHT.items()}
    CognitoClientCredentials.from_env("BILLING_", environ)
    del environ["BILLING_APP_CLIENT_ID"]
    environ["APP_CLIENT_ID"] = "not-this-one"
    assert "BILLING_APP_CLIENT_ID" in mistake(environ, "BILLING_")


@pytest.mark.parametrize("prefix", [None, 7, b"BILLING_"], ids=repr)
def test_153_wrong_prefix(prefix: object) -> None:
    """A string."""
    with pytest.raises(ConfigurationError, match="prefix: "):
        CognitoClientCredentials.from_env(prefix, RIGHT)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("kind", ["ID", "SECRET"])
def test_153_aliases_that_differ(kind: str) -> None:
    """Both set and the same is fine, both set and different is an error that shows neither."""
    same = {**RIGHT, f"COGNITO_CLIENT_{kind}": RIGHT[f"APP_CLIENT_{kind}"]}
    CognitoClientCredentials.from_env(environ=same)
    message = mistake({**RIGHT, f"COGNITO_CLIENT_{kind}": "something-else"})
    assert f"APP_CLIENT_{kind}" in message
    assert f"COGNITO_CLIENT_{kind}" in message


def test_153_domain_and_token_url() -> None:
    """One of them."""
    message = mistake({**RIGHT, "COGNITO_TOKEN_URL": "https://proxy.example.com/oauth2/token"})
    assert "COGNITO_DOMAIN" in message
    assert "COGNITO_TOKEN_URL" in message


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ({"domain": "other.example.com"}, "https://other.example.com/oauth2/token"),
        ({"token_url": "https://proxy.example.com/t"}, "https://proxy.example.com/t"),
        ({"client_id": "another"}, "of another at"),
        ({"scopes": "x"}, "scopes x"),
        ({"scopes": None}, "all scopes"),
    ],
    ids=repr,
)
def test_153_explicit_argument_wins(override: dict[str, Any], shown: str) -> None:
    """Over its variable, which may even be wrong."""
    environ = {**RIGHT, "COGNITO_SCOPES": "from/environment"}
    assert shown in repr(CognitoClientCredentials.from_env(environ=environ, **override))


WRONG = {
    "COGNITO_DOMAIN": ["demo", "http://auth.example.com", "eu-central-1_Ab3dEf9hI", "auth.example.com/login", "a b"],
    "COGNITO_TOKEN_URL": [
        "auth.example.com",
        "http://auth.example.com/oauth2/token",
        "https://u:passw0rd@auth.example.com/x",
    ],
    "APP_CLIENT_ID": ["with blank", "ä-umlaut", " leading"],
    "COGNITO_SCOPES": [" ", "a\tb", 'wrong"quote', "umläut"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values], ids=repr
)
def test_variable_of_the_wrong_form_is_named(name: str, value: str) -> None:
    """At construction, by its variable and with the form."""
    environ = {**RIGHT, name: value}
    if name == "COGNITO_TOKEN_URL":
        del environ["COGNITO_DOMAIN"]
    message = mistake(environ)
    assert name in message
    assert "use " in message


SECRETS = {
    "blank": "pass word",
    "quotes": '"password"',
    "ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:password",
    "JSON": '{"secret":"password"}',
    "non-ASCII": "pässword",
    "25 kB": "password" * 3000,
    "BOM": "\ufeffpassword",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_secret_variable_of_the_wrong_form_is_named_and_nothing_is_sent(secret: str) -> None:
    """It is read when a token is requested, and at the latest then refused; never shown."""
    with FakeCognito() as fake:
        environ = {**fake.environ, "APP_CLIENT_SECRET": secret}
        with pytest.raises(ConfigurationError, match=r"client_secret|APP_CLIENT_SECRET") as caught:
            CognitoClientCredentials.from_env(environ=environ, http_client=plain_client).get_token()
        assert fake.counts()["token_connections"] == 0
    assert "password" not in str(caught.value)


def test_127_variable_that_changes_is_read_again() -> None:
    """The secret is re-read from its variable at flight time."""
    clock = ManualClock()
    with FakeCognito(clock=clock) as fake:
        environ = fake.environ
        credentials = CognitoClientCredentials.from_env(environ=environ, clock=clock, http_client=plain_client)
        environ["APP_CLIENT_SECRET"] = fake.rotate_secret()
        credentials.get_token()
        clock.advance(3600)
        del environ["APP_CLIENT_SECRET"]
        credentials.get_token()
        credentials.close()
        assert [request.status for request in fake.token_requests] == [200, 200]


def test_variable_that_vanished_before_the_first_token_is_named() -> None:
    """It was there when the object was built."""
    environ = dict(RIGHT)
    credentials = CognitoClientCredentials.from_env(environ=environ)
    del environ["APP_CLIENT_SECRET"]
    with pytest.raises(ConfigurationError, match="APP_CLIENT_SECRET"):
        credentials.get_token()


def test_processes_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """os.environ, read at the call."""
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)
    assert RIGHT["APP_CLIENT_ID"] in repr(CognitoClientCredentials.from_env())


def test_unknown_override_is_a_type_error() -> None:
    """As in the constructor."""
    with pytest.raises(TypeError, match="min_ttl"):
        CognitoClientCredentials.from_env(environ=RIGHT, min_ttl=5)
