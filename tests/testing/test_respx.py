"""Beside respx, which users mock their APIs with: the hook does its work, and the mocked API sees the token."""

import httpx
import pytest
import respx

from s2sauth import CognitoClientCredentials, TokenUnavailable
from s2sauth.testing import StaticToken


@respx.mock
def test_a_mocked_api_sees_the_token() -> None:
    """The route is called once, with the Authorization header of the hook."""
    route = respx.get("https://api.example.com/files").respond(json={"files": []})
    with httpx.Client(auth=StaticToken("anything").httpx_auth("https://api.example.com")) as client:
        answer = client.get("https://api.example.com/files")
    assert answer.json() == {"files": []}
    assert route.call_count == 1
    assert route.calls.last.request.headers["Authorization"] == "Bearer anything"


@respx.mock
def test_a_mocked_401_is_returned_as_it_is() -> None:
    """A static token has no successor, so the request goes out once."""
    route = respx.get("https://api.example.com/files").respond(401)
    with httpx.Client(auth=StaticToken().httpx_auth("https://api.example.com")) as client:
        assert client.get("https://api.example.com/files").status_code == 401
    assert route.call_count == 1


@respx.mock
def test_a_token_request_that_is_not_mocked_is_said_to_be_refused_by_respx() -> None:
    """And not by the network."""
    credentials = CognitoClientCredentials(domain="auth.example.com", client_id="abc", client_secret="s" * 40)
    with pytest.raises(TokenUnavailable, match="mock library respx did not let the token request through"):
        credentials.get_token()
