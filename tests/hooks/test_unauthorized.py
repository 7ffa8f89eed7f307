"""A 401 to the very request that was sent: the token is suspected, not dropped, and replaced within its budget."""

import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from s2sauth import AccessToken, CognitoClientCredentials, Event, Freshness
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import settled
from tests.support.wires import Calls, Stream, Wire, hooks
from tests.support.worlds import Send, World

Make = Callable[..., CognitoClientCredentials]
IN_TIME = 10.0
"""Seconds: more than a puzzle would take on a busy machine."""


def test_second_sending_is_byte_for_byte_the_first(auth: httpx.Auth, url: str, fake: FakeCognito, world: World) -> None:
    """But for the token."""
    fake.revoke()
    world.send(auth, url, "POST", json={"a": 1}, headers={"X-Own": "1", "Cookie": "c=d"})
    first, second = fake.api_requests
    assert first.body == second.body == b'{"a":1}'
    assert first.path == second.path

    def others(headers: object) -> list[object]:
        return [pair for pair in headers if pair[0].lower() != "authorization"]  # type: ignore[attr-defined]  # a tuple of pairs

    assert others(first.headers) == others(second.headers)
    assert first.header("authorization") != second.header("authorization")


def test_connection_is_used_again_for_the_second_sending(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """The 401 was read to its end."""
    fake.revoke()
    world.send(auth, url)
    assert fake.counts()["api_connections"] == 1


def test_token_that_is_no_longer_the_cached_one_is_replaced_free_of_charge(
    credentials: CognitoClientCredentials, url: str, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Somebody renewed it meanwhile: the request goes out again with the cached token, whatever the budget says."""
    auth = credentials.httpx_auth(url)
    old = credentials.get_token()
    clock.advance(60)
    stubborn = _Stubborn(credentials, old)
    fake.revoke()
    assert world.send(auth, url).status_code == 200
    assert fake.counts()["token_requests"] == 2
    # The budget is used up now, and the new token is too young.
    late = type(auth)(stubborn, auth._origins, monotonic=clock.monotonic, report=lambda name: None)
    assert world.send(late, url).status_code == 200
    assert fake.counts()["token_requests"] == 2
    assert [request.status for request in fake.api_requests] == [401, 200, 401, 200]


class _Stubborn:
    """Hands out an old token first, as a caller that has held it for a while."""

    def __init__(self, credentials: CognitoClientCredentials, token: AccessToken) -> None:
        self._credentials = credentials
        self._token = token

    def get_token(self, *, timeout: float | None = None, rejected: AccessToken | None = None) -> AccessToken:
        return self._credentials.get_token(rejected=rejected) if rejected else self._token

    async def aget_token(self, *, timeout: float | None = None, rejected: AccessToken | None = None) -> AccessToken:  # noqa: ASYNC109  # as the real one
        return await self._credentials.aget_token(rejected=rejected) if rejected else self._token

    def invalidate(self, token: AccessToken | str, /) -> None:
        raise NotImplementedError


def test_others_are_served_the_old_token_until_the_replacement_is_there(
    credentials: CognitoClientCredentials, auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """One API's 401 holds up nobody who calls another one."""
    old = credentials.get_token()
    fake.revoke()
    fake.gate()
    rejected = world.start([Send(auth, url)])
    fake.wait_for_token_requests(2)
    assert world.get(credentials) is old
    fake.release()
    assert rejected.values()[0].status_code == 200
    assert world.get(credentials) is not old


def test_failed_forced_flight_returns_the_401_and_leaves_the_slot_as_it_was(
    credentials: CognitoClientCredentials,
    auth: httpx.Auth,
    url: str,
    fake: FakeCognito,
    clock: ManualClock,
    world: World,
) -> None:
    """The caller sees the API's own answer; everybody else keeps the old token."""
    old = credentials.get_token()
    clock.set_random(0.0)
    fake.revoke()
    fake.fail(503)
    response = world.send(auth, url)
    assert response.status_code == 401
    assert response.json() == {"message": "Unauthorized"}
    assert world.get(credentials) is old
    assert credentials.state().freshness is Freshness.FRESH


def test_refused_forced_flight_returns_the_401_too(
    credentials: CognitoClientCredentials, auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """A deleted app client is the operator's problem, not an exception in the middle of a call that was answered."""
    fake.revoke()
    fake.rotate_secret()
    assert world.send(auth, url).status_code == 401
    assert credentials.state().last_error == "invalid_client"


def test_new_token_equal_to_the_old_is_not_sent_again(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World, credentials: CognitoClientCredentials
) -> None:
    """A caching proxy in front of the token endpoint repeats itself: the 401 is returned."""
    fake.answer_json({"access_token": credentials.get_token().access_token, "token_type": "Bearer", "expires_in": 3600})
    fake.revoke()
    assert world.send(auth, url).status_code == 401
    assert fake.counts()["api_requests"] == 1


@pytest.mark.fault(185)
@pytest.mark.parametrize(
    "challenges",
    [
        ['Bearer error="insufficient_scope", scope="demo/write.file"'],
        ['bearer scope="" ERROR="Insufficient_Scope"'],
        ["Basic realm=x", "Bearer error=insufficient_scope"],
    ],
    ids=["insufficient_scope", "API Gateway's blanks, another case", "beside basic"],
)
def test_insufficient_scope_costs_no_token_and_no_second_sending(
    auth: httpx.Auth,
    url: str,
    fake: FakeCognito,
    world: World,
    challenges: list[str],
    events: list[Event],
    credentials: CognitoClientCredentials,
    clock: ManualClock,
) -> None:
    """RFC 6750 3.1: a token of the same scopes cannot help, however often it is tried; the token is not suspected."""
    token = credentials.get_token()
    fake.api_answer(401, headers=[("WWW-Authenticate", challenge) for challenge in challenges])
    for _ in range(3):
        response = world.send(auth, url)
        assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
        clock.advance(120)
    assert fake.counts()["token_requests"] == 1
    assert fake.counts()["api_requests"] == 3
    assert world.get(credentials) is token
    assert not {"token_rejected", "token_suspected"} & {*names(events)}


@pytest.mark.fault(185)
def test_insufficient_scope_beside_another_bearer_challenge_is_sent_again(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """That one may be met by another token."""
    challenges = ['Bearer error="insufficient_scope"', 'Bearer error="invalid_token"']
    fake.api_answer(401, headers=[("WWW-Authenticate", challenge) for challenge in challenges], times=1)
    assert world.send(auth, url).status_code == 200
    assert fake.counts()["token_requests"] == 2


def test_request_goes_out_at_most_twice(auth: httpx.Auth, url: str, fake: FakeCognito, world: World) -> None:
    """An API that always says 401 sees one request two times, and the caller the second answer."""
    fake.api_answer(401)
    response = world.send(auth, url)
    assert response.status_code == 401
    assert fake.counts()["api_requests"] == 2
    assert fake.counts()["token_requests"] == 2


def test_401_is_returned_when_the_credentials_are_closed_meanwhile(
    credentials: CognitoClientCredentials, auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """The API has answered: that is what the caller gets, not our exception."""
    fake.revoke()
    fake.gate()
    rejected = world.start([Send(auth, url)])
    fake.wait_for_token_requests(2)
    credentials.close()
    assert rejected.values()[0].status_code == 401
    assert fake.counts()["api_requests"] == 1


def statuses(fake: FakeCognito) -> list[int]:
    """What the API answered, in order."""
    return [request.status for request in fake.api_requests]


@pytest.mark.fault(47)
def test_revoked_token_heals_itself(
    wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, events: list[Event]
) -> None:
    """One token request, one more sending, byte for byte the same; the caller sees 200."""
    fake.revoke()
    response = wire.send(world, wired, method="POST", json={"a": 1})
    assert response.status_code == 200
    assert response.http_version == wire.name
    assert statuses(fake) == [401, 200]
    assert [request.body for request in fake.api_requests] == [b'{"a":1}'] * 2
    assert fake.counts()["token_requests"] == 2
    assert "token_rejected" in names(events)


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
def test_request_with_a_token_that_was_renewed_meanwhile_is_sent_again_free_of_charge(
    credentials: CognitoClientCredentials, wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire
) -> None:
    """While the request was on its way: it goes out again with the cached token, without a token request of its own."""
    old = credentials.get_token()

    def renew(_: httpx.Request) -> None:
        if fake.counts()["token_requests"] == 1:
            credentials.invalidate(old)
            credentials.get_token()
            fake.revoke(old.access_token)

    assert wire.send(world, wired, client=hooks(world, request=renew)).status_code == 200
    assert statuses(fake) == [401, 200]
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(50)
def test_fifty_rejected_requests_cost_one_renewal(
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
def test_401_while_the_token_endpoint_is_down_is_the_callers(
    credentials: CognitoClientCredentials,
    wired: httpx.Auth,
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
    response = wire.send(world, wired)
    assert (response.status_code, response.json()) == (401, {"message": "own words"})
    assert {"token_rejected", "renewal_failed"} <= set(names(events))
    assert world.get(credentials) is old
    assert credentials.state().freshness is Freshness.FRESH
    assert wire.send(world, wired).status_code == 200


def cut_after_a_401(fake: FakeCognito) -> Callable[[httpx.Response], None]:
    """A response hook: when it has seen a 401, the API cuts the next connection, or with HTTP/2 the next stream."""

    def cut(response: httpx.Response) -> None:
        if response.status_code == 401:
            fake.api_answer(raw_data=b"", times=1)

    return cut


@pytest.mark.fault(57)
def test_error_in_the_second_sending_is_the_callers(
    wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire
) -> None:
    """Its error is the caller's; the client's one connection is free again, and the next call works."""
    fake.revoke()
    client = {**wire.client, **hooks(world, response=cut_after_a_401(fake))}
    failed, fine = world.do(Calls(wired, f"{wire.api_url}/files", client=client))
    assert isinstance(failed, httpx.RemoteProtocolError)
    assert fine.status_code == 200
    assert statuses(fake) == [401, 0, 200]


@pytest.mark.fault(58)
def test_stream_after_a_401_is_the_second_answer_unread(
    wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire
) -> None:
    """The answer to the second sending, unread."""
    fake.revoke()
    status, unread, body = world.do(Stream(wired, f"{wire.api_url}/files", client=wire.client))
    assert (status, unread) == (200, True)
    assert b"demo/read.file" in body
    assert statuses(fake) == [401, 200]


@pytest.mark.fault(58)
def test_head_with_401_is_sent_again(wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire) -> None:
    """A 401 without a body."""
    fake.revoke()
    assert wire.send(world, wired, method="HEAD").status_code == 200
    assert statuses(fake) == [401, 200]


@pytest.mark.fault(58)
def test_handshake_of_a_websocket_is_sent_again(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A websocket's handshake is a request like any other: the second one has the new token. HTTP/1.1 only."""
    credentials.get_token()
    clock.advance(60)
    fake.revoke()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    auth = credentials.httpx_auth(fake.api_url)
    assert world.send(auth, f"{fake.api_url}/files", headers=upgrade).status_code == 200
    assert [request.header("upgrade") for request in fake.api_requests] == ["websocket"] * 2


@pytest.mark.fault(59)
def test_response_hook_that_raises_harms_nobody(wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire) -> None:
    """`raise_for_status` sees the 401 first: its error is the caller's, the connection is free, the next call works."""
    fake.api_answer(401, times=1)

    def strict(response: httpx.Response) -> None:
        response.raise_for_status()

    client = {**wire.client, **hooks(world, response=strict)}
    failed, fine = world.do(Calls(wired, f"{wire.api_url}/files", client=client))
    assert isinstance(failed, httpx.HTTPStatusError)
    assert fine.status_code == 200
    assert fake.counts()["token_requests"] == 1


def passed_through(wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int) -> None:
    """The caller gets this answer, after one request and no renewal."""
    fake.api_answer(status, body=b"own words")
    response = wire.send(world, wired)
    assert (response.status_code, response.content) == (status, b"own words")
    assert fake.counts()["api_requests"] == 1
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(51)
@pytest.mark.parametrize("status", [400, 403, 407])
def test_no_other_4xx_is_a_rejected_token(
    wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int
) -> None:
    """insufficient_scope least of all: another token would have the same scopes."""
    passed_through(wired, fake, world, wire, status)


@pytest.mark.fault(60)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_no_trouble_of_the_api_is_a_rejected_token(
    wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, status: int
) -> None:
    """No token mends them."""
    passed_through(wired, fake, world, wire, status)


OTHER_SCHEMES = {
    "Basic": ["Basic realm=x"],
    "Negotiate": ["Negotiate"],
    "two of them": ["Basic realm=x", "Negotiate"],
    "two in one header": ["Digest realm=x, Negotiate"],
    "DPoP": ["DPoP algs=ES256"],
}


@pytest.mark.fault(52)
@pytest.mark.parametrize("challenges", OTHER_SCHEMES.values(), ids=OTHER_SCHEMES)
def test_challenges_of_other_schemes_only_are_not_sent_again(
    wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, challenges: list[str], events: list[Event]
) -> None:
    """No bearer token helps: the caller's 401, and no renewal."""
    fake.api_answer(401, headers=[("WWW-Authenticate", challenge) for challenge in challenges])
    assert wire.send(world, wired).status_code == 401
    assert fake.counts()["api_requests"] == 1
    assert fake.counts()["token_requests"] == 1
    assert "token_rejected" not in names(events)


MAYBE_BEARER = {
    "none": [],
    "Bearer": ['Bearer error="invalid_token"'],
    "one of two": ["Basic realm=x", "Bearer"],
    "one of two in one header": ["Basic realm=x, bearer"],
    "garbage": ['\t,,;=="\\'],
    "60 kB of it": ["," * 60_000],
}


@pytest.mark.fault(52)
@pytest.mark.parametrize("challenges", MAYBE_BEARER.values(), ids=MAYBE_BEARER)
def test_challenge_that_a_bearer_token_may_meet_is_sent_again(
    wired: httpx.Auth, fake: FakeCognito, world: World, wire: Wire, challenges: list[str]
) -> None:
    """Sent again. 60 kB are no puzzle; over HTTP/2 they take a second, which hpack's Huffman code in Python needs."""
    fake.api_answer(401, headers=[("WWW-Authenticate", challenge) for challenge in challenges], times=1)
    began = time.process_time()
    assert wire.send(world, wired, timeout=60).status_code == 200
    assert time.process_time() - began < IN_TIME
    assert fake.counts()["token_requests"] == 2
