"""An API answers 401; what becomes of request and token."""

from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, Freshness
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import settled
from tests.support.wires import Calls, Stream, Wire, hooks, wire
from tests.support.worlds import Send, World

__all__ = ["wire"]

pytestmark = pytest.mark.usefixtures("family")


@pytest.fixture
def auth(credentials: CognitoClientCredentials, wire: Wire, clock: ManualClock) -> httpx.Auth:
    """The hook, with a token in hand that is old enough to be renewed by force."""
    credentials.get_token()
    clock.advance(60)
    return credentials.httpx_auth(wire.api_url)


def statuses(fake: FakeCognito) -> list[int]:
    """What the API answered, in order."""
    return [request.status for request in fake.api_requests]


@pytest.mark.fault(47)
def test_revoked_token(auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire) -> None:
    """One token request, one more sending, byte for byte the same; the caller sees 200."""
    fake.revoke()
    response = wire.send(world, auth, method="POST", json={"a": 1})
    assert response.status_code == 200
    assert response.http_version == wire.name
    assert statuses(fake) == [401, 200]
    assert [request.body for request in fake.api_requests] == [b'{"a":1}'] * 2
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(48)
def test_thousand_requests_to_an_api_that_always_answers_401(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """In an hour: each is sent at most twice, seven tokens are bought. Takes a second: a thousand real requests."""
    fake.api_answer(401)
    auth = credentials.httpx_auth(fake.api_url)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        for number in range(1000):
            assert client.get(f"{fake.api_url}/files", headers={"X-Number": str(number)}).status_code == 401
            settled(credentials)
            clock.advance(3.6)
    sent = Counter(request.header("x-number") for request in fake.api_requests)
    assert len(sent) == 1000
    assert set(sent.values()) == {1, 2}
    assert fake.counts()["token_requests"] == 7
    assert sum(sent.values()) == 1000 + 6


@pytest.mark.fault(49)
def test_token_that_was_renewed_meanwhile(
    credentials: CognitoClientCredentials, auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire
) -> None:
    """While the request was on its way: it goes out again with the cached token, without a token request of its own."""
    old = credentials.get_token()

    def renew(_: httpx.Request) -> None:
        if fake.counts()["token_requests"] == 1:
            credentials.invalidate(old)
            credentials.get_token()
            fake.revoke(old.access_token)

    assert wire.send(world, auth, client=hooks(world, request=renew)).status_code == 200
    assert statuses(fake) == [401, 200]
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(50)
def test_fifty_requests_rejected_at_once(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """All fifty are rejected before the one renewal is answered; each is sent once more."""
    credentials.get_token()
    clock.advance(60)
    auth = credentials.httpx_auth(fake.api_url)
    fake.revoke()
    fake.gate()
    callers = world.start([Send(auth, f"{fake.api_url}/files")] * 50)
    fake.wait_for_api_requests(50)
    fake.release()
    assert {response.status_code for response in callers.values()} == {200}
    assert Counter(statuses(fake)) == {401: 50, 200: 50}
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(53)
def test_rejected_while_the_token_endpoint_is_down(
    credentials: CognitoClientCredentials,
    auth: httpx.Auth,
    fake: FakeCognito,
    clock: ManualClock,
    world: World,
    wire: Wire,
    events: list[Event],
) -> None:
    """The caller gets the API's own answer, everybody else the old token; an event says why."""
    clock.set_random(0.0)
    old = credentials.get_token()
    fake.api_answer(401, body=b'{"message":"own words"}', times=1)
    fake.refuse()
    response = wire.send(world, auth)
    assert (response.status_code, response.json()) == (401, {"message": "own words"})
    assert {"token_rejected", "renewal_failed"} <= set(names(events))
    assert world.get(credentials) is old
    assert credentials.state().freshness is Freshness.FRESH
    assert wire.send(world, auth).status_code == 200


def cut_after_a_401(fake: FakeCognito) -> Callable[[httpx.Response], None]:
    """A response hook: when it has seen a 401, the API cuts the next connection, or with HTTP/2 the next stream."""

    def cut(response: httpx.Response) -> None:
        if response.status_code == 401:
            fake.api_answer(raw_data=b"", times=1)

    return cut


@pytest.mark.fault(57)
def test_second_sending_fails(auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire) -> None:
    """Its error is the caller's; the client's one connection is free again, and the next call works."""
    fake.revoke()
    client = {**wire.client, **hooks(world, response=cut_after_a_401(fake))}
    failed, fine = world.do(Calls(auth, f"{wire.api_url}/files", client=client))
    assert isinstance(failed, httpx.RemoteProtocolError)
    assert fine.status_code == 200
    assert statuses(fake) == [401, 0, 200]


@pytest.mark.fault(58)
def test_stream(auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire) -> None:
    """The answer to the second sending, unread."""
    fake.revoke()
    status, unread, body = world.do(Stream(auth, f"{wire.api_url}/files", client=wire.client))
    assert (status, unread) == (200, True)
    assert b"demo/read.file" in body
    assert statuses(fake) == [401, 200]


@pytest.mark.fault(58)
def test_head(auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire) -> None:
    """A 401 without a body."""
    fake.revoke()
    assert wire.send(world, auth, method="HEAD").status_code == 200
    assert statuses(fake) == [401, 200]


@pytest.mark.fault(58)
def test_upgrade(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World) -> None:
    """A websocket's handshake is a request like any other: the second one has the new token. HTTP/1.1 only."""
    credentials.get_token()
    clock.advance(60)
    fake.revoke()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    auth = credentials.httpx_auth(fake.api_url)
    assert world.send(auth, f"{fake.api_url}/files", headers=upgrade).status_code == 200
    assert [request.header("upgrade") for request in fake.api_requests] == ["websocket"] * 2


@pytest.mark.fault(59)
def test_response_hook_that_raises(auth: httpx.Auth, fake: FakeCognito, world: World, wire: Wire) -> None:
    """`raise_for_status` sees the 401 first: its error is the caller's, the connection is free, the next call works."""
    fake.api_answer(401, times=1)

    def strict(response: httpx.Response) -> None:
        response.raise_for_status()

    client = {**wire.client, **hooks(world, response=strict)}
    failed, fine = world.do(Calls(auth, f"{wire.api_url}/files", client=client))
    assert isinstance(failed, httpx.HTTPStatusError)
    assert fine.status_code == 200
    assert fake.counts()["token_requests"] == 1
