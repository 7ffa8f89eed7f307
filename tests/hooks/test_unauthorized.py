"""A 401 to the very request that was sent: the token is suspected, not dropped, and replaced within its budget."""

from collections.abc import Callable

import httpx
import pytest

from s2sauth import AccessToken, CognitoClientCredentials, Event, Freshness
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.worlds import Send, World

Make = Callable[..., CognitoClientCredentials]


@pytest.fixture
def url(fake: FakeCognito) -> str:
    """A route that needs the scope which the credentials ask for."""
    return f"{fake.api_url}/files"


@pytest.fixture
def auth(credentials: CognitoClientCredentials, url: str, clock: ManualClock) -> httpx.Auth:
    """The hook, with a token in hand that is old enough to be renewed by force."""
    credentials.get_token()
    clock.advance(60)
    return credentials.httpx_auth(url)


def test_revoked_token_heals_itself(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World, events: list[Event]
) -> None:
    """One renewal, one more sending, and the caller sees 200."""
    fake.revoke()
    assert world.send(auth, url).status_code == 200
    assert fake.counts()["token_requests"] == 2
    assert [request.status for request in fake.api_requests] == [401, 200]
    assert "token_rejected" in names(events)


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


def test_fifty_rejected_requests_cost_one_renewal(auth: httpx.Auth, url: str, fake: FakeCognito, world: World) -> None:
    """All are sent again with the one replacement."""
    fake.revoke()
    responses = world.start([Send(auth, url)] * 50).values()
    assert {response.status_code for response in responses} == {200}
    assert fake.counts()["token_requests"] == 2
    assert len(fake.api_requests) <= 100


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


@pytest.mark.parametrize("status", [400, 403, 407, 429, 500, 503])
def test_no_other_status_is_a_rejected_token(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World, status: int
) -> None:
    """403 least of all: another token would have the same scopes."""
    fake.api_answer(status)
    assert world.send(auth, url).status_code == status
    assert fake.counts()["token_requests"] == 1
    assert fake.counts()["api_requests"] == 1


@pytest.mark.parametrize(
    "challenges",
    [["Basic realm=x"], ["Negotiate"], ["Basic", "Digest realm=x"], ["DPoP algs=ES256"]],
    ids=["basic", "negotiate", "two", "dpop"],
)
def test_challenge_of_other_schemes_only_is_not_sent_again(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World, challenges: list[str], events: list[Event]
) -> None:
    """No bearer token helps there."""
    fake.api_answer(401, headers=[("WWW-Authenticate", challenge) for challenge in challenges])
    assert world.send(auth, url).status_code == 401
    assert fake.counts()["token_requests"] == 1
    assert fake.counts()["api_requests"] == 1
    assert "token_rejected" not in names(events)


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


@pytest.mark.parametrize(
    "challenges",
    [[], ["Bearer"], ['Bearer error="invalid_token"'], ["Basic realm=x", "Bearer"], ["\t,,;=="], ["," * 60_000]],
    ids=["none", "bare", "invalid_token", "one-of-two", "garbage", "60 kB"],
)
def test_challenge_that_a_bearer_token_may_meet_is_sent_again(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World, challenges: list[str]
) -> None:
    """API Gateway sends none at all."""
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


def test_error_in_the_second_sending_is_the_callers(
    auth: httpx.Auth, url: str, fake: FakeCognito, world: World
) -> None:
    """Nothing is swallowed, and the next call works."""
    fake.revoke()

    def cut(response: httpx.Response) -> None:
        if response.status_code == 401:
            fake.api_answer(raw_data=b"", times=1)

    async def acut(response: httpx.Response) -> None:
        cut(response)

    hooks = {"response": [acut if world.awaits else cut]}
    with pytest.raises(httpx.RemoteProtocolError):
        world.send(auth, url, client={"event_hooks": hooks})
    assert [request.status for request in fake.api_requests] == [401, 0]
    assert world.send(auth, url).status_code == 200


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
