"""A secret in a file: Docker's and Kubernetes' secrets, systemd's credentials."""

import os
from typing import Final, final

from .._core import pasted
from .._core.client_secret import stored_secret
from .._core.errors import ConfigurationError
from .._core.values import ManagedSecret
from .base import SourceFailed

MAX_FILE: Final = 64 * 1024
"""Bytes. A secret has 64 at most; a JSON object with one in it may be longer."""


@final
class FileSecret:
    """Reads the file at `path` whenever a token is requested, so a new content counts, and so does a new file there.

    `key` takes that member of the JSON object in it. A file that cannot be read is a source that is down: the last good
    secret is used. Raises SourceFailed that names the path for such a file, and ConfigurationError that names it for a
    content that is no secret.
    """

    _variable: str | None = None
    """The environment variable that names the path, if one does."""

    def __init__(self, path: str | os.PathLike[str], *, key: str | None = None) -> None:
        if not path:
            raise ConfigurationError('path: use the path of the file that holds the secret, as "/run/secrets/client"')
        if (wrong := pasted.wrong_with(str(path))) is not None:
            raise ConfigurationError(f"path: {wrong}")
        self._path = os.fspath(path)
        self._key = key

    def __call__(self) -> str | ManagedSecret:
        """What the file contains now."""
        return stored_secret(self._text(), self._place(), self._key)

    def _place(self) -> str:
        return f"file {self._path}" + (f", named by {self._variable}" if self._variable else "")

    def _text(self) -> str:
        try:
            with open(self._path, "rb", opener=_open) as file:
                content = file.read(MAX_FILE + 1) or b""
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            kind = type(error).__name__
            comma = "," if self._variable else ""
            said = error.strerror if isinstance(error, OSError) else error
            reason = f"the secret {self._place()}{comma} cannot be read: {kind}: {said}"
            raise SourceFailed(reason, kind) from None
        if len(content) > MAX_FILE:
            del content  # a traceback may show the locals of its frames
            raise ConfigurationError(f"client_secret in {self._place()}: is longer than {MAX_FILE} bytes")
        return content.decode(errors="replace")  # what replaces is not allowed in a secret

    def __repr__(self) -> str:
        return f"FileSecret({self._path!r})"


def from_variable(path: str, variable: str) -> FileSecret:
    """The secret in the file that an environment variable names; so do its errors."""
    source = FileSecret(path)
    source._variable = variable
    return source


def _open(path: str, flags: int) -> int:
    """Without waiting for whoever might write into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
