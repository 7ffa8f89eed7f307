"""`StaticToken`: stands where credentials stand, in tests that are about something else."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn, final

from .._core.origin import AnyOrigin, parse_origins
from .._core.values import AccessToken, scope_set

if TYPE_CHECKING:
    from .._hooks.httpx import HttpxAuth
    from .._hooks.httpx2 import Httpx2Auth

_LIFE = 10 * 365 * 86_400.0
_INSTEAD = (
    'use static_token.httpx_auth("https://api.example.com"), static_token.httpx2_auth("https://api.example.com"), '
    "or static_token.get_token().authorization"
)


@final
class StaticToken:
    """Always the same token, which does not end for ten years; no network, no renewal.

        service = FileService(credentials=StaticToken("anything"))

    `value` is what goes on the wire after `Bearer `. `scopes` are the token's, in any form that
    `CognitoClientCredentials` takes; None if they are not known. Raises ConfigurationError for another form.
    """

    def __init__(self, value: str = "static-token", *, scopes: str | Iterable[str] | None = None) -> None:
        self._token = AccessToken(
            value, expires_in=_LIFE, issued_at=time.time(), left=lambda: _LIFE, scopes=scope_set(scopes)
        )
        self.invalidated: list[AccessToken | str] = []
        """What `invalidate` was called with, oldest first."""

    def get_token(
        self,
        *,
        min_ttl: float = 0.0,  # noqa: ARG002  # as the credentials'
        timeout: float | None = None,  # noqa: ARG002  # as the credentials'
        rejected: AccessToken | None = None,  # noqa: ARG002  # as the credentials'
    ) -> AccessToken:
        """The token, whatever the arguments say."""
        return self._token

    async def aget_token(
        self,
        *,
        min_ttl: float = 0.0,  # noqa: ARG002  # as the credentials'
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  # as the credentials'
        rejected: AccessToken | None = None,  # noqa: ARG002  # as the credentials'
    ) -> AccessToken:
        """The token, whatever the arguments say."""
        return self._token

    def auth_headers(self) -> dict[str, str]:
        """`{"Authorization": "Bearer …"}`"""
        return {"Authorization": self._token.authorization}

    def httpx_auth(self, *origins: str | AnyOrigin, allow_http: bool = False) -> "HttpxAuth":
        """The hook for `httpx.Client(auth=...)`, with the rules of `CognitoClientCredentials.httpx_auth()`."""
        from .._hooks.httpx import HttpxAuth  # noqa: PLC0415  # httpx only for those who use it

        return HttpxAuth(self, parse_origins(origins, allow_http=allow_http))

    def httpx2_auth(self, *origins: str | AnyOrigin, allow_http: bool = False) -> "Httpx2Auth":
        """The hook for `httpx2.Client(auth=...)`, with the rules of `CognitoClientCredentials.httpx2_auth()`."""
        from .._hooks.httpx2 import Httpx2Auth  # noqa: PLC0415  # httpx2 only for those who use it

        return Httpx2Auth(self, parse_origins(origins, allow_http=allow_http))

    def invalidate(self, token: AccessToken | str, /) -> None:
        """Note the call in `invalidated`; the token stays."""
        self.invalidated.append(token)

    def __format__(self, format_spec: str) -> NoReturn:
        raise TypeError(f"StaticToken cannot be formatted, because it hides its value: {_INSTEAD}.")

    def __copy__(self) -> "StaticToken":
        twin = object.__new__(StaticToken)
        twin.__dict__.update(vars(self))
        return twin

    def __getstate__(self) -> NoReturn:
        self._token.__getstate__()

    def __repr__(self) -> str:
        return f"<StaticToken: value hidden; {_INSTEAD}>"
