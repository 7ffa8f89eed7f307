"""CognitoClientCredentials: one object that gets, caches and renews tokens. It only wires; it decides nothing."""

import os
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, Unpack, final

from . import _snapstart
from ._arguments import Arguments, from_environ, unknown
from ._clock import Clock
from ._closing import Closing
from ._core.config import check_arguments, with_scopes, wrong_objects
from ._core.errors import ConfigurationError, TokenUnavailable
from ._core.origin import AnyOrigin, OriginList, parse_origins
from ._core.policy import RenewalPolicy
from ._core.settings import Api, AuthMethod
from ._core.values import AccessToken
from ._engine import Engine
from ._prepare import prepare
from ._slots import Slot
from ._state import State, state
from ._supply import Call
from .events import EventName, OnEvent
from .secret_sources import EnvironmentSecret, SecretInput

if TYPE_CHECKING:
    import httpx
    import httpx2

    from ._hooks.httpx import HttpxAuth
    from ._hooks.httpx2 import Httpx2Auth
    from ._hooks.rules import Hook
    from .stores import Store

AnyHook = TypeVar("AnyHook", bound="Hook")

_SETTINGS = "domain", "region", "token_url", "api", "client_id", "scopes", "client_metadata", "auth_method", "strict"
_OBJECTS = "policy", "store", "http_client", "on_event", "clock"


