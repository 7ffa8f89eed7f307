"""All that knows httpx: the Auth class, the error that is also httpx's, what makes its token requests."""

import os
from collections.abc import Callable
from typing import Any, final

import certifi
import httpcore
import httpx

from .._core import errors
from .._sender import Senders
from .rules import Hook


@final
class TokenUnavailable(errors.TokenUnavailable, httpx.TransportError):
    """As a hook raises it: also an `httpx.TransportError`, with the caller's own request.

    For logs, and for Celery, which finds an exception's class by these names, it is the one that it stands for.
    """

    __module__ = errors.TokenUnavailable.__module__
    _request: httpx.Request | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, *super().__reduce__()[1:]


def _rebuilt(*args: Any) -> TokenUnavailable:
    return TokenUnavailable(*args)


@final
class HttpxAuth(Hook, httpx.Auth):
    """The hook for `httpx.Client(auth=...)` and `httpx.AsyncClient(auth=...)`."""

    _bytes = httpx.ByteStream
    _failure = TokenUnavailable
    _family = "httpx"
    _other = "httpx2"


def senders(http_client: Callable[[], Any] | None) -> Senders:
    """What makes the HTTP client of each flight; imports what that needs."""
    httpcore.ConnectionPool  # noqa: B018  # used, so that no lazy import is left to a flight
    named = http_client is not None or os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    # certifi imports its way to its file.
    return Senders(httpx, http_client, ca_paths=() if named else (certifi.where(),))
