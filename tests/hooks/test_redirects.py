"""Redirects: httpx follows them below the hook, and strips the header when it leaves the origin."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.wires import Wire
from tests.support.worlds import World

FOLLOW = {"follow_redirects": True}


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


@pytest.mark.fault(185)
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


def dropped(events: list[Event]) -> int:
    """How many events say that a redirect lost the token."""
    return names(events).count("redirect_dropped_token")


@pytest.mark.fault(198)
def test_401_after_a_redirect_to_another_listed_origin_is_an_event(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, events: list[Event], clock: ManualClock
) -> None:
    """httpx drops the header below the hook. Nothing is sent again, and the token is not to blame."""
    token = credentials.get_token()
    clock.advance(60)
    with FakeCognito() as other:
        hook = credentials.httpx_auth(fake.api_url, other.api_url)
        response = world.send(hook, f"{fake.api_url}/redirect?to={other.api_url}/files", client=FOLLOW)
        assert response.status_code == 401
        assert len(other.api_requests) == 1
    assert dropped(events) == 1
    assert world.get(credentials) is token
    assert not {"token_rejected", "token_suspected"} & set(names(events))


@pytest.mark.fault(198)
def test_401_after_a_redirect_away_and_back_is_an_event(
    auth: httpx.Auth, fake: FakeCognito, world: World, events: list[Event], credentials: CognitoClientCredentials
) -> None:
    """The header is lost on the way, though the last origin is the first one again: the token is not to blame."""
    token = credentials.get_token()
    with FakeCognito() as other:
        back = f"{other.api_url}/redirect?to={fake.api_url}/files"
        response = world.send(auth, f"{fake.api_url}/redirect?to={quote(back, safe='')}", client=FOLLOW)
        assert len(other.api_requests) == 1
    assert response.status_code == 401
    assert fake.api_requests[-1].header("authorization") is None
    assert dropped(events) == 1
    assert world.get(credentials) is token


def test_a_redirect_whose_end_needs_no_token_is_no_event(
    auth: httpx.Auth, fake: FakeCognito, world: World, events: list[Event]
) -> None:
    """A presigned URL, for example: only a 401 tells that a token was missing."""
    with FakeCognito() as other:
        other.api_answer(200)
        response = world.send(auth, f"{fake.api_url}/redirect?to={other.api_url}/files", client=FOLLOW)
    assert response.status_code == 200
    assert dropped(events) == 0


def test_401_after_a_redirect_within_the_origin_lost_no_token(
    auth: httpx.Auth, fake: FakeCognito, world: World, events: list[Event]
) -> None:
    """The token went along, so it is suspected, and the event that blames the redirect does not come."""
    fake.revoke()
    world.send(auth, f"{fake.api_url}/redirect?to=/files", client=FOLLOW)
    assert dropped(events) == 0
    assert "token_suspected" in names(events)


def test_401_after_a_redirect_from_http_to_https_lost_no_token(
    credentials: CognitoClientCredentials, world: World, events: list[Event]
) -> None:
    """The one change of origin on which httpx keeps the header. A mock: it takes the ports 80 and 443."""
    start = "http://api.example.com/files"

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "http":
            return httpx.Response(301, headers={"Location": "https://api.example.com/files"})
        assert request.headers["Authorization"].startswith("Bearer ")
        return httpx.Response(401)

    client = {"transport": httpx.MockTransport(answer), "follow_redirects": True}
    assert world.send(credentials.httpx_auth(start, allow_http=True), start, client=client).status_code == 401
    assert dropped(events) == 0
    assert "token_suspected" in names(events)


def test_401_after_a_redirect_with_a_header_of_the_clients_own_lost_the_token(
    auth: httpx.Auth, fake: FakeCognito, events: list[Event]
) -> None:
    """An event hook of the client puts another one there: what the API refused was not our token."""

    def add_one(request: httpx.Request) -> None:
        request.headers.setdefault("Authorization", "Basic abc")

    with (
        FakeCognito() as other,
        httpx.Client(auth=auth, verify=False, trust_env=False, event_hooks={"request": [add_one]}, **FOLLOW) as client,
    ):
        assert client.get(f"{fake.api_url}/redirect?to={other.api_url}/files").status_code == 401
        assert other.api_requests[0].header("authorization") == "Basic abc"
    assert dropped(events) == 1
    assert "token_suspected" not in names(events)


def test_a_redirect_that_the_caller_follows_takes_the_token_to_another_listed_origin(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """`response.next_request` passes the hook: the documented way to follow a redirect between listed origins."""
    with FakeCognito() as other:
        other.api_answer(200)
        hook = credentials.httpx_auth(fake.api_url, other.api_url)
        with httpx.Client(auth=hook, verify=False, trust_env=False) as client:
            response = client.get(f"{fake.api_url}/redirect?to={other.api_url}/files")
            assert response.next_request is not None
            client.send(response.next_request)
        assert other.api_requests[0].header("authorization") == credentials.get_token().authorization


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("method", "body"),
    [("GET", {}), ("POST", {"json": [1]}), ("POST", {"content": b"x"})],
    ids=["none", "json", "bytes"],
)
def test_401_to_a_redirect_that_the_caller_follows_is_sent_again_with_another_token(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    clock: ManualClock,
    method: str,
    body: dict[str, Any],
    awaits: bool,
) -> None:
    """`response.next_request` has no content of its own, but its body is in memory."""
    hook = credentials.httpx_auth(fake.api_url)
    url = f"{fake.api_url}/redirect?status=307&to=/files"

    def reject() -> None:
        clock.advance(60)
        fake.revoke()

    def follow() -> Any:
        with httpx.Client(auth=hook, trust_env=False) as client:
            response = client.request(method, url, **body)
            reject()
            return client.send(response.next_request)

    async def afollow() -> Any:
        async with httpx.AsyncClient(auth=hook, trust_env=False) as client:
            response = await client.request(method, url, **body)
            reject()
            return await client.send(response.next_request)

    assert (asyncio.run(afollow()) if awaits else follow()).status_code == 200
    rejected, accepted = fake.api_requests[-2:]
    assert rejected.body == accepted.body
    assert rejected.header("authorization") != accepted.header("authorization")


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


@pytest.mark.fault(56)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_401_after_a_redirect_within_the_origin(
    credentials: CognitoClientCredentials, wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int
) -> None:
    """An order that was taken with a redirect is not placed twice; the token is suspected."""
    old = credentials.get_token()
    fake.revoke()
    response = wire.send(
        world, wired, f"/redirect?to=/files&status={status}", "POST", client=FOLLOW, content=b"an order"
    )
    assert response.status_code == 401
    assert [request.path.partition("?")[0] for request in fake.api_requests] == ["/redirect", "/files"]
    assert fake.counts()["token_requests"] == 1
    assert world.get(credentials) is not old


@pytest.mark.fault(56)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_401_after_a_redirect_to_another_origin(
    credentials: CognitoClientCredentials, wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int
) -> None:
    """It never saw the token, so its 401 says nothing."""
    token = credentials.get_token()
    with FakeCognito() as other:
        path = f"/redirect?to={other.api_url}/files&status={status}"
        assert wire.send(world, wired, path, "POST", client=FOLLOW, content=b"an order").status_code == 401
        assert [request.header("authorization") for request in other.api_requests] == [None]
    assert len(fake.api_requests) == 1
    assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 1
