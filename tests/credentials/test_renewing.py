"""A token is renewed ahead of time: the old one is served meanwhile, and a failure costs nobody anything."""

from collections.abc import Callable
from email.utils import formatdate

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, Freshness, RenewalPolicy, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock, MemoryStore, wait_for_renewals
from tests.support.fixtures import names
from tests.support.settled import settled
from tests.support.worlds import GetToken, World

Make = Callable[..., CognitoClientCredentials]

STALE = 2880
"""The age at which a token of an hour is STALE when chance is a half: 3600 - 900·0.8."""
EXPIRED = 3590


def test_stale_token_is_served_while_one_caller_renews(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Nobody waits: fifty callers get the old token, and one token request is under way."""
    old = credentials.get_token()
    clock.advance(STALE)
    fake.gate()
    callers = world.start([GetToken(credentials)] * 50)
    assert {token.access_token for token in callers.values()} == {old.access_token}
    fake.wait_for_token_requests(2)
    fake.release()
    settled(credentials)
    assert world.get(credentials).access_token != old.access_token
    assert fake.counts()["token_requests"] == 2


@pytest.mark.parametrize(
    ("chance", "age"), [(0.0, 2700), (0.5, 2880), (0.999, 3059.64)], ids=["earliest", "middle", "latest"]
)
def test_renewal_point_is_drawn_from_the_window(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, chance: float, age: float
) -> None:
    """exp - W·U(0.6, 1.0), once per token; W is 15 minutes of an hour."""
    clock.set_random(chance)
    credentials.get_token()
    clock.advance(age - 0.01)
    credentials.get_token()
    assert credentials.state().freshness is Freshness.FRESH
    clock.advance(0.02)
    credentials.get_token()
    settled(credentials)
    assert fake.counts()["token_requests"] == 2


def test_expired_token_is_never_served(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """From the margin before its end on, callers wait for another one."""
    old = credentials.get_token()
    clock.advance(EXPIRED)
    assert world.get(credentials).access_token != old.access_token


def test_token_is_served_up_to_the_margin(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """With the endpoint down it is good until 10 s before its end."""
    old = credentials.get_token()
    fake.refuse()
    clock.advance(EXPIRED - 0.01)
    assert world.get(credentials) is old


def test_failed_renewal_while_stale_is_nobodys_failure(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, events: list[Event], world: World
) -> None:
    """One attempt, no retry, the old token for everybody; the failure is logged, counted and reported."""
    old = credentials.get_token()
    fake.fail(503)
    clock.advance(STALE)
    assert world.get(credentials) is old
    settled(credentials)
    assert world.get(credentials) is old
    assert fake.counts()["token_requests"] == 2
    assert credentials.state().last_error == "TokenUnavailable"
    assert names(events)[-2:] == ["renewal_attempt_failed", "renewal_failed"]


def test_failed_renewals_while_stale_back_off(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """5 s·2ⁿ with jitter (chance a half: three quarters), at most min(60 s, W/8): 3.75, 7.5, 15, 30, 45, 45 s."""
    credentials.get_token()
    fake.fail(503)
    clock.advance(STALE)
    for requests, pause in enumerate((3.75, 7.5, 15, 30, 45, 45), 2):
        credentials.get_token()
        settled(credentials)
        assert fake.counts()["token_requests"] == requests
        clock.advance(pause - 0.01)
        credentials.get_token()
        settled(credentials)
        assert fake.counts()["token_requests"] == requests
        clock.advance(0.01)


def test_short_lives_back_off_by_an_eighth_of_their_window(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """L = 300: W is 75 s, so the pause never exceeds 9.375 s · ¾."""
    fake.set_expires_in(300)
    credentials = make()
    credentials.get_token()
    fake.fail(503)
    clock.advance(240)
    for requests, pause in enumerate((3.75, 7.03125, 7.03125), 2):
        credentials.get_token()
        settled(credentials)
        assert fake.counts()["token_requests"] == requests
        clock.advance(pause + 0.01)


def test_retry_after_is_honoured_up_to_half_of_the_usable_life(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """710 s are left at the renewal point: Retry-After of an hour is kept for 355 s."""
    credentials.get_token()
    fake.fail(429, headers=[("Retry-After", "3600")])
    clock.advance(STALE)
    credentials.get_token()
    settled(credentials)
    clock.advance(354.9)
    credentials.get_token()
    settled(credentials)
    assert fake.counts()["token_requests"] == 2
    clock.advance(0.2)
    credentials.get_token()
    settled(credentials)
    assert fake.counts()["token_requests"] == 3


def test_refusal_while_stale_is_nobodys_failure_either(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """No error while a valid token exists."""
    old = credentials.get_token()
    fake.rotate_secret()
    clock.advance(STALE)
    world.get(credentials)
    settled(credentials)
    assert world.get(credentials) is old
    assert credentials.state().last_error == "invalid_client"


def test_recovery_needs_nobodys_help(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """The first renewal after the outage brings a token, and the failures are forgotten."""
    old = credentials.get_token()
    fake.fail(503)
    clock.advance(STALE)
    credentials.get_token()
    settled(credentials)
    fake.recover()
    clock.advance(10)
    credentials.get_token()
    settled(credentials)
    assert credentials.get_token() is not old
    assert credentials.state().last_error is None


def test_renewal_that_nobody_waits_for_may_take_half_of_what_is_left(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """710 s are left at the renewal point: the flight is given up after 355 s, not after the policy's 8 s."""
    old = credentials.get_token()
    fake.gate()
    clock.advance(STALE)
    credentials.get_token()
    fake.wait_for_token_requests(2)
    clock.advance(354)
    assert credentials.get_token() is old
    fake.release()
    settled(credentials)
    assert credentials.get_token() is not old


def test_flight_begun_while_stale_is_joined_by_who_finds_expired(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The token's life ends under the flight: callers wait for that flight, and start no other."""
    old = credentials.get_token()
    fake.gate()
    clock.advance(EXPIRED - 1)
    assert credentials.get_token() is old
    fake.wait_for_token_requests(2)
    clock.advance(1.1)
    callers = world.ask(credentials, 5)
    fake.release()
    assert {token is old for token in callers.values()} == {False}
    assert fake.counts()["token_requests"] == 2


def test_flight_begun_while_stale_goes_on_when_somebody_waits(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """It began for one attempt; the caller who finds EXPIRED gets the attempts that a waiter is owed."""
    credentials.get_token()
    clock.set_random(0.0)
    fake.fail(503, times=1)
    fake.gate()
    clock.advance(EXPIRED - 1)
    credentials.get_token()
    fake.wait_for_token_requests(2)
    clock.advance(1.1)
    callers = world.ask(credentials)
    fake.release()
    callers.values()
    assert fake.counts()["token_requests"] == 3


def test_flight_begun_while_stale_has_the_whole_deadline_when_somebody_waits(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """It began with 2 s, since nobody waited; who joins it is owed 8 s."""
    credentials.get_token()
    fake.gate()
    clock.advance(EXPIRED - 1)
    credentials.get_token()
    fake.wait_for_token_requests(2)
    clock.advance(1.1)
    callers = world.ask(credentials)
    clock.advance(7)
    assert credentials._slot.flight.left(credentials._engine.now()) == pytest.approx(1.0)
    fake.release()
    callers.values()
    assert fake.counts()["token_requests"] == 2


def test_idle_object_fetches_once_when_it_is_used_again(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Soft limit passed long ago, hard limit too: one blocking renewal."""
    world.get(credentials)
    clock.advance(100_000)
    world.get(credentials)
    assert fake.counts()["token_requests"] == 2


@pytest.mark.parametrize("life", [1, 5, 29, 30, 31, 59, 60, 61, 300, 86_400])
def test_margins_scale_with_the_life(make: Make, fake: FakeCognito, clock: ManualClock, life: int) -> None:
    """No life is so short that every call renews it, and none is served past its end."""
    fake.set_expires_in(life)
    credentials = make()
    first = credentials.get_token()
    clock.advance(life * 0.5)
    assert credentials.get_token() is first
    assert fake.counts()["token_requests"] == 1
    clock.advance(life * 0.5)
    assert credentials.get_token() is not first


@pytest.mark.fault(201)
@pytest.mark.parametrize(("life", "margin", "used"), [(300, 60.0, 15.0), (60, 10.0, 3.0)])
def test_a_margin_that_a_short_life_cuts_down_is_an_event(
    make: Make, fake: FakeCognito, events: list[Event], life: int, margin: float, used: float
) -> None:
    """With the margin that is used. The token of another process cuts it down as well."""
    fake.set_expires_in(life)
    store = MemoryStore()
    buyer, taker = (make(policy=RenewalPolicy(expiry_margin=margin), store=store) for _ in range(2))
    for credentials in (buyer, taker):
        credentials.get_token()
        wait_for_renewals(credentials)
    told = [event for event in events if event.name in ("renewed", "token_taken", "expiry_margin_cut")]
    assert [event.name for event in told] == [
        "renewed",
        "expiry_margin_cut",
        "token_taken",
        "renewed",
        "expiry_margin_cut",
    ]
    assert [event.seconds for event in told if event.name == "expiry_margin_cut"] == [used, used]


def test_a_margin_that_fits_is_no_event(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """The shortest life that Cognito issues, with the margin that a policy has by itself."""
    fake.set_expires_in(300)
    make().get_token()
    assert "expiry_margin_cut" not in names(events)


def test_a_renewal_without_a_token_says_nothing_about_a_margin(
    make: Make, fake: FakeCognito, events: list[Event]
) -> None:
    """There is none to cut."""
    fake.refuse()
    with pytest.raises(TokenUnavailable):
        make(policy=RenewalPolicy(expiry_margin=60, attempts=1)).get_token()
    assert "expiry_margin_cut" not in names(events)


@pytest.mark.fault(201)
def test_tokens_that_are_renewed_early_stay_out_of_their_last_minute(
    make: Make, fake: FakeCognito, clock: ManualClock
) -> None:
    """The documented setting for an API that refuses the last 60 s, for a service that calls often."""
    fake.set_expires_in(300)
    for chance in (0.0, 0.999):
        clock.set_random(chance)
        credentials = make(policy=RenewalPolicy(renew_at=0.6))
        for _ in range(360):
            assert credentials.get_token().remaining() > 60
            wait_for_renewals(credentials)
            clock.advance(10)


def test_lives_over_a_day_are_clamped(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """A token of 30 years is renewed daily."""
    fake.set_expires_in(10**9)
    token = make().get_token()
    assert token.expires_in == 86_400


@pytest.mark.parametrize("left", [1199, 150], ids=["a second late", "from a cache"])
def test_a_margin_that_fits_the_life_a_token_was_issued_with_is_no_event(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], left: int
) -> None:
    """A caching proxy returns a token of 20 minutes late, with the expires_in that it was issued with."""
    fake.set_expires_in(1200)
    answers: list[bytes] = []

    def from_a_cache(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=answers[0], headers={"Date": formatdate(clock.wall(), usegmt=True)})

    with httpx.Client(trust_env=False) as client:
        secret = (fake.client_id, fake.client_secret)
        url = f"{fake.domain}/oauth2/token"
        answers.append(client.post(url, data={"grant_type": "client_credentials"}, auth=secret).content)
    clock.advance(1200 - left)
    cached = make(
        policy=RenewalPolicy(expiry_margin=60.0),
        http_client=lambda: httpx.Client(transport=httpx.MockTransport(from_a_cache)),
    )
    assert cached.get_token().expires_in == pytest.approx(left, abs=1)
    assert "renewed" in names(events)
    assert "expiry_margin_cut" not in names(events)
