"""s2sauth's fixtures beside pytest-httpx, which answers every request of httpx; run in an environment that has it."""

import asyncio

import httpx
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, TokenUnavailable
from s2sauth.testing import StaticToken

API = "https://api.example.com"


def test_static_token_needs_no_endpoint(httpx_mock):
    """pytest-httpx answers for the API, and the hook puts its token on."""
    httpx_mock.add_response(url=f"{API}/files", match_headers={"Authorization": "Bearer anything"}, text="seen")
    with httpx.Client(auth=StaticToken("anything").httpx_auth(API)) as client:
        assert client.get(f"{API}/files").text == "seen"


@pytest.mark.httpx_mock(should_mock=lambda request: request.url.host == "api.example.com")
def test_the_api_is_mocked_and_the_token_endpoint_is_the_fake(httpx_mock, s2sauth_mock):
    """should_mock leaves the token requests to s2sauth_mock, blocking and awaiting."""
    httpx_mock.add_response(url=f"{API}/files", is_reusable=True)
    credentials = CognitoClientCredentials.from_env()

    async def ask():
        async with httpx.AsyncClient(auth=credentials.httpx_auth(API)) as client:
            return await client.get(f"{API}/files")

    with httpx.Client(auth=credentials.httpx_auth(API)) as client:
        answers = [client.get(f"{API}/files"), asyncio.run(ask())]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {sent.headers["Authorization"] for sent in httpx_mock.get_requests()} == {
        credentials.get_token().authorization
    }
    assert s2sauth_mock.counts()["token_requests"] == 1


def test_a_token_endpoint_that_it_answers_for_is_not_blocked(httpx_mock):
    """No connection is opened, so there is nothing to keep in."""
    answer = {"access_token": "anything", "expires_in": 3600, "token_type": "Bearer"}
    httpx_mock.add_response(url="https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token", json=answer)
    assert _real().get_token().access_token == "anything"


@pytest.mark.httpx_mock(assert_all_requests_were_expected=False)
def test_a_token_request_that_it_does_not_know_is_said_to_be_refused_by_it(httpx_mock):
    """And not by the network."""
    with pytest.raises(TokenUnavailable, match="mock library pytest_httpx did not let the token request through"):
        _real().get_token()


@pytest.mark.parametrize("awaits", [False, True])
def test_an_outage_that_it_mocks_is_reported_like_a_real_one(httpx_mock, awaits):
    """add_exception() raises what it was given, from a frame of pytest-httpx."""
    httpx_mock.add_exception(httpx.ConnectError("refused"), is_reusable=True)
    with pytest.raises(
        TokenUnavailable, match=r"^The token request failed, ConnectError: refused\. Check that the domain"
    ):
        asyncio.run(_real().aget_token()) if awaits else _real().get_token()


@pytest.mark.httpx_mock(should_mock=lambda request: False)
def test_a_request_that_it_lets_through_is_blocked(httpx_mock):
    """As without pytest-httpx; the run that this file is part of expects the failure."""
    with pytest.raises(ConfigurationError, match="s2sauth_mock"):
        _real().get_token()


def _real():
    return CognitoClientCredentials(
        domain="demo.auth.eu-central-1.amazoncognito.com", client_id="id", client_secret="secret"
    )
