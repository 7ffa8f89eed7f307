"""Redirects: httpx follows them below the hook, and strips the header when it leaves the origin."""

import httpx
import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.worlds import World

FOLLOW = {"follow_redirects": True}


@pytest.fixture
def auth(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> httpx.Auth:
    """The hook, with a token in hand that is old enough to be renewed by force."""
    credentials.get_token()
    clock.advance(60)
    return credentials.httpx_auth(fake.api_url)


def test_redirect_within_the_origin_carries_the_token(auth: httpx.Auth, fake: FakeCognito, world: World) -> None:
    """As httpx does it for every header."""
    response = world.send(auth, f"{fake.api_url}/redirect?to=/files", client=FOLLOW)
    assert response.status_code == 200
    assert [request.path for request in fake.api_requests] == ["/redirect?to=/files", "/files"]


def test_redirect_to_another_origin_carries_none(auth: httpx.Auth, fake: FakeCognito, world: World) -> None:
    """The second server never sees the token."""
    with FakeCognito() as other:
        response = world.send(auth, f"{fake.api_url}/redirect?to={other.api_url}/files", client=FOLLOW)
        assert response.status_code == 401
        assert other.api_requests[0].header("authorization") is None


def test_401_after_a_redirect_is_not_sent_again(
    auth: httpx.Auth, fake: FakeCognito, world: World, credentials: CognitoClientCredentials
) -> None:
    """The first request has had its effect. Within the origin the token is suspected: the next call renews it."""
    token = credentials.get_token()
    fake.revoke()
    response = world.send(auth, f"{fake.api_url}/redirect?to=/files", client=FOLLOW)
    assert response.status_code == 401
    assert len(fake.api_requests) == 2
    assert fake.counts()["token_requests"] == 1
    assert world.get(credentials) is not token
    assert fake.counts()["token_requests"] == 2


@pytest.mark.parametrize("challenge", ['Bearer error="insufficient_scope"', "Basic realm=x"], ids=["scope", "scheme"])
def test_401_after_a_redirect_that_no_other_token_could_meet_is_no_suspicion(
    challenge: str, auth: httpx.Auth, fake: FakeCognito, world: World, credentials: CognitoClientCredentials
) -> None:
    """The token's scopes are too few, or no token is asked for."""
    token = credentials.get_token()

    def redirected(response: httpx.Response) -> None:
        fake.api_answer(401, headers=[("WWW-Authenticate", challenge)])

    async def aredirected(response: httpx.Response) -> None:
        redirected(response)

    hooks = {"event_hooks": {"response": [aredirected if world.awaits else redirected]}}
    response = world.send(auth, f"{fake.api_url}/redirect?to=/files", client={**FOLLOW, **hooks})
    assert response.status_code == 401
    assert len(fake.api_requests) == 2
    assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 1


def test_401_of_another_origin_says_nothing_about_the_token(
    auth: httpx.Auth, fake: FakeCognito, world: World, credentials: CognitoClientCredentials
) -> None:
    """It never saw it."""
    token = credentials.get_token()
    with FakeCognito() as other:
        response = world.send(auth, f"{fake.api_url}/redirect?to={other.api_url}/files", client=FOLLOW)
    assert response.status_code == 401
    assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 1


def test_redirect_that_is_not_followed_is_the_callers(auth: httpx.Auth, fake: FakeCognito, world: World) -> None:
    """A 302 is an answer."""
    response = world.send(auth, f"{fake.api_url}/redirect?to=/files")
    assert response.status_code == 302
    assert len(fake.api_requests) == 1


def test_next_request_to_another_origin_is_refused(auth: httpx.Auth, fake: FakeCognito) -> None:
    """`response.next_request`, sent by hand, passes the hook again, which looks at its URL."""
    from s2sauth import OriginNotAllowed

    with FakeCognito() as other, httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        response = client.get(f"{fake.api_url}/redirect?to={other.api_url}/files")
        assert response.next_request is not None
        with pytest.raises(OriginNotAllowed):
            client.send(response.next_request)
        assert other.api_requests == []
