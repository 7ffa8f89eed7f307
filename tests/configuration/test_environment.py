"""The environment, half set, doubly set, wrongly set."""

import inspect
import subprocess
import sys
import traceback
from collections.abc import Mapping
from typing import Any, ForwardRef, get_args, get_type_hints

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


@pytest.mark.fault(153)
def test_empty_environment() -> None:
    """One error lists all that is missing."""
    message = mistake({})
    for name in ("COGNITO_DOMAIN", "COGNITO_TOKEN_URL", "APP_CLIENT_ID", "COGNITO_CLIENT_ID", "APP_CLIENT_SECRET"):
        assert name in message


@pytest.mark.fault(153)
@pytest.mark.parametrize("missing", RIGHT)
@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_one_variable_missing(missing: str, value: str | None) -> None:
    """Empty is unset; the message names that one, and no other."""
    environ = {name: text for name, text in RIGHT.items() if name != missing}
    if value is not None:
        environ[missing] = value
    message = mistake(environ)
    assert missing in message
    assert not [name for name in RIGHT if name != missing and name in message]


@pytest.mark.fault(153)
def test_prefix_goes_before_each_name() -> None:
    """Half set: the missing one is named in full."""
    environ = {f"BILLING_{name}": value for name, value in RIGHT.items()}
    CognitoClientCredentials.from_env("BILLING_", environ)
    del environ["BILLING_APP_CLIENT_ID"]
    environ["APP_CLIENT_ID"] = "not-this-one"
    assert "BILLING_APP_CLIENT_ID" in mistake(environ, "BILLING_")


@pytest.mark.fault(153)
@pytest.mark.parametrize("prefix", [None, 7, b"BILLING_"], ids=repr)
def test_wrong_prefix(prefix: object) -> None:
    """A string."""
    with pytest.raises(ConfigurationError, match="prefix: "):
        CognitoClientCredentials.from_env(prefix, RIGHT)  # type: ignore[arg-type]  # that is the test


@pytest.mark.fault(153)
@pytest.mark.parametrize("kind", ["ID", "SECRET"])
def test_aliases_that_differ(kind: str) -> None:
    """Both set and the same is fine, both set and different is an error that shows neither."""
    same = {**RIGHT, f"COGNITO_CLIENT_{kind}": RIGHT[f"APP_CLIENT_{kind}"]}
    CognitoClientCredentials.from_env(environ=same)
    message = mistake({**RIGHT, f"COGNITO_CLIENT_{kind}": "something-else"})
    assert f"APP_CLIENT_{kind}" in message
    assert f"COGNITO_CLIENT_{kind}" in message


@pytest.mark.fault(153)
def test_domain_and_token_url() -> None:
    """One of them."""
    message = mistake({**RIGHT, "COGNITO_TOKEN_URL": "https://proxy.example.com/oauth2/token"})
    assert "COGNITO_DOMAIN" in message
    assert "COGNITO_TOKEN_URL" in message


@pytest.mark.fault(153)
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
def test_explicit_argument_wins(override: dict[str, Any], shown: str) -> None:
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


@pytest.mark.fault(127)
def test_variable_that_changes_is_read_again() -> None:
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


@pytest.mark.fault(176)
@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"scope": "demo/read.file"}, "got an unexpected keyword argument 'scope'; did you mean 'scopes'?"),
        ({"secret": RIGHT["APP_CLIENT_SECRET"]}, "keyword argument 'secret'; did you mean 'client_secret'?"),
        ({"clientid": RIGHT["APP_CLIENT_ID"], "strict": True}, "'clientid'; did you mean 'client_id'?"),
        (
            {"min_ttl": 5},
            "keyword argument 'min_ttl': use prefix, environ, domain, region, token_url, api, client_id,",
        ),
    ],
    ids=lambda value: str(*value) if isinstance(value, dict) and len(value) == 1 else "",
)
def test_unknown_override_is_a_type_error_that_names_the_one_that_was_meant(
    override: dict[str, Any], says: str
) -> None:
    """Python's own words, and a hint; no frame of it holds the environment or a value."""
    with pytest.raises(TypeError) as caught:
        CognitoClientCredentials.from_env(environ=RIGHT, **override)
    assert str(caught.value).startswith("CognitoClientCredentials.from_env() got an unexpected keyword argument")
    assert says in str(caught.value)
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
    assert frames
    assert not [frame for frame in frames if RIGHT["APP_CLIENT_SECRET"] in repr(frame.f_locals)]


