"""What adapters of peers on httpx share for tasks."""

import asyncio

import httpx


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
