"""Beside respx, which users mock their APIs with: the hook does its work, and the mocked API sees the token."""

from typing import Any

import httpx
import pytest
import respx

from s2sauth import CognitoClientCredentials, RenewalPolicy, TokenUnavailable
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


@pytest.mark.fault(203)
@respx.mock
def test_a_token_request_that_is_not_mocked_is_said_to_be_refused_by_respx() -> None:
    """And not by the network."""
    credentials = CognitoClientCredentials(domain="auth.example.com", client_id="abc", client_secret="s" * 40)
    with pytest.raises(
        TokenUnavailable,
        match=r"^The mock library respx did not let the token request through, AllMockedAssertionError\. Mock",
    ):
        credentials.get_token()


@respx.mock
@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (httpx.ConnectError, r"^The token request failed, ConnectError.*Check that the domain is spelled right"),
        (httpx.ConnectTimeout("refused"), r"^The token request failed, ConnectTimeout.*Check the network path"),
        (httpx.ReadError("cut"), r"^The token request failed, ReadError: cut"),
        (ValueError("boo"), r"^The token request failed, ValueError\. "),
        (AssertionError("mine"), r"^The token request failed, AssertionError\. "),
    ],
    ids=["a class", "a time-out", "an error", "another error", "an assertion of the test's own"],
)
def test_an_outage_that_a_test_mocks_is_reported_like_a_real_one(effect: Any, said: str) -> None:
    """The mock let the request through, and did what it was told."""
    respx.post("https://auth.example.com/oauth2/token").mock(side_effect=effect)
    credentials = CognitoClientCredentials(
        domain="auth.example.com", client_id="abc", client_secret="s" * 40, policy=RenewalPolicy(attempts=1)
    )
    with pytest.raises(TokenUnavailable, match=said):
        credentials.get_token()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pytest_socket", "SocketBlockedError"),
        ("pytest_socket", "SocketConnectBlockedError"),
        ("vcr.errors", "CannotOverwriteExistingRequestException"),
        ("pook.exceptions", "PookNoMatches"),
        ("mocket.exceptions", "StrictMocketException"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["itself", "as a cause"])
def test_a_refusal_is_known_by_the_class_that_each_mock_library_raises(module: str, name: str, wrapped: bool) -> None:
    """They are not installed here: the class and its module are all that counts."""
    refusal = type(name, (RuntimeError,), {"__module__": module})("no")

    def refuse(request: httpx.Request) -> httpx.Response:
        if wrapped:
            raise httpx.ConnectError("failed") from refusal
        raise refusal

    credentials = CognitoClientCredentials(
        domain="auth.example.com",
        client_id="abc",
        client_secret="s" * 40,
        policy=RenewalPolicy(attempts=1),
        http_client=lambda: httpx.Client(transport=httpx.MockTransport(refuse)),
    )
    library = module.partition(".")[0]
    with pytest.raises(TokenUnavailable, match=f"mock library {library} did not let the token request through"):
        credentials.get_token()


def test_a_refusal_of_pytest_httpx_is_known_by_its_text() -> None:
    """It raises httpx's own class, which is also what a test gives to add_exception()."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.TimeoutException("No response can be found for POST request on https://auth.example.com/")

    credentials = CognitoClientCredentials(
        domain="auth.example.com",
        client_id="abc",
        client_secret="s" * 40,
        policy=RenewalPolicy(attempts=1),
        http_client=lambda: httpx.Client(transport=httpx.MockTransport(refuse)),
    )
    with pytest.raises(TokenUnavailable, match="mock library pytest_httpx did not let the token request through"):
        credentials.get_token()
