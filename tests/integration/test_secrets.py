"""The sources of secrets once more, with MiniStack in the place of Secrets Manager and Parameter Store."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from parts.ministack import MiniStack
from s2sauth import CognitoClientCredentials, ConfigurationError
from s2sauth.secret_sources import ParameterStoreSecret, SecretsManagerSecret, SourceFailed
from s2sauth.testing import FakeCognito
from tests.support.secrets import Vault
from tests.support.stores import aws_variables

__all__ = ["aws_variables"]


@pytest.fixture
def vault(aws: MiniStack, aws_variables: None) -> Iterator[Vault]:
    """In place of moto's."""
    with closing(Vault(aws.url)) as vault:
        yield vault


def test_a_secret_through_a_rotation(vault: Vault) -> None:
    """Its stages, as AWS gives them; text, JSON, bytes, none."""
    name = vault.create("first")
    source = SecretsManagerSecret(name, endpoint_url=vault.url)
    assert (source(), source.again()) == ("first", ["first"])
    version = vault.put(name, "second", "AWSPENDING")
    assert (source(), source.again()) == ("first", ["first", "second"])
    vault.promote(name, version)
    assert source() == "second"
    assert source.again()[-1] == "first"
    assert SecretsManagerSecret(vault.create('{"x": "abc"}'), key="x", endpoint_url=vault.url)() == "abc"
    with pytest.raises(ConfigurationError, match="is of type bytes"):
        SecretsManagerSecret(vault.create(b"abc"), endpoint_url=vault.url)()
    with pytest.raises(SourceFailed, match="ResourceNotFoundException"):
        SecretsManagerSecret("missing", endpoint_url=vault.url)()


def test_a_parameter(vault: Vault) -> None:
    """Decrypted; by name and by ARN."""
    vault.put_parameter("/files/client", "abc")
    arn = "arn:aws:ssm:eu-central-1:000000000000:parameter/files/client"
    for name in ("/files/client", arn):
        assert ParameterStoreSecret(name, endpoint_url=vault.url)() == "abc"
    with pytest.raises(SourceFailed, match="ParameterNotFound"):
        ParameterStoreSecret("/missing", endpoint_url=vault.url)()


def test_from_env_by_arn(vault: Vault, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a service in AWS needs is in its environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", vault.url)
    arn = vault.arn(vault.create(json.dumps({"client_secret": fake.client_secret})))
    environ = {**fake.environ, "APP_CLIENT_SECRET": "", "COGNITO_CLIENT_SECRET_ARN": f"{arn}:client_secret::"}
    with CognitoClientCredentials.from_env(environ=environ) as credentials:
        assert credentials.get_token().access_token
