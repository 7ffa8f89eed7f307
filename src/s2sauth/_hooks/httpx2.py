"""All that knows httpx2: the Auth class, the error that is also httpx2's, what makes its token requests."""

import ssl
from collections.abc import Callable
from typing import Any, final

import httpcore2
import httpx2

from .._core import errors
from .._sender import Senders
from .rules import Hook


@final
class TokenUnavailable(errors.TokenUnavailable, httpx2.TransportError):
    """As a hook raises it: also an `httpx2.TransportError`, with the caller's own request.

    For logs, and for Celery, which finds an exception's class by these names, it is the one that it stands for.
    """

    __module__ = errors.TokenUnavailable.__module__
    _request: httpx2.Request | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, *super().__reduce__()[1:]


def _rebuilt(*args: Any) -> TokenUnavailable:
    return TokenUnavailable(*args)


@final
class Httpx2Auth(Hook, httpx2.Auth):
    """The hook for `httpx2.Client(auth=...)` and `httpx2.AsyncClient(auth=...)`."""

    _bytes = httpx2.ByteStream
    _failure = TokenUnavailable
    _family = "httpx2"
    _other = "httpx"


def senders(http_client: Callable[[], Any] | None) -> Senders:
    """What makes the HTTP client of each flight; imports what that needs."""
    httpcore2.ConnectionPool  # noqa: B018  # used, so that no lazy import is left to a flight
    system = ssl.get_default_verify_paths()
    return Senders(httpx2, http_client, ca_paths=(system.openssl_cafile, system.openssl_capath))
