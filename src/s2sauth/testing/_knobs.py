"""What a test may change about `FakeCognito` while it runs."""

from collections.abc import Iterable, Mapping

from ._api import Api
from ._replies import Pairs, Twist, dripped, dump, raw
from ._token_endpoint import JSON, TokenEndpoint
from ._tokens import Pool
from ._wire import End

_BLANK = b" " * 65_536


class Knobs:
    """The methods of `FakeCognito` that change answers. Arguments are plain values: they cross process boundaries."""

    def __init__(self, pool: Pool, endpoint: TokenEndpoint, api: Api) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._api = api

    # The token endpoint's next answers, in place of the usual one. Each method replaces what another one set.

    def fail(self, status: int = 503, *, times: int | None = None, body: bytes = b"", headers: Pairs = ()) -> None:
        """Answer with this status, body and headers."""
        pairs = tuple(headers)
        self._twist(lambda _: self._endpoint.message(status, body, pairs), times)

    def answer_json(self, value: object, status: int = 200, *, times: int | None = None, headers: Pairs = ()) -> None:
        """Answer with `value` as JSON; bytes are sent as they are, with the content type of JSON."""
        body = value if isinstance(value, bytes) else dump(value)
        pairs = tuple(headers)
        if not any(name.lower() == "content-type" for name, _ in pairs):
            pairs += (JSON,)
        self._twist(lambda _: self._endpoint.message(status, body, pairs), times)

    def answer(self, data: bytes, *, times: int | None = None) -> None:
        """Write these bytes as the whole answer, whether HTTP or not, and end the connection."""
        self._twist(lambda _: raw(data), times)

    def redirect(self, url: str, status: int = 302, *, times: int | None = None) -> None:
        """Answer with a redirect to `url`."""
        self.fail(status, times=times, headers=[("Location", url)])

    def endless(
        self, status: int = 200, *, chunk: bytes = _BLANK, times: int | None = None, headers: Pairs = ()
    ) -> None:
        """Answer with a body that repeats `chunk` until the client leaves."""
        pairs = tuple(headers)
        self._twist(lambda _: self._endpoint.endless(status, chunk, pairs), times)

    def drip(self, interval: float = 0.05, data: bytes | None = None, *, times: int | None = None) -> None:
        """Answer one byte every `interval` seconds, headers too: the usual answer, or `data`, then the end."""
        if data is None:
            self._twist(lambda usual: dripped(usual(), interval, head_too=True), times)
        else:
            self._twist(lambda _: dripped(raw(data), interval, head_too=True), times)

    def hang(self, *, times: int | None = None) -> None:
        """Read the request and never answer. `recover()` is for later requests; these never get one."""
        self._twist(lambda _: raw(b"", End.HANG), times)

    def reset(self, *, times: int | None = None) -> None:
        """End the connection with a TCP reset when the request has been read."""
        self._twist(lambda _: raw(b"", End.RESET), times)

    def gate(self, *, times: int | None = None) -> None:
        """Hold back the token endpoint's answers until `release()`; what they say was settled before."""
        self._endpoint.shut(times)

    def release(self) -> None:
        """Send what `gate()` held back, and hold back no more."""
        self._endpoint.open()

    def set_latency(self, seconds: float) -> None:
        """How long each answer of the token endpoint takes from now on."""
        self._endpoint.latency = seconds

    def set_rate_limit(
        self,
        per_second: int | None,
        *,
        body: bytes = b'{"message":"Too Many Requests"}',
        headers: Pairs = (("Content-Type", "application/json"),),
    ) -> None:
        """Answer 429 with this body beyond so many token requests in any second of real time; None for no limit."""
        self._endpoint.limit_rate(per_second, body, headers)

    def allow_client_token(self, allow: bool = True) -> None:  # noqa: FBT001, FBT002  # reads as a switch
        """Whether the app client has ALLOW_CLIENT_TOKEN_AUTH, which `GetClientToken` needs."""
        self._endpoint.allows_client_token = allow

    def decode_basic(self, decode: bool = True) -> None:  # noqa: FBT001, FBT002  # reads as a switch
        """Read id and secret in an Authorization header as form-encoded (RFC 6749 2.3.1), which Cognito does not."""
        self._endpoint.decodes_basic = decode

    # The tokens

    def set_expires_in(self, seconds: float) -> None:
        """The life of the tokens issued from now on."""
        self._pool.expires_in = seconds

    def set_clock_offset(self, seconds: float) -> None:
        """Let the server's clock be ahead, or behind: its `Date`, `iat` and `exp`, and the API's view of expiry."""
        self._pool.offset = seconds

    def set_claims(self, claims: Mapping[str, object]) -> None:
        """Put these claims into the tokens issued from now on, in place of the usual ones; `{}` ends it.

        `{"client_id": "other"}` is another client's token. The API judges by what was issued, whatever the claims say.
        """
        self._pool.claims = dict(claims)

    def narrow_scopes(self, scopes: Iterable[str] | None) -> None:
        """Issue tokens for these of the scopes asked for, and drop the others without a word; None ends it."""
        self._pool.narrowed_to = None if scopes is None else tuple(scopes)

    def omit_expires_in(self, omit: bool = True) -> None:  # noqa: FBT001, FBT002  # reads as a switch: omit_expires_in(False)
        """Leave `expires_in` out of the answer."""
        self._endpoint.omits_expires_in = omit

    def omit_date(self, omit: bool = True) -> None:  # noqa: FBT001, FBT002  # reads as a switch
        """Leave `Date` out of the token endpoint's answers."""
        self._endpoint.omits_date = omit

    def repeat_tokens(self, repeat: bool = True) -> None:  # noqa: FBT001, FBT002  # reads as a switch
        """Answer with the latest token for these scopes, and the full `expires_in`, again, as a caching proxy does."""
        self._pool.repeats = repeat

    def revoke(self, token: str | None = None) -> None:
        """Let the API refuse this token from now on, or all issued so far. LookupError for one not issued here."""
        self._pool.revoke(token)

    def rotate_secret(self, new: str | None = None, *, keep_old: bool = False) -> str:
        """Give the app client another secret, `new` or a made-up one, and return it.

        With `keep_old` the one before stays good as well, as Cognito's two live secrets do; a call without it drops it.
        """
        return self._pool.rotate(new, keep_old=keep_old)

    # The API

    def api_answer(
        self,
        status: int = 401,
        *,
        body: bytes | None = None,
        headers: Pairs = (),
        raw_data: bytes | None = None,
        endless: bool = False,
        interval: float = 0.0,
        times: int | None = None,
    ) -> None:
        """Let the API answer so, whatever token came: `fake.api_answer(503, times=2)`. `recover_api()` ends it.

        `body` None is API Gateway's usual one for the status. With `endless` the body repeats until the client
        leaves; with an `interval` it comes one byte every so many seconds. `raw_data` is written as it is, in place
        of all that, and ends the connection.
        """
        pairs = tuple(headers)
        if raw_data is not None:
            self._api.script.set(lambda _: raw(raw_data), times)
        elif endless:
            self._api.script.set(lambda _: self._api.endless(status, body or _BLANK, pairs), times)
        elif interval:
            self._api.script.set(
                lambda _: dripped(self._api.message(status, body, pairs), interval, head_too=False), times
            )
        else:
            self._api.script.set(lambda _: self._api.message(status, body, pairs), times)

    def set_scope_status(self, status: int) -> None:
        """What a token without the route's scope gets from the API: 401, as at first, or 403."""
        self._api.scope_status = status

    def recover_api(self) -> None:
        """End `api_answer`."""
        self._api.script.set(None)

    def _restore(self) -> None:
        self._endpoint.script.set(None)
        self._endpoint.omits_expires_in = False
        self._endpoint.omits_date = False
        self._pool.restore()

    def _twist(self, twist: Twist, times: int | None) -> None:
        self._endpoint.script.set(twist, times)
