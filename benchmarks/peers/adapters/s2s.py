"""s2sauth as its README says; the policy lets a token of a few seconds come due early, as the other margins here do."""

import httpx

from s2sauth import CognitoClientCredentials, RenewalPolicy

from ._tasks import PerLoop

PACKAGE = "s2sauth"
DUE = 5.0
STORE: str | None = None
RENEW_AT = 0.05


class Peer:
    """The credentials and a hook."""

    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        policy = RenewalPolicy(renew_at=RENEW_AT)
        self.credentials = CognitoClientCredentials.from_env(
            environ=environ | ({"COGNITO_SCOPES": scopes} if scopes else {}), policy=policy, store=STORE
        )
        self.auth = self.credentials.httpx_auth(environ["FILES_SERVICE_URL"])
        self.client = httpx.Client(auth=self.auth, timeout=30)
        self.tasks = PerLoop(self.auth)
        self.request = httpx.Request("GET", environ["FILES_SERVICE_URL"])

    def header(self) -> str:
        return self.credentials.auth_headers()["Authorization"]

    def hook(self) -> str:
        return next(self.auth.sync_auth_flow(self.request)).headers["Authorization"]

    def get(self, url: str) -> int:
        return self.client.get(url).status_code

    async def aget(self, url: str) -> int:
        return await self.tasks.get(url)
