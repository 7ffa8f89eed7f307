"""Lambda functions for tests/integration: everything at module level, and a handler for each way to use it."""

import asyncio
import os
from typing import Any

import httpx
from moved_clock import HandlersClock

import s2sauth
from s2sauth import CognitoClientCredentials, RenewalPolicy

FILES = os.environ["FILES_SERVICE_URL"]

credentials = CognitoClientCredentials.from_env(
    scopes="demo/read.file",
    policy=RenewalPolicy(renew_at=float(os.environ.get("RENEW_AT", "0.75"))),
    store=os.environ.get("STORE"),
    clock=HandlersClock(),
)
auth = credentials.httpx_auth(FILES)
files = httpx.Client(base_url=FILES, auth=auth)


def plain(event: object, context: object) -> Any:
    """One call of the API."""
    return told(files.get("/files"))


def limited(event: object, context: Any) -> Any:
    """The same, within the invocation's time."""
    with s2sauth.time_limit(context):
        return plain(event, context)


def looped(event: object, context: object) -> Any:
    """The same in an event loop, and with a client, of the invocation's own."""

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(base_url=FILES, auth=auth) as client:
            return await client.get("/files")

    return told(asyncio.run(call()))


def told(response: httpx.Response) -> dict[str, Any]:
    """What the test wants to know of a call."""
    return {"status": response.status_code, "pid": os.getpid()}
