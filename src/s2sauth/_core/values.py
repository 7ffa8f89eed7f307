"""The values that everything is about: a secret, an access token, a set of scopes."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn, final

from .bearer import is_b64token
from .errors import ConfigurationError


class _Opaque:
    """What must not be copied, pickled or put into a text; the message says what to do instead."""

    __slots__ = ()
    _instead = ""
    _in_text = ""

    def __format__(self, format_spec: str) -> NoReturn:
        # An f-string with it is nearly always a header being built, which would go out without the value.
        raise TypeError(f"{type(self).__name__} cannot be formatted, because it hides its value: {self._in_text}")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be pickled or copied: {self._instead}")

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(0)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")


@final
class Secret(_Opaque):
    """A client secret that no repr, log, traceback or pickle shows; equal when the secrets are equal."""

    __slots__ = ("_reveal",)
    _instead = "pass the name of the environment variable or a callable that reads the secret."
    _in_text = "reveal() returns the secret."
    _reveal: Callable[[], str]

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_reveal", lambda: value)

    def reveal(self) -> str:
        """The secret itself, for the one place that puts it on the wire."""
        return self._reveal()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._reveal() == other._reveal()

    def __hash__(self) -> int:
        return hash(self._reveal())

    def __repr__(self) -> str:
        return "<Secret: hidden>"


@final
class ManagedSecret(_Opaque):
    """A client secret that names its app client, as those do that Amazon Cognito manages. No repr shows the secret.

    Raises ConfigurationError for a client id that contains blanks or characters outside ASCII.
    """

    __slots__ = ("_reveal", "client_id", "place", "user_pool_id")
    _instead = "read it again from where it is stored."
    _in_text = "get_secret_value() returns the secret."
    _reveal: Callable[[], str]
    client_id: str
    """The id of the app client that it belongs to."""
    user_pool_id: str | None
    """The id of the client's user pool, if it is known."""
    place: str
    """Where it was read, for messages."""

    def __init__(
        self, client_secret: str, *, client_id: str, user_pool_id: str | None = None, place: str = "the secret source"
    ) -> None:
        if not _is_printable(client_id):
            del client_secret, client_id  # a traceback may show the locals of its frames
            raise ConfigurationError(
                f"client_id in {place}: has to be printable ASCII without blanks, at most 128 characters"
            )
        keep = object.__setattr__
        keep(self, "_reveal", lambda: client_secret)
        keep(self, "client_id", client_id)
        keep(self, "user_pool_id", user_pool_id if _is_printable(user_pool_id) else None)
        keep(self, "place", place)

    def get_secret_value(self) -> str:
        """The secret itself."""
        return self._reveal()

    def __repr__(self) -> str:
        pool = f", user pool {self.user_pool_id}" if self.user_pool_id else ""
        return f"<ManagedSecret of the app client {self.client_id}{pool}: value hidden>"


def _is_printable(text: object) -> bool:
    """Whether an id may appear in messages; Cognito's have at most 128 characters."""
    return isinstance(text, str) and 0 < len(text) <= 128 and all("!" <= c <= "~" for c in text)