@final
class CognitoClientCredentials(Closing):
    """OAuth 2.0 client credentials of an Amazon Cognito app client, and the access tokens that they get.

    Build it once, at module level; it is safe for any number of threads, asyncio and trio tasks, event loops and forked
    children. Building it does no I/O, starts no thread and imports no HTTP library.

    Args:
        domain: the user pool's domain: `demo.auth.eu-central-1.amazoncognito.com`, `auth.example.com`, or a bare prefix
            (`demo`) with `region`.
        region: the AWS Region of a bare prefix, or of `api="get_client_token"`, e.g. `eu-central-1`.
        token_url: the whole URL instead: another authorization server, a caching proxy (`{scope}` in its query stands
            for the scopes), or with `api="get_client_token"` a FIPS or VPC endpoint.
        api: `"oauth2"` asks the token endpoint of the pool's domain, `"get_client_token"` Cognito's own API, which
            needs no domain and no AWS credentials; the app client must allow ALLOW_CLIENT_TOKEN_AUTH.
        client_id: the app client's id. A secret that Cognito manages names it, so it may then be left out.
        client_secret: the secret, an object with `get_secret_value()`, one of `s2sauth.secret_sources`, or a callable
            of yours that gives one or several in order. Read when a token is requested, never before.
        scopes: scopes as one string or as a collection; None asks for none, and Cognito grants all of the app client's.
        client_metadata: passed to the pool's pre token generation trigger; holds no secrets (AWS does not encrypt it).
        auth_method: `"auto"` sends id and secret in an Authorization header, or in the body when the header would be
            ambiguous; `"client_secret_basic"` and `"client_secret_post"` (RFC 6749 2.3.1) say which.
        policy: when tokens are renewed and how long callers wait.
        store: shares tokens between processes: `"sqlite:////var/lib/app/tokens.db"`, `"rediss://…"`,
            `"dynamodb://table?region=eu-central-1"`, or an object of `s2sauth.stores`. Entries are encrypted under a
            key made of the client secret. A store that is slow or fails never keeps a caller from its token.
        http_client: makes the `httpx.Client` (or httpx2's) of a token request: proxy, own CA, mTLS. Called once per
            renewal; what it makes is closed.
        strict: a token with fewer scopes than asked for, or of another client, is an error instead of an event.
        on_event: called with each `Event`; what it raises is logged once and dropped.
        clock: the way time and chance enter; `s2sauth.testing.ManualClock` in tests.

    Raises:
        ConfigurationError: an argument is wrong; the message names every one that is, and shows the form.
    """

    __slots__ = ("__weakref__", "_boot", "_engine", "_slot", "_wall")

    def __init__(
        self,
        *,
        domain: str | None = None,
        region: str | None = None,
        token_url: str | None = None,
        api: Api = "oauth2",
        client_id: str | None = None,
        client_secret: SecretInput,
        scopes: str | Iterable[str] | None = None,
        client_metadata: Mapping[str, str] | None = None,
        auth_method: AuthMethod = "auto",
        policy: RenewalPolicy = RenewalPolicy(),  # noqa: B008  # frozen
        store: "Store | str | None" = None,
        http_client: "Callable[[], httpx.Client | httpx2.Client] | None" = None,
        strict: bool = False,
        on_event: OnEvent | None = None,
        clock: Clock | None = None,
    ) -> None:
        try:
            self._set_up(locals())  # all arguments by name
        except ConfigurationError:
            del client_secret, store  # a traceback may show the locals of its frames
            raise

    def _set_up(self, given: Mapping[str, Any], variables: Mapping[str, str] = MappingProxyType({})) -> None:
        """Check all arguments and build from them; `variables` names the variable of each that has one, for errors."""
        secret = given["client_secret"]
        try:
            settings = check_arguments(
                **{name: given[name] for name in _SETTINGS},
                secret=secret.at_construction() if isinstance(secret, EnvironmentSecret) else secret,
                also=wrong_objects(**{name: given[name] for name in _OBJECTS}),
                variables=variables,
            )
        except ConfigurationError:
            del given, secret  # as in the constructor
            raise
        engine = Engine(**{name: given[name] for name in _OBJECTS}, secrets=secret)
        self._see(engine, engine.slots.slot(settings))

    def _see(self, engine: Engine, slot: Slot) -> None:
        self._engine = engine
        self._slot = slot
        self._wall = engine.clock.wall
        self._boot = engine.clock.boottime

    @classmethod
    def from_env(
        cls, prefix: str = "", environ: Mapping[str, str] | None = None, **overrides: "Unpack[Arguments]"
    ) -> Self:
        """Build from environment variables.

        `COGNITO_DOMAIN` (with `COGNITO_REGION`, where it is a bare prefix) or `COGNITO_TOKEN_URL`; `APP_CLIENT_ID` and
        `APP_CLIENT_SECRET`, or `COGNITO_CLIENT_ID` and `COGNITO_CLIENT_SECRET`, or `COGNITO_CLIENT_SECRET_FILE` (a
        path), or `COGNITO_CLIENT_SECRET_ARN` (of Secrets Manager or a parameter); `COGNITO_SCOPES` or `COGNITO_SCOPE`.
        `COGNITO_API=get_client_token` needs `COGNITO_REGION`, and no domain. Empty is unset. The secret is read again
        for each token request.

        Args:
            prefix: goes before each name: `"BILLING_"` reads `BILLING_COGNITO_DOMAIN`.
            environ: read instead of `os.environ`.
            **overrides: arguments of the constructor; they win over the environment.

        Raises:
            ConfigurationError: lists every variable that is missing or wrong, never a value.
        """
        if (wrong := unknown("CognitoClientCredentials.from_env()", overrides, "prefix", "environ")) is not None:
            del environ, overrides  # a traceback may show the locals of its frames
            raise TypeError(wrong)
        environ = os.environ if environ is None else environ
        made = object.__new__(cls)
        arguments: dict[str, Any] = {}
        try:
            arguments, variables = from_environ(prefix, environ, overrides)
            made._set_up({**(cls.__init__.__kwdefaults__ or {}), **arguments}, variables)
        except ConfigurationError:
            del environ, overrides, arguments  # as in the constructor
            raise
        return made

    def get_token(
        self, *, min_ttl: float = 0.0, timeout: float | None = None, rejected: AccessToken | None = None
    ) -> AccessToken:
        """The cached token, or a new one.

        Args:
            min_ttl: seconds of life that the token must still have, for a long upload. A token with less is replaced
                within the budget of forced renewals; beyond it, or when tokens do not live that long, the newest one
                comes back, with the event `min_ttl_not_met`.
            timeout: seconds to wait at most; None is the policy's `deadline`, which is also the maximum. 0 takes what
                is cached. It shortens the wait, never the token request.
            rejected: a token that an API answered 401 to: waits for another one, within the budget of forced renewals;
                beyond it the cached one comes back.

        Raises:
            TokenUnavailable: no token within the time; worth another try.
            TokenRequestRefused, TokenResponseInvalid: the token endpoint said no, or answered no usable token.
            ConfigurationError: the secret source or http_client is wrong, or a negative timeout or min_ttl.
            CredentialsClosed: after `close()`.
        """
        entry = self._slot.entry
        if (
            rejected is None
            and not min_ttl
            and self._wall() < entry.fresh_until_wall
            and self._boot() < entry.fresh_until_boot
        ):
            return entry.token
        prepare(self._engine)
        return Call(self._engine, self._slot, timeout, rejected, min_ttl).get()

    async def aget_token(
        self,
        *,
        min_ttl: float = 0.0,
        timeout: float | None = None,  # noqa: ASYNC109  # as get_token
        rejected: AccessToken | None = None,
    ) -> AccessToken:
        """`get_token()` for asyncio and trio: waits without blocking the event loop.

        Without a hook, the first call imports the HTTP library on the loop's thread, which takes 0.2 to 0.5 s. Call
        `warm()` before the loop starts.
        """
        entry = self._slot.entry
        if (
            rejected is None
            and not min_ttl
            and self._wall() < entry.fresh_until_wall
            and self._boot() < entry.fresh_until_boot
        ):
            return entry.token
        prepare(self._engine)
        return await Call(self._engine, self._slot, timeout, rejected, min_ttl).aget()

    def warm(self) -> bool:
        """Get ready ahead of the first call, in a Lambda function's init phase or when a service starts.

        Imports what a token request needs and fetches a token; False if none is available now, and later calls try
        again. With SnapStart it fetches none, since every clone of the snapshot would have it. Raises what
        `get_token()` raises, except TokenUnavailable: an outage must not keep a service from starting.
        """
        prepare(self._engine)
        if _snapstart.is_coming():
            return False
        try:
            self.get_token()
        except TokenUnavailable:
            return False
        return True

    def auth_headers(self) -> dict[str, str]:
        """`{"Authorization": "Bearer …"}` for any other HTTP client. Raises what `get_token()` raises."""
        return {"Authorization": self.get_token().authorization}

    def httpx_auth(self, *origins: str | AnyOrigin, allow_http: bool = False) -> "HttpxAuth":
        """The hook for `httpx.Client(auth=...)` and `httpx.AsyncClient(auth=...)`.

        Args:
            *origins: where the token may go, at least one: `"https://api.example.com"`; a path is ignored. `ANY_ORIGIN`
                lifts the list, not the https rule.
            allow_http: lets the listed http origins through (a service mesh, docker compose); loopback works without.

        Raises:
            ConfigurationError: no origin, or one that is no http(s) URL.
        """
        allowed = parse_origins(origins, allow_http=allow_http)
        prepare(self._engine)
        from ._hooks.httpx import HttpxAuth  # noqa: PLC0415  # the first use of httpx, on the caller's thread

        return self._hook(HttpxAuth, allowed)

    def httpx2_auth(self, *origins: str | AnyOrigin, allow_http: bool = False) -> "Httpx2Auth":
        """The hook for `httpx2.Client(auth=...)` and `httpx2.AsyncClient(auth=...)`; `pip install 's2sauth[httpx2]'`.

        Made before any other hook and token, it decides that token requests go through httpx2 as well. Arguments and
        errors as with `httpx_auth()`; a listed https origin stands for WebSockets (`wss`) there as well.
        """
        allowed = parse_origins(origins, allow_http=allow_http)
        try:
            prepare(self._engine, "httpx2")
            from ._hooks.httpx2 import Httpx2Auth  # noqa: PLC0415  # as in httpx_auth()
        except ModuleNotFoundError:
            raise ImportError("httpx2_auth() needs httpx2: pip install 's2sauth[httpx2]'", name="httpx2") from None
        return self._hook(Httpx2Auth, allowed)

    def with_scopes(self, *scopes: str) -> "CognitoClientCredentials":
        """The same credentials for other scopes; equal scopes share one token. Without any: all of the app client's.
        An argument is one scope, or several with spaces between them.

        Raises ConfigurationError for a wrong scope, and if token_url names others or needs some for {scope}.
        """
        settings = with_scopes(self._slot.given, scopes or None)
        view = object.__new__(type(self))
        view._see(self._engine, self._engine.slots.slot(settings))  # one more of its kind
        return view

    def invalidate(self, token: AccessToken | str, /) -> None:
        """If this token is still the cached one, the next call may replace it, within the budget of forced renewals."""
        entry = self._slot.newest
        known = token if isinstance(token, str) else token.access_token
        is_cached = entry is not None and entry.token.access_token == known
        del token, known  # a traceback may show the locals of its frames
        if entry is not None and is_cached and not entry.suspected:
            entry.suspect()
            self._engine.report("token_suspected", self._slot.id)

    def confirm(self, token: AccessToken, /) -> None:
        """Say that an API that rejected the token before this one has accepted this one; the hooks do.

        If this is still the cached token, the next forced renewal may follow after the usual interval.
        """
        entry = self._slot.newest
        if entry is not None and entry.token.access_token == token.access_token:
            entry.accepted = True

    def _hook(self, kind: "type[AnyHook]", allowed: OriginList) -> "AnyHook":
        engine = self._engine
        return kind(self, allowed, monotonic=engine.clock.monotonic, report=self._report, ours=engine.our_headers)

    def _report(self, name: EventName) -> None:
        self._engine.report(name, self._slot.id)

    def state(self) -> State:
        """What is known now, for people: freshness, times, the last error, what it cost."""
        return state(self._engine, self._slot)

    def close(self) -> None:
        """Drop the tokens; waiting callers and all later calls get CredentialsClosed. Closes all views too."""
        self._engine.close(self._slot.id)

    def __repr__(self) -> str:
        known = self._slot.settings
        scopes = "all scopes" if known.scopes is None else f"scopes {' '.join(known.scopes)}"
        client = self._engine.client.get(None, known.client_id)
        return (
            f"<CognitoClientCredentials of {client} at {known.token_url}, {scopes}; use it as "
            'httpx.Client(auth=credentials.httpx_auth("https://api.example.com")), or with httpx2 as '
            'httpx2.Client(auth=credentials.httpx2_auth("https://api.example.com"))>'
        )

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "CognitoClientCredentials cannot be pickled or copied: it holds a secret and tokens. "
            "Build it in each process, e.g. with CognitoClientCredentials.from_env()."
        )
