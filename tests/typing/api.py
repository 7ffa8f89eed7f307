"""The public face as type checkers see it. Never run: mypy, pyright, ty and pyrefly read it (test_typing.py)."""

from datetime import datetime
from typing import assert_type

import httpx
import httpx2

from s2sauth import (
    ANY_ORIGIN,
    AccessToken,
    CognitoClientCredentials,
    ConfigurationError,
    Event,
    Freshness,
    InvalidScope,
    RenewalPolicy,
    S2SAuthError,
    State,
    TokenRequestRefused,
    TokenResponseInvalid,
    Tokens,
    TokenUnavailable,
    otel,
)
from s2sauth.secret_sources import ManagedSecret, SecretsManagerSecret
from s2sauth.settings import CognitoSettings
from s2sauth.testing import StaticToken


class Vault:
    """A secret as pydantic's SecretStr holds it."""

    def get_secret_value(self) -> str:
        return "secret"


def construct(settings: CognitoSettings) -> None:
    """Each argument in each form that it may take."""
    policy = RenewalPolicy(renew_at=0.8, expiry_margin=5, deadline=4.0, attempts=2, forced_renewal_every=120)
    CognitoClientCredentials(domain="demo", region="eu-central-1", client_id="id", client_secret="secret")
    CognitoClientCredentials(token_url="https://example.com/token", client_id="id", client_secret=lambda: "secret")
    CognitoClientCredentials(domain="auth.example.com", client_id="id", client_secret=lambda: ["new", "old"])
    CognitoClientCredentials(domain="auth.example.com", client_secret=SecretsManagerSecret("arn:aws:secretsmanager:…"))
    CognitoClientCredentials(
        domain="auth.example.com", client_id="id", client_secret=lambda: ManagedSecret("secret", client_id="id")
    )
    assert_type(SecretsManagerSecret("name")(), str | ManagedSecret)
    CognitoClientCredentials(
        domain="auth.example.com",
        client_id="id",
        client_secret=Vault(),
        scopes={"demo/read.file", "demo/write.file"},
        client_metadata={"tenant": "a"},
        auth_method="client_secret_post",
        policy=policy,
        http_client=lambda: httpx.Client(proxy="http://proxy.example.com:3128"),
        strict=True,
        on_event=report,
    )
    CognitoClientCredentials.from_env(http_client=lambda: httpx2.Client(proxy="http://proxy.example.com:3128"))
    assert_type(CognitoClientCredentials.from_env(), CognitoClientCredentials)
    assert_type(CognitoClientCredentials.from_env("BILLING_", {"X": "y"}, scopes=["a"]), CognitoClientCredentials)
    CognitoClientCredentials.from_env(
        domain="demo",
        region="eu-central-1",
        token_url=None,
        api="get_client_token",
        client_id="id",
        client_secret=Vault(),
        scopes=None,
        client_metadata={"tenant": "a"},
        auth_method="auto",
        policy=policy,
        store="sqlite:////var/lib/app/tokens.db",
        http_client=None,
        strict=True,
        on_event=report,
        clock=None,
    )
    assert_type(settings.credentials(scopes="a", policy=policy), CognitoClientCredentials)


class OwnFake:
    """What stands for credentials in a test of a user."""

    def get_token(self, *, timeout: float | None = None, rejected: AccessToken | None = None) -> AccessToken:
        raise TokenUnavailable("none", None)

    async def aget_token(self, *, timeout: float | None = None, rejected: AccessToken | None = None) -> AccessToken:  # noqa: ASYNC109  # as in Tokens
        raise TokenUnavailable("none", None)

    def invalidate(self, token: AccessToken | str, /) -> None:
        pass


def tokens_of() -> list[Tokens]:
    """Each gives tokens."""
    return [CognitoClientCredentials.from_env(on_event=otel.on_event()), StaticToken("anything"), OwnFake()]


def report(event: Event) -> None:
    """What an `on_event` may do with an event."""
    assert_type(event.at, float)
    assert_type(event.key, str)
    assert_type(event.seconds, float | None)
    assert_type(event.attempt, int | None)
    assert_type(event.error, str | None)
    assert event.name == "renewed"


def threads(credentials: CognitoClientCredentials) -> None:
    """Tokens and hooks without an event loop."""
    token = credentials.get_token(timeout=1)
    assert_type(token, AccessToken)
    assert_type(token.access_token, str)
    assert_type(token.authorization, str)
    assert_type(token.token_type, str)
    assert_type(token.expires_in, float)
    assert_type(token.expires_at, datetime)
    assert_type(token.remaining(), float)
    assert_type(token.scopes, tuple[str, ...] | None)
    assert_type(credentials.auth_headers(), dict[str, str])
    assert_type(credentials.with_scopes("a", "b"), CognitoClientCredentials)
    credentials.invalidate(token)
    credentials.invalidate(token.access_token)
    hook = credentials.httpx_auth("https://api.example.com", "http://127.0.0.1:8080", allow_http=True)
    with credentials as same, httpx.Client(auth=hook) as client:
        assert_type(same, CognitoClientCredentials)
        assert_type(client.get("/files", auth=credentials.httpx_auth(ANY_ORIGIN)), httpx.Response)


async def tasks(credentials: CognitoClientCredentials) -> None:
    """The same under asyncio and trio."""
    assert_type(await credentials.aget_token(), AccessToken)
    assert_type(await credentials.aget_token(timeout=0.5), AccessToken)
    async with httpx2.AsyncClient(auth=credentials.httpx2_auth("https://api.example.com")) as other:
        assert_type(await other.get("/files"), httpx2.Response)
    hook = credentials.httpx_auth("https://api.example.com")
    async with credentials as same, httpx.AsyncClient(auth=hook) as client:
        assert_type(same, CognitoClientCredentials)
        await client.get("/files")


def people(state: State) -> None:
    """A snapshot is for reading."""
    assert_type(state.freshness, Freshness)
    assert_type(state.expires_in, float | None)
    assert_type(state.next_renewal_in, float | None)
    assert_type(state.last_error, str | None)
    assert_type(state.token_requests, int)
    assert_type(state.tokens_billed, int)
    assert_type(state.scopes, tuple[str, ...] | None)


def errors(credentials: CognitoClientCredentials) -> float | str | int | None:
    """What is known of a failure is typed."""
    try:
        credentials.get_token()
    except TokenUnavailable as error:
        return assert_type(error.retry_after, float | None)
    except InvalidScope as error:
        return assert_type(error.error_description, str | None)
    except TokenRequestRefused as error:
        assert_type(error.status, int | None)
        assert_type(error.request_id, str | None)
        return assert_type(error.error, str | None)
    except TokenResponseInvalid as error:
        return assert_type(error.status, int | None)
    except (ConfigurationError, S2SAuthError) as error:
        return str(error)
    return None
