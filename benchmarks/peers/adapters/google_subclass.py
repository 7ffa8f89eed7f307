"""google-auth: a subclass of `Credentials` with the token request, its session, renewal in the background turned on."""

import datetime as dt
import json

from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession, Request

PACKAGE = "google-auth"
DUE = 225.0


class Cognito(Credentials):
    def __init__(self, environ: dict[str, str], scopes: str) -> None:
        super().__init__()
        self._url = environ["COGNITO_DOMAIN"] + "/oauth2/token"
        self._pair = environ["APP_CLIENT_ID"], environ["APP_CLIENT_SECRET"]
        self._form = {"grant_type": "client_credentials", "scope": scopes}

    def refresh(self, request: Request) -> None:
        answer = request(self._url, method="POST", body=self._form, auth=self._pair)
        if answer.status != 200:
            raise RefreshError(f"answered {answer.status}", retryable=answer.status >= 500)
        data, now = json.loads(answer.data), dt.datetime.now(dt.UTC).replace(tzinfo=None)
        self.token, self.expiry = data["access_token"], now + dt.timedelta(seconds=data["expires_in"])


class Peer:
    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        self.credentials = Cognito(environ, scopes or environ["COGNITO_SCOPES"])
        self.credentials.with_non_blocking_refresh()
        self.session, self.request = AuthorizedSession(self.credentials), Request()

    def header(self) -> str:
        self.credentials.before_request(self.request, "GET", "", headers := {})
        return headers["authorization"]

    def get(self, url: str) -> int:
        return self.session.get(url, timeout=30).status_code
