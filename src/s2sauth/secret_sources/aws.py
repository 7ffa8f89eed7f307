"""A secret in AWS Secrets Manager, or in the Parameter Store of Systems Manager; read by boto3."""

from contextlib import suppress
from typing import Any, Final, final

from .._boto import Boto, unlogged
from .._core.client_secret import stored_secret
from .._core.errors import ConfigurationError
from .._core.secret_arn import CURRENT, SecretArn, as_secrets_manager_says, may_name_client, region_of
from .._core.values import ManagedSecret
from .base import SourceFailed

_CONNECT: Final = 1.0
_READ: Final = 2.0
"""Seconds of each request. It is made once: the last good secret is used meanwhile, and the next renewal asks again."""

_STAGES: Final = (CURRENT, "AWSPENDING", "AWSPREVIOUS")


@final
class SecretsManagerSecret:
    """The secret `secret_id`, a name or an ARN, as a text or, with `key`, a member of its JSON object.

    Of a secret that Cognito manages the ARN is enough: neither `key` nor the credentials' client id is needed.

    AWSCURRENT is read whenever a token is requested. When that is refused, it is read once more, and after it
    AWSPENDING and AWSPREVIOUS are tried, where there are such: a rotation is in one of its steps, or went wrong.
    `stage` begins with another one; of a `version_id` nothing else is read. The least IAM policy is
    secretsmanager:GetSecretValue on the secret, and kms:Decrypt where the key is your own.

    `region` is the ARN's, else what boto3 finds. A `client` of yours (`boto3.client("secretsmanager", ...)`) is used as
    it is: its time limits count, and it has to be made anew after a fork.
    """

    def __init__(
        self,
        secret_id: str,
        *,
        key: str | None = None,
        stage: str = CURRENT,
        version_id: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        client: Any = None,
    ) -> None:
        self._id = as_secrets_manager_says(_name(secret_id, "secret_id"))
        self._key = key
        self._stage = stage
        self._version_id = version_id
        self._boto = _boto("secretsmanager", self, secret_id, region=region, endpoint_url=endpoint_url, client=client)

    def prepare(self) -> None:
        """Import boto3 and make the client. Raises ImportError without boto3, ConfigurationError without a Region."""
        _prepare(self._boto, self)

    @property
    def client_id_from(self) -> str | None:
        """The name or ARN, if the secret may name its app client; None if `key` takes something else of it."""
        return self._id if may_name_client(self._key) else None

    def __call__(self) -> str | ManagedSecret:
        """What the secret is now."""
        with self._boto.reading() as client:
            return self._read(client, self._stage)

    def again(self) -> list[str | ManagedSecret]:
        """What it is now, and what else there is."""
        others = [stage for stage in _STAGES if stage != self._stage and self._version_id is None]
        with self._boto.reading() as client:
            found = [self._read(client, self._stage)]
            with suppress(Exception):  # of what else there is, as much as can be had
                for stage in others:
                    with suppress(SourceFailed, ConfigurationError):  # there is none, or it is no secret
                        found.append(self._read(client, stage))
        return found

    def _read(self, client: Any, stage: str) -> str | ManagedSecret:
        return stored_secret(self._value(client, stage), f"secret {self._id}", self._key)

    def _value(self, client: Any, stage: str) -> object:
        which = {"VersionStage": stage} if self._version_id is None else {"VersionId": self._version_id}
        answer = _ask(client, "get_secret_value", SecretId=self._id, **which)
        return answer.get("SecretString", answer.get("SecretBinary"))

    def __repr__(self) -> str:
        return f"SecretsManagerSecret({self._id!r})"


@final
class ParameterStoreSecret:
    """The parameter `name`, a name or an ARN, perhaps with `:version` or `:label`, decrypted; `key` as there.

    Read whenever a token is requested. The least IAM policy is ssm:GetParameter on the parameter, and kms:Decrypt where
    the key is your own. The other arguments are as those of `SecretsManagerSecret`.
    """

    def __init__(
        self,
        name: str,
        *,
        key: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        client: Any = None,
    ) -> None:
        self._name = _name(name, "name")
        self._key = key
        self._boto = _boto("ssm", self, name, region=region, endpoint_url=endpoint_url, client=client)

    def prepare(self) -> None:
        """Import boto3 and make the client. Raises ImportError without boto3, ConfigurationError without a Region."""
        _prepare(self._boto, self)

    def __call__(self) -> str | ManagedSecret:
        """What the parameter is now."""
        with self._boto.reading() as client:
            return stored_secret(self._value(client), f"parameter {self._name}", self._key)

    def _value(self, client: Any) -> object:
        return _ask(client, "get_parameter", Name=self._name, WithDecryption=True)["Parameter"]["Value"]

    def __repr__(self) -> str:
        return f"ParameterStoreSecret({self._name!r})"


def from_arn(arn: SecretArn) -> SecretsManagerSecret | ParameterStoreSecret:
    """What reads the secret that the ARN names."""
    if arn.service == "ssm":
        return ParameterStoreSecret(arn.id)
    return SecretsManagerSecret(arn.id, key=arn.key, stage=arn.stage, version_id=arn.version)


def describe(secret: SecretsManagerSecret) -> Any:
    """What Secrets Manager says about it, such as when it is rotated, and nothing of what is in it."""
    with secret._boto.reading() as client:
        return _ask(client, "describe_secret", SecretId=secret._id)


def _name(value: object, argument: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise ConfigurationError(f'{argument}: use the name or the ARN of what holds the secret, as "prod/files/client"')


def _boto(service: str, source: object, name: str, **given: Any) -> Boto:
    if given["region"] is None:
        given["region"] = region_of(name)
    return Boto(service, user=type(source).__name__, extra="aws", connect=_CONNECT, read=_READ, **given)


def _prepare(boto: Boto, source: object) -> None:
    try:
        with unlogged():
            boto.client()
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001  # no Region, no such profile, a broken file: botocore's text says which
        raise ConfigurationError(f"client_secret: boto3 makes no client for {source!r}: {error}") from None


def _ask(client: Any, operation: str, **arguments: str | bool) -> Any:
    """AWS's answer. Raises SourceFailed with AWS's code of an error, and what botocore raises when no answer comes."""
    try:
        return getattr(client, operation)(**arguments)
    except client.exceptions.ClientError as error:
        raise SourceFailed(error.response["Error"]["Code"]) from None