@pytest.mark.fault(176)
def test_overrides_are_the_arguments_of_the_constructor() -> None:
    """By name, and by type."""
    (overrides,) = get_args(get_type_hints(CognitoClientCredentials.from_env)["overrides"])
    arguments = inspect.signature(CognitoClientCredentials).parameters
    assert {name: one.annotation for name, one in arguments.items()} == {
        name: annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
        for name, annotation in overrides.__annotations__.items()
    }


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        (
            {"COGNITO_DOMAIN": "demo", "COGNITO_REGION": "eu-central-1"},
            "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token",
        ),
        ({"COGNITO_REGION": "eu-central-1"}, "https://auth.example.com/oauth2/token"),
        (
            {
                "COGNITO_DOMAIN": "demo.auth.eu-central-1.amazoncognito.com",
                "COGNITO_REGION": "eu-central-1",
                "COGNITO_API": "oauth2",
            },
            "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token",
        ),
        (
            {"COGNITO_DOMAIN": "", "COGNITO_API": "get_client_token", "COGNITO_REGION": "eu-central-1"},
            "https://cognito-idp.eu-central-1.amazonaws.com/",
        ),
        (
            {
                "COGNITO_API": "get_client_token",
                "COGNITO_TOKEN_URL": "https://cognito-idp-fips.us-east-1.amazonaws.com",
            },
            "https://cognito-idp-fips.us-east-1.amazonaws.com/",
        ),
    ],
    ids=["bare prefix", "custom domain", "whole domain", "GetClientToken", "GetClientToken at an endpoint"],
)
def test_region_and_api_are_variables(changes: dict[str, str], at: str) -> None:
    """A bare prefix and GetClientToken need no code, with a prefix neither."""
    environ = {**RIGHT, **changes}
    assert f"at {at}," in repr(CognitoClientCredentials.from_env(environ=environ))
    prefixed = {f"BILLING_{name}": value for name, value in environ.items()}
    assert f"at {at}," in repr(CognitoClientCredentials.from_env("BILLING_", prefixed))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"COGNITO_DOMAIN": "demo.auth.eu-central-1.amazoncognito.com", "COGNITO_REGION": "eu-west-1"},
            "COGNITO_REGION (region): is another Region than that of COGNITO_DOMAIN (domain)",
        ),
        ({"COGNITO_REGION": "Frankfurt"}, "COGNITO_REGION (region): is no Region's name"),
        ({"COGNITO_API": "GetClientToken"}, 'COGNITO_API (api): is neither of the two; use "oauth2" or "get_client_t'),
        ({"COGNITO_API": "get_client_token"}, "COGNITO_REGION or COGNITO_TOKEN_URL: is not set"),
        ({"COGNITO_SCOPES": "openid email profile"}, "COGNITO_SCOPES (scopes): contain email, openid, profile, which"),
        ({"COGNITO_SCOPE": "openid"}, "COGNITO_SCOPE (scopes): contain openid, which belong to signed-in users"),
        ({"COGNITO_SCOPE": "demo/read,demo/write"}, "COGNITO_SCOPE (scopes): are separated by commas"),
    ],
    ids=["contradiction", "no Region", "no API", "API alone", "user scopes", "user scope", "commas"],
)
def test_variables_that_cannot_be_meant_are_named(changes: dict[str, str], says: str) -> None:
    """One line each."""
    (line,) = mistake({**RIGHT, **changes}).splitlines()
    assert line.startswith(says)


def test_misspelt_variable_is_asked_about() -> None:
    """By its name, where a required one is missing."""
    message = mistake({"COGNITO_DOMAN": "not-shown", "CLIENT_ID": "not-shown", "COGNITO_SECRET": "not-shown"})
    for hint in (
        "COGNITO_DOMAN is set: did you mean COGNITO_DOMAIN?",
        "CLIENT_ID is set: did you mean APP_CLIENT_ID?",
        "COGNITO_SECRET is set: did you mean COGNITO_CLIENT_SECRET?",
    ):
        assert hint in message


def test_getting_the_hint_ready_costs_no_import() -> None:
    """difflib is imported for an error, not with the package."""
    script = "import sys, s2sauth; s2sauth.CognitoClientCredentials; sys.exit('difflib' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
