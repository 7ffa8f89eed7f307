"""What can go wrong, as types: the class says whose fault it is, the attributes carry the RFC's fields.

    S2SAuthError
     +-- ConfigurationError        the caller's arguments, environment, secret source or callbacks (also ValueError)
     +-- TokenUnavailable          the network or the token endpoint, for now; worth another try later
     +-- TokenRequestRefused       the token endpoint said no (RFC 6749 5.2)
     |    +-- InvalidRequest, InvalidClient, InvalidGrant, InvalidScope, UnauthorizedClient, UnsupportedGrantType
     +-- TokenResponseInvalid      the token endpoint's answer is no usable token
     +-- OriginNotAllowed          a request to an origin that was not listed
     +-- CredentialsClosed         used after close()

`cls(*error.args)` rebuilds every one of them with all its fields, which is what pickle does, so they travel through
Celery and multiprocessing unharmed. A message never contains a token, a secret or an answer's body.

Each has a note (PEP 678) that leads to its part of docs/errors.md: it is in a traceback, and not in str(error).
"""

from enum import Enum, auto
from typing import Any, ClassVar

from .record import Record


def hint(topic: str) -> str:
    """Where there is more about this."""
    return f"More: python -m s2sauth explain {topic}"


class S2SAuthError(Exception):
    """Base of everything this library raises on purpose."""

    topic: ClassVar[str] = "Errors"
    """What `python -m s2sauth explain` calls it."""

    def __init__(self, message: str, *fields: object) -> None:
        # Not super(): a hook's error is also an HTTP library's, whose __init__ takes other arguments.
        Exception.__init__(self, message, *fields)
        self.message = message
        self.add_note(hint(self.topic))

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args, {"__notes__": [*self.__notes__]}


class ConfigurationError(S2SAuthError, ValueError):
    """An argument, an environment variable, a secret source or a callback is wrong; the message names it."""

    topic = "ConfigurationError"


class TokenUnavailable(S2SAuthError):
    """No token can be had now: network, time limit, throttling, 5xx, or a remembered failure of these.

    Raised through a hook it is also the HTTP library's own `TransportError`.
    """

    topic = "TokenUnavailable"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after)
        self.retry_after = retry_after
        """Seconds after which another try may help, or None if nothing is known."""


class TokenRequestRefused(S2SAuthError):
    """The token endpoint refused the request (RFC 6749 5.2), or gave an answer that no retry helps (3xx, 403, 405)."""

    topic = "TokenRequestRefused"

    def __init__(
        self,
        message: str,
        error: str | None = None,
        error_description: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, error, error_description, status, request_id)
        self.error = error
        """The OAuth error code, or None if the body had none."""
        self.error_description = error_description
        """The server's own words, cleaned of control characters and cut, or None; Cognito usually sends none."""
        self.status = status
        """The HTTP status."""
        self.request_id = request_id
        """The value of `x-amz-cognito-request-id`, for AWS support, or None."""


class InvalidRequest(TokenRequestRefused):
    """`invalid_request`: a parameter is missing, repeated or malformed."""

    topic = "invalid_request"


class InvalidClient(TokenRequestRefused):
    """`invalid_client`: unknown client id, or a wrong, deleted or rotated secret."""

    topic = "invalid_client"


class InvalidGrant(TokenRequestRefused):
    """`invalid_grant`: with client_credentials nearly always an app client whose OAuth settings are not in force."""

    topic = "invalid_grant"


class InvalidScope(TokenRequestRefused):
    """`invalid_scope`: a scope does not exist or is not allowed for this app client."""

    topic = "invalid_scope"


class UnauthorizedClient(TokenRequestRefused):
    """`unauthorized_client`: the app client may not use the client_credentials flow."""

    topic = "unauthorized_client"


class UnsupportedGrantType(TokenRequestRefused):
    """`unsupported_grant_type`: the server does not know client_credentials."""

    topic = "unsupported_grant_type"


class TokenResponseInvalid(S2SAuthError):
    """The answer to the token request is no usable token."""

    topic = "TokenResponseInvalid"

    def __init__(self, message: str, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message, status, request_id)
        self.status = status
        """The HTTP status."""
        self.request_id = request_id
        """The value of `x-amz-cognito-request-id`, for AWS support, or None."""


