"""One module for each peer: `Peer(environ)` uses it as its documentation says, with the settings that suit this work best.

`PACKAGE` is what the user installs, `DUE` how many seconds before its end the peer renews a token (None: it cannot be
told, and the rows about renewals are left out). `Peer.get(url)` is an authorised call in the peer's own way and returns
the status, `aget` the same awaiting where there is such a thing, `header()` the least that a call costs.
"""

import asyncio

import httpx

NAMES = (
    "s2s",
    "hand_lines",
    "httpxauth",
    "authlib_client",
    "roc",
    "msal_app",
    "google_subclass",
    "powertools",
    "boto_token",
)
SHOWN = {
    "s2s": "s2sauth",
    "hand_lines": "hand-written",
    "httpxauth": "httpx-auth",
    "authlib_client": "Authlib",
    "roc": "requests-oauth2client",
    "msal_app": "msal",
    "google_subclass": "google-auth",
    "powertools": "Powertools",
    "boto_token": "botocore",
}


class PerLoop:
    """One `httpx.AsyncClient` for each event loop, as a program with several has."""

    def __init__(self, auth: httpx.Auth | None = None) -> None:
        self._auth = auth
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}

    async def get(self, url: str, headers: dict[str, str] | None = None) -> int:
        """The status of one call on the running loop's client."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = httpx.AsyncClient(auth=self._auth, limits=httpx.Limits(max_connections=20))
        return (await client.get(url, headers=headers, timeout=30)).status_code
