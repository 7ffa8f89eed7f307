"""Set-up mistakes, over a real socket: what the error says, that it is read in one go, and what it costs."""

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, InvalidGrant, InvalidScope, TokenRequestRefused
from s2sauth.testing import FakeCognito

WAF = b"<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"


def refused(credentials: CognitoClientCredentials) -> TokenRequestRefused:
    """The refusal, which is made once."""
    with pytest.raises(TokenRequestRefused) as caught:
        credentials.get_token()
    return caught.value


def test_app_client_made_by_terraform(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """`invalid_grant`: Terraform's setting is named, and saving it again."""
    fake.answer_json({"error": "invalid_grant"}, 400)
    error = refused(credentials)
    assert isinstance(error, InvalidGrant)
    assert "Terraform: allowed_oauth_flows_user_pool_client = true" in str(error)
    assert "save it again" in str(error)
    assert fake.counts()["token_requests"] == 1


def test_scope_that_the_app_client_does_not_have(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """`invalid_scope`: where scopes come from, and that `openid` is none of them."""
    error = refused(credentials.with_scopes("openid"))
    assert isinstance(error, InvalidScope)
    assert "openid, email and other user scopes never are" in str(error)
    assert "allow them for the app client" in str(error)
    assert fake.counts()["token_requests"] == 1


def test_waf_that_wants_a_user_agent(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """403 with HTML: the web ACL is named, the page is not repeated; s2sauth itself sends one."""
    fake.fail(403, body=WAF, headers=[("Content-Type", "text/html")])
    error = refused(credentials)
    assert error.error is None
    assert "web ACL" in str(error)
    assert "User-Agent that s2sauth sends" in str(error)
    assert "<" not in str(error)
    (request,) = fake.token_requests
    assert str(request.header("user-agent")).startswith("s2sauth/")


@pytest.mark.parametrize(
    ("status", "said"),
    [(405, "the URL is not /oauth2/token"), (404, "not a token endpoint"), (302, "Give the final https URL")],
)
def test_wrong_url(credentials: CognitoClientCredentials, fake: FakeCognito, status: int, said: str) -> None:
    """The status tells the path from the method, and a redirect is not followed."""
    fake.fail(status, headers=[("Location", fake.token_url)] if status == 302 else ())
    error = refused(credentials)
    assert said in str(error)
    assert "token_url" in str(error)
    assert fake.counts()["token_requests"] == 1


def test_authorizer_without_scopes_answers_401_to_every_access_token(fake: FakeCognito) -> None:
    """The caller gets the 401; the log names the authorizer; it costs one token more, not one for each call."""
    events: list[Event] = []
    credentials = CognitoClientCredentials.from_env(environ=fake.environ, on_event=events.append)
    fake.api_answer(401)
    with httpx.Client(base_url=fake.api_url, auth=credentials.httpx_auth(fake.api_url)) as files:
        assert {files.get("/files").status_code for _ in range(20)} == {401}
    assert fake.counts()["tokens_issued"] <= 2
    assert {"token_rejected", "forced_renewal_withheld"} <= {event.name for event in events}