class OriginNotAllowed(S2SAuthError):
    """A request was about to carry the token to an origin that is not listed, or not https. Nothing was sent."""

    topic = "OriginNotAllowed"


class CredentialsClosed(S2SAuthError):
    """The credentials object was closed."""

    topic = "CredentialsClosed"


for _error in [one for one in vars().values() if isinstance(one, type) and issubclass(one, S2SAuthError)]:
    _error.__module__ = "s2sauth"  # callers import it from there, so a traceback shows that name


class Cause(Enum):
    """Why a token request brought no token, as far as retrying and remembering are concerned."""

    UNREACHABLE = auto()
    """Connection failure, time-out, 408, 425, 5xx: tried again a few times."""
    THROTTLED = auto()
    """429 or TooManyRequestsException: tried again until the deadline."""
    UNTRUSTED = auto()
    """The server's certificate is not trusted: no retry helps."""
    CLIENT_REFUSED = auto()
    """The client id or secret was refused, which applies to every scope set."""
    REQUEST_REFUSED = auto()
    """This request was refused or its answer unusable, which applies to this key only."""
    OUTDATED = auto()
    """A cache in front of the endpoint sent a token that has expired or is about to: it fetches another one shortly."""
    SPENT = auto()
    """The purchase budget of the key is spent: no request was sent."""
    MISUSE = auto()
    """The caller's own fault (secret source, http_client, proxy variables): remembered like an outage."""
    ELSEWHERE = auto()
    """Nothing failed: another process is renewing the token, and this one has a usable token until then."""
    CLOSED = auto()
    """close() was called."""


class Failure(Record):
    """The record of a failed renewal. Each waiter gets a fresh exception built from it: no traceback is shared."""

    cause: Cause
    error: type[S2SAuthError]
    args: tuple[str | int | float | None, ...]
    retry_after: float | None = None
    """What the server's Retry-After asked for, in seconds."""

    @classmethod
    def unavailable(cls, cause: Cause, text: str, retry_after: float | None = None) -> "Failure":
        """No token for now; `retry_after` is what the server asked for, in seconds."""
        return cls(cause, TokenUnavailable, (text, retry_after), retry_after)

    @classmethod
    def refused(
        cls,
        cause: Cause,
        text: str,
        *,
        error: type[TokenRequestRefused],
        code: str | None,
        described: str | None = None,
        status: int,
        request_id: str | None,
    ) -> "Failure":
        """The token endpoint said no: the fields of RFC 6749 5.2, the HTTP status and Cognito's request id."""
        return cls(cause, error, (text, code, described, status, request_id))

    @classmethod
    def unusable(cls, text: str, status: int | None = None, request_id: str | None = None) -> "Failure":
        """The answer is no usable token."""
        return cls(Cause.REQUEST_REFUSED, TokenResponseInvalid, (text, status, request_id))

    def outdated(self, seconds: float) -> "Failure":
        """The same about a token from a cache, which keeps it for so many seconds at most."""
        return Failure(Cause.OUTDATED, self.error, self.args, seconds)

    @classmethod
    def misuse(cls, text: str) -> "Failure":
        """The caller's own fault."""
        return cls(Cause.MISUSE, ConfigurationError, (text,))

    @classmethod
    def closed(cls, text: str) -> "Failure":
        """close() was called."""
        return cls(Cause.CLOSED, CredentialsClosed, (text,))

    def and_also(self, text: str) -> "Failure":
        """The same with one more sentence."""
        said = f"{str(self.args[0]).removesuffix('.')}. {text}"
        return Failure(self.cause, self.error, (said, *self.args[1:]), self.retry_after)

    @property
    def name(self) -> str:
        """For events and logs: the OAuth error code if there is one, else the class name."""
        code = self.args[1] if issubclass(self.error, TokenRequestRefused) and len(self.args) > 1 else None
        return code if isinstance(code, str) else self.error.__name__

    def exception(self) -> S2SAuthError:
        """A new exception that says what happened."""
        return self.error(*self.args)  # type: ignore[arg-type]  # each class takes just the args it was recorded with
