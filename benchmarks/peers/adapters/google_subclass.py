"""google-auth: a subclass of `Credentials` with the token request, its session, renewal in the background turned on."""

import base64
import datetime
import json
from urllib.parse import urlencode

from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession, Request

PACKAGE = "google-auth"
DUE = 225.0


class Cognito(Credentials):
    def __init__(self, environ: dict[str, str], scopes: str) -> None:
        super().__init__()
        self._url = environ["COGNITO_DOMAIN"] + "/oauth2/token"
        pair = base64.b64encode(f"{environ['APP_CLIENT_ID']}:{environ['APP_CLIENT_SECRET']}".encode()).decode()
        self._headers = {"Authorization": "Basic " + pair, "Content-Type": "application/x-www-form-urlencoded"}
        self._body = urlencode({"grant_type": "client_credentials", "scope": scopes})

    def refresh(self, request: Request) -> None:
        answer = request(self._url, method="POST", headers=self._headers, body=self._body)
        if answer.status != 200:
            raise RefreshError(f"the token endpoint answered {answer.status}", retryable=answer.status >= 500)
        data = json.loads(answer.data)
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)  # google-auth wants it naive
        self.token, self.expiry = data["access_token"], now + datetime.timedelta(seconds=data["expires_in"])


class Peer:
    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        self.credentials = Cognito(environ, scopes or environ["COGNITO_SCOPES"])
        self.credentials.with_non_blocking_refresh()
        self.session, self.request = AuthorizedSession(self.credentials), Request()

    def header(self) -> str:
        headers: dict[str, str] = {}
        self.credentials.before_request(self.request, "GET", "", headers)
        return headers["authorization"]

    def get(self, url: str) -> int:
        return self.session.get(url, timeout=30).status_code
