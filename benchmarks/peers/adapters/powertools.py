"""Powertools for AWS Lambda: `OAuth2Client` of `utilities.auth_alpha`, with its own `request()`."""

from aws_lambda_powertools.utilities.auth_alpha import OAuth2Client

PACKAGE = "aws-lambda-powertools"
DUE = 30.0


class Peer:
    """The client does both: tokens and calls."""

    def __init__(self, environ: dict[str, str], scopes: str | None = None) -> None:
        self.client = OAuth2Client(
            token_url=environ["COGNITO_DOMAIN"] + "/oauth2/token",
            client_id=environ["APP_CLIENT_ID"],
            client_secret=environ["APP_CLIENT_SECRET"],
            scopes=(scopes or environ["COGNITO_SCOPES"]).split(),
        )

    def header(self) -> str:
        return self.client.auth_headers()["Authorization"]

    def get(self, url: str) -> int:
        return self.client.request("GET", url).status
