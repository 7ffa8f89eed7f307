"""The ARN of a secret: of AWS Secrets Manager, also in ECS's long form, or of a parameter of Systems Manager."""

import re
from typing import Final, Literal

from .errors import ConfigurationError
from .record import Record

Service = Literal["secretsmanager", "ssm"]

CURRENT = "AWSCURRENT"

_FORM: Final = (
    'use "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME", with ":JSON-KEY:VERSION-STAGE:VERSION-ID" after it where '
    'that is meant, or "arn:aws:ssm:REGION:ACCOUNT:parameter/NAME"'
)
_STORED: Final = (
    r"(?P<id>arn:aws[\w-]*:secretsmanager:(?P<region>[\w-]+):\d{12}:secret[:/][^:\s]+)"
    r"(:(?P<key>[^:]*):(?P<stage>[^:\s]*):(?P<version>[^:\s]*))?"
)
_PARAMETER: Final = r"(?P<id>arn:aws[\w-]*:ssm:(?P<region>[\w-]+):\d{12}:parameter/[^:\s]+(:[^:\s]+)?)"


VALUE: Final = "clientSecretValue"
"""The member of a secret's JSON object that holds the secret, where Cognito manages it."""


class SecretArn(Record):
    """What an ARN names."""

    service: Service
    id: str
    """The ARN itself, without what ECS adds; of a parameter with its version or label."""
    region: str
    key: str | None = None
    """The member of a JSON object."""
    stage: str = CURRENT
    version: str | None = None

    @property
    def may_name_client(self) -> bool:
        """Whether this may be a secret that Cognito manages, which names its app client."""
        return self.service == "secretsmanager" and may_name_client(self.key)


def may_name_client(key: str | None) -> bool:
    """Whether a secret of which this key is read may be one that Cognito manages; None reads all of it."""
    return key is None or key == VALUE


def parse_secret_arn(text: str) -> SecretArn:
    """What `text` names. Raises ConfigurationError that shows the forms, and not the text, which may be a secret."""
    if found := re.fullmatch(_PARAMETER, text, re.ASCII):
        return SecretArn("ssm", found["id"], found["region"])
    if found := re.fullmatch(_STORED, text, re.ASCII):
        return SecretArn(
            "secretsmanager",
            as_secrets_manager_says(found["id"]),
            found["region"],
            found["key"] or None,
            found["stage"] or CURRENT,
            found["version"] or None,
        )
    del text
    raise ConfigurationError(f"is no ARN of a secret; {_FORM}")


def as_secrets_manager_says(name: str) -> str:
    """The name or ARN of a secret as Secrets Manager takes it: Cognito's API model has `secret/NAME` in the ARN."""
    return re.sub(r"^(arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret)/", r"\1:", name)


def region_of(name: str) -> str | None:
    """The Region in an ARN; None for a plain name."""
    parts = name.split(":")
    return parts[3] or None if parts[0] == "arn" and len(parts) > 3 else None
