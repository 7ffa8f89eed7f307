"""Where a client secret may come from. Each is read when a token is requested, never at import or construction."""

from .base import HasSecretValue, SecretInput, SecretSource, read_secrets
from .env import EnvironmentSecret

__all__ = ["EnvironmentSecret", "HasSecretValue", "SecretInput", "SecretSource", "read_secrets"]
