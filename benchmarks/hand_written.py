"""The twenty lines that people paste, once blocking and once awaiting, and what costs nothing: a constant header.

The figures put s2sauth beside them. They are as found in answers and blogs: a module-level cache with `expires_at`, and a
fresh `httpx.post` for each fetch. They read the same environment variables as `CognitoClientCredentials.from_env()`.
"""

import os
import time

import httpx

MARGIN = 60.0
"""Seconds of life that are not used. A figure with tokens of a few seconds sets it lower, or each call would fetch."""

cache = {"token": "", "expires_at": 0.0}


def get_token() -> str:
    """Blocking."""
    if time.time() >= cache["expires_at"] - MARGIN:
        response = httpx.post(
            os.environ["COGNITO_DOMAIN"] + "/oauth2/token",
            data={"grant_type": "client_credentials", "scope": os.environ["COGNITO_SCOPES"]},
            auth=(os.environ["APP_CLIENT_ID"], os.environ["APP_CLIENT_SECRET"]),
        )
        response.raise_for_status()
        answer = response.json()
        cache["token"] = answer["access_token"]
        cache["expires_at"] = time.time() + answer["expires_in"]
    return cache["token"]


async def aget_token() -> str:
    """Awaiting."""
    if time.time() >= cache["expires_at"] - MARGIN:
        async with httpx.AsyncClient() as client:
            response = await client.post(
                os.environ["COGNITO_DOMAIN"] + "/oauth2/token",
                data={"grant_type": "client_credentials", "scope": os.environ["COGNITO_SCOPES"]},
                auth=(os.environ["APP_CLIENT_ID"], os.environ["APP_CLIENT_SECRET"]),
            )
        response.raise_for_status()
        answer = response.json()
        cache["token"] = answer["access_token"]
        cache["expires_at"] = time.time() + answer["expires_in"]
    return cache["token"]


def headers() -> dict[str, str]:
    """What a call carries: `httpx.get(url, headers=headers())`."""
    return {"Authorization": f"Bearer {get_token()}"}


async def aheaders() -> dict[str, str]:
    """The same for tasks."""
    return {"Authorization": f"Bearer {await aget_token()}"}


def forget() -> None:
    """Back to the state of a fresh process."""
    cache.update(token="", expires_at=0.0)
