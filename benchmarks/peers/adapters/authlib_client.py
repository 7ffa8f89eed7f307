"""Authlib: `OAuth2Client` and `AsyncOAuth2Client` on httpx; the caller fetches the first token, as its page says."""

import httpx
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client

PACKAGE = "Authlib"
DUE = 10.0


class Peer:
    """A client that is its own token holder; later renewals are its own affair."""

    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        options = {
            "client_id": environ["APP_CLIENT_ID"],
            "client_secret": environ["APP_CLIENT_SECRET"],
            "token_endpoint": environ["COGNITO_DOMAIN"] + "/oauth2/token",
            "grant_type": "client_credentials",
            "scope": scopes or environ["COGNITO_SCOPES"],
            "leeway": int(DUE),
        }
        self.client = OAuth2Client(**options, timeout=30)
        self.tasks = AsyncOAuth2Client(**options, timeout=30, limits=httpx.Limits(max_connections=20))

    def header(self) -> str:
        if not self.client.token:
            self.client.fetch_token()
        self.client.ensure_active_token(self.client.token)
        return "Bearer " + self.client.token["access_token"]

    def get(self, url: str) -> int:
        if not self.client.token:
            self.client.fetch_token()
        return self.client.get(url).status_code

    async def aget(self, url: str) -> int:
        if not self.tasks.token:
            await self.tasks.fetch_token()
        return (await self.tasks.get(url)).status_code
