"""httpx-auth: `OAuth2ClientCredentials` as the `auth` of a client, its own client for tokens kept open."""

import httpx
from httpx_auth import OAuth2ClientCredentials

from ._tasks import PerLoop

PACKAGE = "httpx-auth"
DUE = 10.0


class Peer:
    """The auth object, shared by all clients."""

    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        self.auth = OAuth2ClientCredentials(
            environ["COGNITO_DOMAIN"] + "/oauth2/token",
            environ["APP_CLIENT_ID"],
            environ["APP_CLIENT_SECRET"],
            scope=scopes or environ["COGNITO_SCOPES"],
            early_expiry=DUE,
            timeout=5,
        )
        self.client = httpx.Client(auth=self.auth, timeout=30)
        self.tasks = PerLoop(self.auth)
        self.request = httpx.Request("GET", environ["FILES_SERVICE_URL"])

    def header(self) -> str:
        return self.hook()

    def hook(self) -> str:
        return next(self.auth.auth_flow(self.request)).headers["Authorization"]

    def get(self, url: str) -> int:
        return self.client.get(url).status_code

    async def aget(self, url: str) -> int:
        return await self.tasks.get(url)
