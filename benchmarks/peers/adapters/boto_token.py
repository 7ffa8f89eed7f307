"""botocore: `DeferredRefreshableToken` around one token request.

It asks 15 minutes ahead and at most once a minute. Its clock runs FAST times as fast, so that a renewal is seconds off.
"""

import datetime as dt

import requests
from botocore.tokens import DeferredRefreshableToken, FrozenAuthToken

PACKAGE = "botocore"
FAST = 60
DUE = 15 * 60 / FAST
START = dt.datetime.now(dt.UTC)


def clock() -> dt.datetime:
    return START + (dt.datetime.now(dt.UTC) - START) * FAST


class Peer:
    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        self.environ, self.scopes = environ, scopes or environ["COGNITO_SCOPES"]
        self.session = requests.Session()
        options = {"time_fetcher": clock} if FAST > 1 else {}
        self.token = DeferredRefreshableToken("client_credentials", self._fetch, **options)

    def _fetch(self) -> FrozenAuthToken:
        form = {"grant_type": "client_credentials", "scope": self.scopes}
        who = self.environ["APP_CLIENT_ID"], self.environ["APP_CLIENT_SECRET"]
        answer = self.session.post(self.environ["COGNITO_DOMAIN"] + "/oauth2/token", data=form, auth=who, timeout=5)
        answer.raise_for_status()
        data = answer.json()
        return FrozenAuthToken(data["access_token"], clock() + dt.timedelta(seconds=data["expires_in"] * FAST))

    def header(self) -> str:
        return "Bearer " + self.token.get_frozen_token().token

    def get(self, url: str) -> int:
        return self.session.get(url, headers={"Authorization": self.header()}, timeout=30).status_code