@final
class AccessToken(_Opaque):
    """An access token as the token endpoint issued it (RFC 6749 5.1). Frozen; never shows its value.

    `repr()` and `str()` hide the value; `format()`, and so an f-string, raises TypeError: use `authorization` or
    `access_token`. Pickling, copying and awaiting it raise TypeError too.

    `left` measures, by the credentials' own clocks, how many seconds of `expires_in` remain. Raises ConfigurationError
    for a value that may not stand in a header.
    """

    __slots__ = ("_left", "access_token", "authorization", "expires_at", "expires_in", "scopes", "token_type")
    _instead = "each process gets its own token; pass settings between processes and call get_token() there."
    _in_text = (
        'use token.authorization for the whole header value ("Bearer ..."), or token.access_token for the value alone. '
        "For a log, use repr(token), which hides the value."
    )

    access_token: str
    """The value itself. Treat it as a password."""
    authorization: str
    """The value of an Authorization header: `"Bearer …"` (RFC 6750 2.1)."""
    token_type: str
    """Always `"Bearer"`."""
    expires_in: float
    """The life it was issued with, in seconds, counted from the moment before the request was sent."""
    expires_at: datetime
    """The end of its life, aware, UTC; for people. Programs use `remaining()`."""
    scopes: tuple[str, ...] | None
    """The scopes that were granted: the answer's `scope`, else the JWT's, else those asked for, else None."""
    _left: Callable[[], float]

    def __init__(
        self,
        access_token: str,
        *,
        expires_in: float,
        issued_at: float,
        left: Callable[[], float],
        scopes: tuple[str, ...] | None = None,
    ) -> None:
        if not is_b64token(access_token):
            # Whatever brought it here: on HTTP/2 a line break in a header would reach the server.
            del access_token  # a traceback may show the locals of its frames
            raise ConfigurationError("access_token: holds a character that RFC 6750 2.1 does not allow in a header")
        keep = object.__setattr__
        keep(self, "access_token", access_token)
        keep(self, "authorization", f"Bearer {access_token}")
        keep(self, "token_type", "Bearer")
        keep(self, "expires_in", expires_in)
        keep(self, "expires_at", datetime.fromtimestamp(issued_at + expires_in, UTC))
        keep(self, "scopes", scopes)
        keep(self, "_left", left)

    def remaining(self) -> float:
        """Seconds of life left, by the credentials' clocks; 0.0 when it is over."""
        return max(0.0, self._left())

    def __repr__(self) -> str:
        scopes = " ".join(self.scopes) if self.scopes else "not known"
        return (
            f"<AccessToken: value hidden, scopes {scopes}, expires {self.expires_at:%Y-%m-%d %H:%M:%S} UTC; "
            "use token.authorization or token.access_token>"
        )

    if TYPE_CHECKING:
        pass  # not awaitable, so type checkers refuse `await credentials.get_token()`
    else:

        def __await__(self) -> NoReturn:
            raise TypeError(
                "get_token() needs no await, because it returns the AccessToken itself. In async code, use "
                "await credentials.aget_token(), which does not block the event loop."
            )


def is_scope_token(text: str) -> bool:
    """Whether this can be a scope: RFC 6749 3.3, `1*( %x21 / %x23-5B / %x5D-7E )`."""
    return bool(text) and all("!" <= c <= "~" and c not in '"\\' for c in text)


def scope_set(scopes: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """Scopes in their one canonical form: split at spaces, without repeats, sorted; None asks for none.

    Raises ConfigurationError for an empty string or collection, an empty item, and characters that RFC 6749 3.3 does
    not allow in a scope-token.
    """
    form = 'scopes: use "demo/read.file demo/write.file", ["demo/read.file"], or None for all scopes of the app client'
    if scopes is None:
        return None
    if isinstance(scopes, str):
        items = [scopes] if scopes.strip(" ") else []
    elif isinstance(scopes, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        items = list(scopes)
    else:
        raise ConfigurationError(f"{form}; got {type(scopes).__name__}")
    if not items:
        raise ConfigurationError(f"{form}; got an empty one, which would silently mean all scopes")
    found: set[str] = set()
    for number, item in enumerate(items, 1):
        if not isinstance(item, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise ConfigurationError(f"{form}; item {number} is of type {type(item).__name__}")
        if (wrong := _wrong_with_scopes(item)) is not None:
            raise ConfigurationError(f"{form}; {'' if isinstance(scopes, str) else f'item {number} '}{wrong}")
        found.update(filter(None, item.split(" ")))
    return tuple(sorted(found))


def _wrong_with_scopes(text: str) -> str | None:
    """What is wrong with one scope, or several with spaces between them."""
    scopes = [scope for scope in text.split(" ") if scope]
    if not scopes:
        return "is empty"
    if any(c in text for c in "\t\n\r"):
        return "contains a tab or a line break: separate scopes by spaces"
    if not all(map(is_scope_token, scopes)):
        return "contains a character that RFC 6749 3.3 does not allow in a scope"
    return None
