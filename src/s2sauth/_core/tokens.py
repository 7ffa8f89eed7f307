"""What gives tokens, as a type."""

from typing import Protocol

from .values import AccessToken


class Tokens(Protocol):
    """Where a hook has its tokens from: credentials, `s2sauth.testing.StaticToken`, or a fake of yours.

    Each method raises what the one of `CognitoClientCredentials` raises. A fourth one, `confirm(token)`, is optional.
    It is called when an API that rejected the token before this one has accepted this one.
    """

    def get_token(self, *, timeout: float | None = None, rejected: AccessToken | None = None) -> AccessToken:
        """A token, within `timeout` seconds; if `rejected` is the cached one, another one if it may be had, else it."""
        ...

    async def aget_token(self, *, timeout: float | None = None, rejected: AccessToken | None = None) -> AccessToken:  # noqa: ASYNC109  # as get_token
        """The same for tasks."""
        ...

    def invalidate(self, token: AccessToken | str, /) -> None:
        """Mark the token as suspected."""
        ...
