"""Where a client secret may come from. Each is read when a token is requested, never at import or construction.

A source's module is imported when its name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._core.values import ManagedSecret
from .base import HasSecretValue, SecretInput, SecretSource, SourceFailed, read_secrets
from .env import EnvironmentSecret

if TYPE_CHECKING:
    from .aws import ParameterStoreSecret, SecretsManagerSecret
    from .extension import LambdaExtensionSecret
    from .file import FileSecret

__all__ = [
    "EnvironmentSecret",
    "FileSecret",
    "HasSecretValue",
    "LambdaExtensionSecret",
    "ManagedSecret",
    "ParameterStoreSecret",
    "SecretInput",
    "SecretSource",
    "SecretsManagerSecret",
    "SourceFailed",
    "read_secrets",
]

_MODULES = {
    "FileSecret": "file",
    "LambdaExtensionSecret": "extension",
    "ParameterStoreSecret": "aws",
    "SecretsManagerSecret": "aws",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
