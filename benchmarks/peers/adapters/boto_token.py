"""botocore: `DeferredRefreshableToken`, which asks at most once a minute, around one token request."""

import datetime as dt

import requests
from botocore.tokens import DeferredRefreshableToken, FrozenAuthToken

PACKAGE = "botocore"
DUE = None


class Peer:
    """The refreshable token, and a session that carries its header."""

    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        self.environ, self.scopes = environ, scopes or environ["COGNITO_SCOPES"]
        self.session = requests.Session()
        self.token = DeferredRefreshableToken("client_credentials", self._fetch)

    def _fetch(self) -> FrozenAuthToken:
        answer = self.session.post(
            self.environ["COGNITO_DOMAIN"] + "/oauth2/token",
            data={"grant_type": "client_credentials", "scope": self.scopes},
            auth=(self.environ["APP_CLIENT_ID"], self.environ["APP_CLIENT_SECRET"]),
            timeout=5,
        )
        answer.raise_for_status()
        data = answer.json()
        now = dt.datetime.now(dt.UTC)
        return FrozenAuthToken(data["access_token"], now + dt.timedelta(seconds=data["expires_in"]))

    def header(self) -> str:
        return "Bearer " + self.token.get_frozen_token().token

    def get(self, url: str) -> int:
        return self.session.get(url, headers={"Authorization": self.header()}, timeout=30).status_code
