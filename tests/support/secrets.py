"""A real service in which AWS keeps secrets, from the side of those who put them there."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

import boto3
import pytest

from parts.moto import Moto
from s2sauth.testing import FakeCognito
from tests.support.stores import AWS

_numbers = count()


@contextmanager
def _unlogged() -> Iterator[None]:
    """botocore logs requests and answers at DEBUG, on any thread."""
    logger = logging.getLogger("botocore")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class Vault:
    """Secrets Manager and Parameter Store at `url`. Nothing done here is logged: an operator's logs are not ours."""

    def __init__(self, url: str) -> None:
        self.url = url
        session = boto3.Session()
        self.secrets: Any = session.client("secretsmanager", endpoint_url=url)
        self.parameters: Any = session.client("ssm", endpoint_url=url)

    def create(self, value: str | bytes, name: str | None = None) -> str:
        """A new secret; its name."""
        name = name or f"files/client-{next(_numbers)}"
        with _unlogged():
            given = {"SecretString": value} if isinstance(value, str) else {"SecretBinary": value}
            self.secrets.create_secret(Name=name, **given)
        return name

    def put(self, name: str, value: str, stage: str = "AWSCURRENT") -> str:
        """A new version of it with that stage; the one that was AWSCURRENT becomes AWSPREVIOUS."""
        with _unlogged():
            answer = self.secrets.put_secret_value(SecretId=name, SecretString=value, VersionStages=[stage])
        version: str = answer["VersionId"]
        return version

    def rotate(self, name: str, fake: FakeCognito, *, keep_old: bool) -> None:
        """Replace the secret as Cognito does where it manages it: the client gets a new one, then it is stored here.

        Whether the old one stays good for a while is not documented, so tests try both.
        """
        fake.rotate_secret(keep_old=keep_old)
        self.put(name, fake.managed_secret)

    def schedule(self, name: str, days: int = 7) -> None:
        """Turn rotation on; moto makes an empty version current, so put a value afterwards."""
        with _unlogged():
            self.secrets.rotate_secret(SecretId=name, RotationRules={"AutomaticallyAfterDays": days})

    def promote(self, name: str, version: str) -> None:
        """Make the pending version the current one, as the last step of a rotation does."""
        with _unlogged():
            versions = self.secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
            (current,) = [known for known, stages in versions.items() if "AWSCURRENT" in stages]
            move = {"SecretId": name, "VersionStage": "AWSCURRENT"}
            self.secrets.update_secret_version_stage(**move, MoveToVersionId=version, RemoveFromVersionId=current)

    def arn(self, name: str) -> str:
        """The secret's."""
        with _unlogged():
            found: str = self.secrets.describe_secret(SecretId=name)["ARN"]
        return found

    def delete(self, name: str) -> None:
        """At once."""
        with _unlogged():
            self.secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    def put_parameter(self, name: str, value: str) -> None:
        """An encrypted parameter."""
        with _unlogged():
            self.parameters.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def parameter_as_it_lies(self, name: str) -> str:
        """Not decrypted."""
        with _unlogged():
            found: str = self.parameters.get_parameter(Name=name)["Parameter"]["Value"]
        return found

    def close(self) -> None:
        """Disconnect; it may be used again."""
        self.secrets.close()
        self.parameters.close()


@pytest.fixture(scope="session")
def _vault(moto: Moto) -> Iterator[Vault]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        made = Vault(moto.url)
    with closing(made):
        yield made


@pytest.fixture
def vault(_vault: Vault, aws_variables: None) -> Iterator[Vault]:
    """moto's; boto3 takes half a second to make its clients."""
    with closing(_vault):
        yield _vault
