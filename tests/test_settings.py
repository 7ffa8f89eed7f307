"""`CognitoSettings`: a pydantic model to nest into an application's own settings."""

import pydantic
import pytest

from s2sauth import ConfigurationError, RenewalPolicy
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


@pytest.mark.parametrize("wrong", [{"domain": "not a domain"}, {"scopes": ""}, {"domain": "demo"}, {"domain": None}])
def test_wrong_forms_are_refused_when_credentials_are_made(wrong: dict[str, object]) -> None:
    """By the constructor, which knows the forms."""
    with pytest.raises(ConfigurationError):
        CognitoSettings.model_validate({**VALUES, **wrong}).credentials()


def test_settings_are_frozen() -> None:
    """Credentials are built once."""
    with pytest.raises(pydantic.ValidationError):
        CognitoSettings.model_validate(VALUES).domain = "other"
