"""`FakeCognito`: a token endpoint and a protected API on real sockets, well-behaved until a test says otherwise."""

import json
import ssl
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Self, cast, final

from .._clock import SystemClock
from ._api import Api
from ._knobs import Knobs
from ._records import ApiRequest, Log, TokenRequest
from ._spawned import Spawned
from ._token_endpoint import PATH, TokenEndpoint
from ._tokens import POOL_ID, Pool, WallClock
from ._wire import Listener

_ROUTES = {"/files": "demo/read.file", "/admin": "demo/write.file"}


@final
class FakeCognito(Knobs):
    """A Cognito app client's token endpoint, and an API behind API Gateway's Cognito authorizer, on loopback ports.

        with FakeCognito() as fake:
            credentials = CognitoClientCredentials.from_env(environ=fake.environ)
            files = httpx.Client(base_url=fake.api_url, auth=credentials.httpx_auth(fake.api_url))
            assert files.get("/files").status_code == 200
        assert fake.counts()["token_requests"] == 1

    Cognito's own API is there as well: `CognitoClientCredentials(api="get_client_token", token_url=fake.domain, ...)`.

    Every method may be called from any thread, also while requests are served. What an answer says is decided when
    its request arrives; a method that changes the answers holds for the requests that come later. `times` is for how
    many requests it holds, None for all until `recover()` (`recover_api()`); it replaces what was set before, since
    an endpoint has one such setting at a time. `headers` are pairs of name and value; they replace the usual ones of
    that name.

    Arguments, all by keyword:

    - `client_id`, `client_secret`: the app client's. None makes up one in the form of Cognito's.
    - `scopes`: those that the app client may have. Asking for another one is answered `invalid_scope`, asking for none
      gives all of them.
    - `api_scopes`: path prefix to the scope that the route needs; other paths take any token.
    - `expires_in`: the life of a token, in seconds. `latency`: how long each token answer takes, in seconds.
    - `rate_limit`: token requests answered in any second; more get 429. None for no limit.
    - `clock`: an object with `wall()`, such as a `ManualClock`; None for the machine's.
    - `ssl_context`: a server's context with a certificate for `localhost`: both ports then speak TLS.
    """

    def __init__(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        scopes: Iterable[str] = ("demo/read.file", "demo/write.file"),
        api_scopes: Mapping[str, str] = _ROUTES,
        expires_in: float = 3600,
        latency: float = 0.0,
        rate_limit: int | None = None,
        clock: WallClock | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        pool = Pool(
            client_id=client_id,
            client_secret=client_secret,
            scopes=scopes,
            expires_in=expires_in,
            clock=SystemClock() if clock is None else clock,
        )
        self._token_log = Log[TokenRequest]()
        self._api_log = Log[ApiRequest]()
        super().__init__(pool, TokenEndpoint(pool, self._token_log), Api(pool, self._api_log, api_scopes))
        self.set_latency(latency)
        self.set_rate_limit(rate_limit)
        self._ssl_context = ssl_context
        self._listeners: tuple[Listener, Listener] | None = None
        self._state = threading.Lock()
        self._closed = False

    # Running it

    def start(self) -> Self:
        """Listen on two free ports of 127.0.0.1; nothing if it does already. RuntimeError after `close()`."""
        with self._state:
            if self._closed:
                raise RuntimeError("FakeCognito was closed: make a new one")
            if self._listeners is None:
                self._listeners = (
                    Listener(self._endpoint.handle, self._ssl_context),
                    Listener(self._api.handle, self._ssl_context),
                )
                for listener in self._listeners:
                    listener.listen()
        return self

    def close(self) -> None:
        """End all connections at once and give back the ports. The records stay. More calls do nothing."""
        with self._state:
            if not self._closed and self._listeners is not None:
                self._endpoint.close()
                for listener in self._listeners:
                    listener.close()
            self._closed = True

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def spawn(cls, *, certfile: str | None = None, keyfile: str | None = None, **options: Any) -> "FakeCognito":
        """The same in a process of its own, started, with the same methods and attributes; `close()` ends it.

        `options` are the constructor's arguments, but for `clock` and `ssl_context`; `certfile` and `keyfile` are
        paths of PEM files and turn on TLS. The process ends with its parent, however that ends. One call at a time
        reaches it, so a blocking `wait_for_token_requests` holds up calls from other threads. After `close()` the
        records are gone, and every call raises RuntimeError. Raises what the constructor raises, and OSError for an
        unreadable certificate.
        """
        return cast("FakeCognito", Spawned(cls, certfile, keyfile, options))

    # Where it is, and who is let in

    @property
    def domain(self) -> str:
        """What the credentials take as `domain`: `"http://127.0.0.1:PORT"`, with TLS `"https://localhost:PORT"`."""
        return self._running()[0].origin

    @property
    def token_url(self) -> str:
        """The token endpoint's URL."""
        return self.domain + PATH

    @property
    def api_url(self) -> str:
        """The API's origin."""
        return self._running()[1].origin

    @property
    def client_id(self) -> str:
        """The app client's id."""
        return self._pool.client_id

    @property
    def client_secret(self) -> str:
        """The app client's newest secret."""
        return self._pool.secrets[0]

    @property
    def user_pool_id(self) -> str:
        """The id of the user pool, as in the issuer of the tokens."""
        return POOL_ID

    @property
    def managed_secret(self) -> str:
        """The JSON that Cognito writes to AWS Secrets Manager when it manages the secret: both ids, the newest secret.

        Put it there again after each `rotate_secret()`, which completes the rotation.
        """
        members = {"userPoolId": POOL_ID, "userPoolClientId": self.client_id, "clientSecretValue": self.client_secret}
        return json.dumps(members)

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables of a service that uses it; the scopes are all of the app client's."""
        return {
            "COGNITO_DOMAIN": self.domain,
            "APP_CLIENT_ID": self.client_id,
            "APP_CLIENT_SECRET": self.client_secret,
            "COGNITO_SCOPES": " ".join(self._pool.scopes),
            "FILES_SERVICE_URL": self.api_url,
        }

    def refuse(self) -> None:
        """End the connections to the token endpoint and refuse new ones, on the same port, until `recover()`."""
        with self._state:
            self._running()[0].refuse()

    def hang_up(self) -> None:
        """Accept connections to the token endpoint and end each at once: over TLS a handshake that is cut."""
        with self._state:
            self._running()[0].hangs_up = True

    def recover(self) -> None:
        """Let the token endpoint answer as Cognito does again, on the same port.

        Ends `fail`, `answer`, `answer_json`, `redirect`, `endless`, `drip`, `hang`, `reset`, `refuse`, `hang_up`,
        `set_claims`, `narrow_scopes`, `omit_expires_in`, `omit_date` and `repeat_tokens`. Secrets, revoked tokens, the
        gate, latency, rate limit, life and clock offset stay as they are.
        """
        self._restore()
        with self._state:
            self._running()[0].hangs_up = False
            self._running()[0].listen()

    # What happened

    @property
    def token_requests(self) -> list[TokenRequest]:
        """The requests that reached the token endpoint's port, oldest first."""
        return self._token_log.all()

    @property
    def api_requests(self) -> list[ApiRequest]:
        """The requests that reached the API, oldest first."""
        return self._api_log.all()

    @property
    def tokens_issued(self) -> int:
        """How many different tokens were made; what Cognito bills."""
        return self._pool.issued

    def counts(self) -> dict[str, int]:
        """Figures by name: of requests since `clear_records()`, of tokens and connections since the start.

        `token_requests`, `tokens_issued`, `token_connections`, `api_requests`, `api_401` (answered so), `api_dead`
        (those that carried a token past its life), `api_connections`.
        """
        token, api = self._running()
        calls = self.api_requests
        return {
            "token_requests": len(self.token_requests),
            "tokens_issued": self.tokens_issued,
            "token_connections": token.connections,
            "api_requests": len(calls),
            "api_401": sum(call.status == 401 for call in calls),
            "api_dead": sum(call.dead for call in calls),
            "api_connections": api.connections,
        }

    def clear_records(self) -> None:
        """Forget the recorded requests; tokens stay good."""
        self._token_log.clear()
        self._api_log.clear()

    def wait_for_token_requests(self, n: int = 1, timeout: float = 5.0) -> None:
        """Block until `n` token requests are recorded, answered or not. TimeoutError after `timeout` seconds."""
        self._token_log.wait(n, timeout)

    def wait_for_api_requests(self, n: int = 1, timeout: float = 5.0) -> None:
        """Block until `n` API requests are recorded. TimeoutError after `timeout` seconds."""
        self._api_log.wait(n, timeout)

    def _running(self) -> tuple[Listener, Listener]:
        if self._listeners is None:
            raise RuntimeError("FakeCognito does not run yet: use `with FakeCognito() as fake:` or call start()")
        return self._listeners
