"""The twenty lines that people paste, once blocking and once awaiting.

The figures put s2sauth beside them. They are as found in answers and blogs: a module-level cache with `expires_at`,
and a fresh client for each fetch. They read the environment variables that `CognitoClientCredentials.from_env()` reads.
"""

import os
import time

import httpx

MARGIN = 60.0
"""Seconds of life that are not used. A figure with tokens of a few seconds sets it lower, or each call would fetch."""

token = ""
expires_at = 0.0


def get_token() -> str:
    """Blocking."""
    global token, expires_at  # noqa: PLW0603  # as pasted
    if time.time() >= expires_at - MARGIN:
        response = httpx.post(
            os.environ["COGNITO_DOMAIN"] + "/oauth2/token",
            data={"grant_type": "client_credentials", "scope": os.environ["COGNITO_SCOPES"]},
            auth=(os.environ["APP_CLIENT_ID"], os.environ["APP_CLIENT_SECRET"]),
        )
        response.raise_for_status()
        answer = response.json()
        token = answer["access_token"]
        expires_at = time.time() + answer["expires_in"]
    return token


async def aget_token() -> str:
    """Awaiting."""
    global token, expires_at  # noqa: PLW0603  # as pasted
    if time.time() >= expires_at - MARGIN:
        async with httpx.AsyncClient() as client:
            response = await client.post(
                os.environ["COGNITO_DOMAIN"] + "/oauth2/token",
                data={"grant_type": "client_credentials", "scope": os.environ["COGNITO_SCOPES"]},
                auth=(os.environ["APP_CLIENT_ID"], os.environ["APP_CLIENT_SECRET"]),
            )
        response.raise_for_status()
        answer = response.json()
        token = answer["access_token"]
        expires_at = time.time() + answer["expires_in"]
    return token


def headers() -> dict[str, str]:
    """What a call carries: `client.get(url, headers=headers())`."""
    return {"Authorization": f"Bearer {get_token()}"}


async def aheaders() -> dict[str, str]:
    """The same for tasks."""
    return {"Authorization": f"Bearer {await aget_token()}"}


def forget() -> None:
    """Back to the state of a fresh process."""
    global token, expires_at
    token, expires_at = "", 0.0
