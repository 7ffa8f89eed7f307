"""What may be given as `client_secret`, and how it is read."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from .._core.client_secret import literal_secret
from .._core.errors import ConfigurationError
from .._core.values import Secret


@runtime_checkable
class HasSecretValue(Protocol):
    """pydantic's `SecretStr` and everything like it."""

    def get_secret_value(self) -> str:
        """The secret itself."""
        ...


SecretSource = Callable[[], "str | HasSecretValue | Sequence[str | HasSecretValue]"]
"""A callable that gives one secret, or several in the order in which to try them (a rotation has two)."""

SecretInput = str | HasSecretValue | SecretSource
"""What `client_secret` takes."""


def read_secrets(source: SecretInput) -> tuple[list[Secret], bool]:
    """The secrets that `source` gives now, in order, without repeats; and whether a line break was cut off one.

    Raises ConfigurationError if what it gives is no secret, and whatever the source itself raises.
    """
    given = source() if callable(source) else source
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    if not values:
        raise ConfigurationError("client_secret: the source gave an empty list; give one secret or several")
    secrets: list[Secret] = []
    stripped = False
    for value in values:
        secret, cut = literal_secret(value.get_secret_value() if isinstance(value, HasSecretValue) else value)
        stripped = stripped or cut
        if secret not in secrets:
            secrets.append(secret)
    return secrets, stripped
