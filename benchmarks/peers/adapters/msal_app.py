"""msal: `ConfidentialClientApplication` with `oidc_authority`; Cognito's discovery document is handed to it."""

import json

import msal
import requests

PACKAGE = "msal"
DUE = 300.0


class _Http(requests.Session):
    """Answers the discovery, which is on another host in real life and no part of the comparison."""

    def get(self, url, **options):  # as requests has it
        if "openid-configuration" not in url:
            return super().get(url, **options)
        issuer = url.removesuffix("/.well-known/openid-configuration")
        where = {"issuer": issuer, "authorization_endpoint": issuer + "/authorize"}
        where["token_endpoint"] = issuer.removesuffix("/pool") + "/oauth2/token"
        answer = requests.Response()
        answer.status_code, answer._content = 200, json.dumps(where).encode()  # no other way to make one
        return answer


class Peer:
    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        who, secret, at = (environ[name] for name in ("APP_CLIENT_ID", "APP_CLIENT_SECRET", "COGNITO_DOMAIN"))
        self.app = msal.ConfidentialClientApplication(who, secret, oidc_authority=at + "/pool", http_client=_Http())
        self.scopes = (scopes or environ["COGNITO_SCOPES"]).split()
        self.session = requests.Session()

    def header(self) -> str:
        answer = self.app.acquire_token_for_client(scopes=self.scopes)
        if "access_token" not in answer:
            raise RuntimeError(f"{answer.get('error')}: {answer.get('error_description')}")
        return f"Bearer {answer['access_token']}"

    def get(self, url: str) -> int:
        return self.session.get(url, headers={"Authorization": self.header()}, timeout=30).status_code
