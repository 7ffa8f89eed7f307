"""requests-oauth2client: `OAuth2ClientCredentialsAuth` on a session."""

import requests
from requests_oauth2client import OAuth2Client, OAuth2ClientCredentialsAuth

PACKAGE = "requests-oauth2client"
DUE = 10.0


class Peer:
    """The auth object on one session."""

    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        client = OAuth2Client(
            environ["COGNITO_DOMAIN"] + "/oauth2/token",
            client_id=environ["APP_CLIENT_ID"],
            client_secret=environ["APP_CLIENT_SECRET"],
        )
        self.auth = OAuth2ClientCredentialsAuth(client, scope=scopes or environ["COGNITO_SCOPES"], leeway=int(DUE))
        self.session = requests.Session()
        self.session.auth = self.auth
        self.request = requests.Request("GET", environ["FILES_SERVICE_URL"]).prepare()

    def header(self) -> str:
        return self.hook()

    def hook(self) -> str:
        return self.auth(self.request).headers["Authorization"]

    def get(self, url: str) -> int:
        return self.session.get(url, timeout=30).status_code
