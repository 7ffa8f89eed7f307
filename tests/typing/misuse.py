"""Mistakes that a type checker finds before anything runs: each line marked `wrong` is one error (test_typing.py)."""

import httpx

from s2sauth import AccessToken, CognitoClientCredentials, RenewalPolicy, Tokens


class Outage:
    """What takes tokens."""

    tokens: Tokens


def mistakes(credentials: CognitoClientCredentials, token: AccessToken) -> None:
    """One mistake a line."""
    CognitoClientCredentials("auth.example.com", client_id="id", client_secret="secret")  # wrong: keyword-only
    CognitoClientCredentials(domain="auth.example.com", client_id="id")  # wrong: no secret
    CognitoClientCredentials(client_id="id", client_secret=b"secret")  # wrong: bytes
    CognitoClientCredentials(client_id="id", client_secret="secret", auth_method="basic")  # wrong: not a method
    CognitoClientCredentials(client_id="id", client_secret="secret", http_client=httpx.Client())  # wrong: no factory
    CognitoClientCredentials(client_id="id", client_secret="secret", scope="a")  # wrong: the argument is `scopes`
    CognitoClientCredentials.from_env(scope="a")  # wrong: it is `scopes`; not seen by ty
    CognitoClientCredentials.from_env(strict="yes")  # wrong: True or False
    CognitoClientCredentials.from_env(api="getClientToken")  # wrong: not an API
    RenewalPolicy(0.8)  # wrong: keyword-only
    RenewalPolicy(renew_at="0.8")  # wrong: a string
    credentials.get_token(1.0)  # wrong: keyword-only
    credentials.httpx_auth(443)  # wrong: an origin is a string
    credentials.with_scopes(["a"])  # wrong: scopes one by one
    Outage.tokens = httpx.Client()  # wrong: it gives none
    credentials.invalidate(None)  # wrong: None is no token
    len(token.expires_in)  # wrong: seconds
    httpx.Client(auth=credentials)  # wrong: the hook is credentials.httpx_auth(...)


async def awaited(credentials: CognitoClientCredentials) -> None:
    """The awaitable one is aget_token()."""
    await credentials.get_token()  # wrong: get_token() is not awaitable
