"""What happens to one request that passes the hook: origin, own copy, token, 401. Shared by all HTTP libraries.

- The token goes to listed origins only, decided on the URL as the HTTP library parsed it.
- The token is put on a copy of the request, so the caller's own never holds it.
- A request goes out at most twice, the second time only after a 401 to just the request that we sent.
- A 401 that is handed to the caller is untouched and unread.
"""

import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from .._core.bearer import refuses_bearer
from .._core.errors import OriginNotAllowed, S2SAuthError, TokenUnavailable
from .._core.origin import OriginList
from .._core.tokens import Tokens
from .._core.values import AccessToken
from ..events import EventName

if TYPE_CHECKING:
    from .._engine import OurHeaders

DRAINED_BYTES = 64 * 1024
DRAINED_SECONDS = 0.5
"""A 401 is read on for this long, and each of its parts is waited for as long: 1 s in all."""


class Hook:
    """The flow of one request, once blocking and once awaiting. A family's Auth class has it as a base.

    Requests and responses are `Any` here: they are the family's own, and this reads only what all families share.
    """

    _bytes: ClassVar[Any]
    """The family's ByteStream."""
    _failure: ClassVar[Any]
    """TokenUnavailable that is the family's TransportError too."""
    _family: ClassVar[str]
    """The library whose clients take this hook."""
    _other: ClassVar[str]
    """The library whose clients do not."""

    def __init__(
        self,
        tokens: Tokens,
        origins: OriginList,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        report: Callable[[EventName], object] | None = None,
        ours: "OurHeaders | None" = None,
    ) -> None:
        self._tokens = tokens
        self._origins = origins
        self._monotonic = monotonic
        self._tell = report
        self._ours = ours
        self._told: dict[EventName, object] = {}
        """What this hook reports once only."""

    def __repr__(self) -> str:
        # A client of the other library puts this into its TypeError, and says nothing else.
        return (
            f"<{type(self).__name__} for {self._origins}; it fits {self._family} clients. "
            f"For an {self._other} client, use credentials.{self._other}_auth(...)>"
        )

    def _copy(self, request: Any) -> Any:
        """A copy of the request, which shares nothing that is written to; a body that is in memory comes along."""
        # As copy.copy() would, if pickling a Request did not leave out stream and extensions; half a new one's time.
        copy: Any = object.__new__(request.__class__)
        headers = request.headers
        copy.__dict__ = known = request.__dict__.copy()
        known["headers"] = headers.__class__(headers)
        known["extensions"] = dict(request.extensions)
        return copy

    def _empty(self, response: Any, body: bytes) -> None:
        """Give a drained response its body, so that the family's client finds nothing left to read."""
        encoded = response.headers.pop("content-encoding", None)
        response.stream = self._bytes(b"" if encoded else body)

    def _unavailable(self, error: TokenUnavailable, request: Any) -> Exception:
        """The same failure as an error of the family's too."""
        also: Exception = self._failure(error.message, error.retry_after)
        also.request = request  # type: ignore[attr-defined]  # a property of the family's errors
        return also

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Called by a blocking client."""
        self._check_origin(request)
        try:
            token = self._tokens.get_token(timeout=_patience(request))
        except TokenUnavailable as error:
            self._raise_unavailable(error, request)
        sent = self._sent(request, token)
        response = yield sent
        if response.status_code == 401 and self._worth_another(request, sent, response, token):
            try:
                other = self._tokens.get_token(timeout=_patience(request), rejected=token)
            except S2SAuthError:
                return
            if other.access_token != token.access_token:
                self._drain(sent, response)
                response = yield self._sent(request, other)
                if response.status_code != 401:
                    self._confirm(other)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Called by an async client; the same, awaiting."""
        self._check_origin(request)
        try:
            token = await self._tokens.aget_token(timeout=_patience(request))
        except TokenUnavailable as error:
            self._raise_unavailable(error, request)
        sent = self._sent(request, token)
        response = yield sent
        if response.status_code == 401 and self._worth_another(request, sent, response, token):
            try:
                other = await self._tokens.aget_token(timeout=_patience(request), rejected=token)
            except S2SAuthError:
                return
            if other.access_token != token.access_token:
                await self._adrain(sent, response)
                response = yield self._sent(request, other)
                if response.status_code != 401:
                    self._confirm(other)

    def _report(self, name: EventName) -> None:
        if self._tell is not None:
            self._tell(name)

    def _report_once(self, name: EventName) -> None:
        mine = object()
        if self._told.setdefault(name, mine) is mine:
            self._report(name)

    def _check_origin(self, request: Any) -> None:
        url = request.url
        if not self._origins.allows(url.scheme, url.raw_host, url.port):
            raise OriginNotAllowed(self._origins.explain(url.scheme, url.raw_host, url.port))

    def _sent(self, request: Any, token: AccessToken) -> Any:
        sent = self._copy(request)
        headers = sent.headers
        own = len(headers)
        headers["Authorization"] = token.authorization
        if len(headers) <= own and not self._is_ours(request.headers["Authorization"], token):
            # A client that always sends one (the OpenAI SDK does) is told once, not with every request.
            self._report_once("authorization_replaced")
        return sent

    def _is_ours(self, header: str, token: AccessToken) -> bool:
        """Whether a request brings back what a hook has put on it: `response.next_request`, or one sent again."""
        return header == token.authorization or (self._ours is not None and self._ours.recognise(header))

    def _raise_unavailable(self, error: TokenUnavailable, request: Any) -> NoReturn:
        raise self._unavailable(error, request) from None

    def _replayable(self, request: Any) -> bool:
        """Whether the body is in memory: any other has been used up by the first sending."""
        return isinstance(request.stream, self._bytes)  # also of `response.next_request`, which has no content

    def _worth_another(self, request: Any, sent: Any, response: Any, token: AccessToken) -> bool:
        """Whether this 401 may be answered by sending the request again with another token."""
        if refuses_bearer(response.headers.get_list("www-authenticate")):
            return False  # no fault of the token's: it is not suspected either
        if response.request is not sent:
            # After a redirect: the request has had its effect already. The library follows it below the hook, and drops
            # the token where the redirect leaves the origin, even if it comes back to it.
            if response.request.headers.get("authorization") == token.authorization:
                self._tokens.invalidate(token)
            else:
                self._report("redirect_dropped_token")
            return False
        self._report("token_rejected")
        if not self._replayable(request):
            self._tokens.invalidate(token)
            return False
        return True

    def _confirm(self, token: AccessToken) -> None:
        """The API that rejected the token before takes this one: forced renewals may follow at the usual interval.

        An answer of any other API says nothing about that: one healthy API beside a misconfigured one would make it
        cost 61 tokens an hour instead of 7 (benchmarks/revocation.py).
        """
        confirm = getattr(self._tokens, "confirm", None)  # a fake may have none
        if confirm is not None:
            confirm(token)

    def _drain(self, sent: Any, response: Any) -> None:
        """Read what is left of a 401, raw and bounded, so that its connection can be used again; else close it."""
        stream, budget = response.stream, self._begin_drain(sent)
        try:
            for chunk in stream:
                if not budget.takes(chunk):
                    break
        except Exception:  # noqa: BLE001  # whatever ends the reading, the connection is closed below
            budget.body = b""
        finally:
            stream.close()
        self._empty(response, budget.body)

    async def _adrain(self, sent: Any, response: Any) -> None:
        stream, budget = response.stream, self._begin_drain(sent)
        try:
            async for chunk in stream:
                if not budget.takes(chunk):
                    # The next read ends the loop, on HTTP/1.1 since it is closed, on HTTP/2 since it may not wait: trio
                    # minds a generator that is left half-way.
                    sent.extensions["timeout"]["read"] = 0.0
                    await stream.aclose()
        except Exception:  # noqa: BLE001  # as in _drain
            budget.body = b""
        finally:
            await stream.aclose()
        self._empty(response, budget.body)

    def _begin_drain(self, sent: Any) -> "_Budget":
        # The transport looks at the read time-out of the request that it sent when it begins to read the body.
        limits = {**sent.extensions.get("timeout", {}), "read": DRAINED_SECONDS}
        sent.extensions["timeout"] = limits
        return _Budget(self._monotonic)


class _Budget:
    """How much of a 401 is read."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until = monotonic() + DRAINED_SECONDS
        self.body = b""

    def takes(self, chunk: bytes) -> bool:
        self.body += chunk
        return len(self.body) <= DRAINED_BYTES and self._monotonic() < self._until


def _patience(request: Any) -> float | None:
    """How long the request itself would wait for a connection and an answer, in seconds; None without limits."""
    limits = request.extensions.get("timeout")
    if not limits:
        return None
    connect, read = limits.get("connect"), limits.get("read")
    return None if connect is None or read is None else connect + read
