"""What may be given as `client_secret`, and how it is read."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, final, runtime_checkable

from .._core.client_secret import Found, cognito_secret, literal_secret
from .._core.errors import ConfigurationError
from .._core.values import ManagedSecret, Secret


@runtime_checkable
class HasSecretValue(Protocol):
    """pydantic's `SecretStr` and everything like it."""

    def get_secret_value(self) -> str:
        """The secret itself."""
        ...


SecretSource = Callable[[], "str | HasSecretValue | Sequence[str | HasSecretValue]"]
"""A callable that gives one secret, or several in the order in which to try them (a rotation has two).

It is called on the thread of a token request, which imports nothing: a fork in the middle of that hangs the child. A
secret that Cognito manages may be given as the JSON that Secrets Manager has, or as a `ManagedSecret`. Two methods and
an attribute are looked for, and need not be there:

- `prepare()` is called before the first token request, on the thread of whoever asks for a token or makes a hook first;
  perhaps more than once, and by two threads at once. It imports what the source needs.
- `again()` is called instead of the source when a token request was refused for its secret: it reads past any cache,
  and gives what else there is.
- `client_id_from`, a name or an ARN, says that the secret names its app client: then no client id has to be given, and
  until the first reading this stands for it.
"""

SecretInput = str | HasSecretValue | SecretSource
"""What `client_secret` takes."""


@final
class SourceFailed(Exception):
    """Raised by a source that is down; `reason` may be shown to anybody, such as AWS's code of an error.

    `name` is one word for events and metrics, such as the class of an error; `reason` where there is none. Of every
    other exception the class alone is shown, since its text may contain the secret.
    """

    def __init__(self, reason: str, name: str | None = None) -> None:
        super().__init__(reason, name)
        self.reason = reason
        self.name: str = reason if name is None else name

    def __str__(self) -> str:
        return self.reason


def prepare_source(source: SecretInput) -> None:
    """Let the source import what it needs, if it says that it does."""
    prepare = _method(source, "prepare")
    if prepare is not None:
        prepare()


def read_secrets(source: SecretInput, *, again: bool = False) -> tuple[list[Secret], bool]:
    """The secrets that `source` gives now, in order, without repeats; and whether a line break was cut off one.

    `again` says that what it gave before was refused. Raises ConfigurationError if what it gives is no secret, and
    whatever the source itself raises.
    """
    found, stripped = read_found(source, again=again)
    return [secret for secret, _ in found], stripped


def read_found(source: SecretInput, *, again: bool = False) -> tuple[list[Found], bool]:
    """The same, with what names the app client of each secret."""
    given = _given(source, again=again)
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    del given  # a traceback may show the locals of its frames
    if not values:
        raise ConfigurationError("client_secret: the source gave an empty list; give one secret or several")
    found: list[Found] = []
    stripped = False
    try:
        while values:
            secret, managed, cut = _read(values.pop(0), stored=callable(source))
            stripped = stripped or cut
            if all(secret != known for known, _ in found):
                found.append((secret, managed))
    except ConfigurationError:
        del values
        raise
    return found, stripped


def _read(value: object, *, stored: bool) -> tuple[Secret, ManagedSecret | None, bool]:
    """One secret, what names its app client, and whether a line break was cut off it."""
    try:
        if stored and not isinstance(value, ManagedSecret):
            value = _as_cognito_writes(value)
        managed = value if isinstance(value, ManagedSecret) else None
        secret, cut = literal_secret(value.get_secret_value() if isinstance(value, HasSecretValue) else value)
    except ConfigurationError:
        del value  # a traceback may show the locals of its frames
        raise
    return secret, managed, cut


def _as_cognito_writes(value: object) -> object:
    """What is in the JSON object of a secret that Cognito manages; anything else as it is."""
    text = value.get_secret_value() if isinstance(value, HasSecretValue) else value
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return value
    try:
        return cognito_secret(text, "what its source gives") or value
    except ConfigurationError:
        del value, text  # a traceback may show the locals of its frames
        raise


def _given(source: SecretInput, *, again: bool) -> "str | HasSecretValue | Sequence[str | HasSecretValue]":
    if not callable(source):
        return source
    return ((again and _method(source, "again")) or source)()


def _method(source: SecretInput, name: str) -> Callable[[], Any] | None:
    method = getattr(source, name, None) if callable(source) else None
    return method if callable(method) else None
