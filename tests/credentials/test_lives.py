"""Token lifetimes: short, long, outlived."""

import random
import threading
from collections.abc import Callable
from statistics import mean, pstdev

import pytest

from s2sauth import CognitoClientCredentials, RenewalPolicy, TokenResponseInvalid, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fleet import Process, busiest_second, callers_fly, issue
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.fault(67)
@pytest.mark.parametrize("life", [1, 5, 29, 30, 31, 59, 60, 61])
def test_short_lives_are_neither_served_past_their_end_nor_renewed_by_each_call(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, life: int
) -> None:
    """For five lives, asked fifty times in each: no token per call, none past its end, none before half of its life."""
    fake.set_expires_in(life)
    credentials = make()
    auth = credentials.httpx_auth(fake.api_url)
    born: dict[str, float] = {}
    for step in range(250):
        token = credentials.get_token()
        settled(credentials)
        now = clock.monotonic()
        assert now - born.setdefault(token.access_token, now) < life
        if step % 25 == 0:
            assert world.send(auth, f"{fake.api_url}/files").status_code == 200
        clock.advance(life / 50)
    assert len(born) <= 10
    assert fake.counts()["token_requests"] <= 10
    assert fake.counts()["api_dead"] == 0


@pytest.mark.fault(67)
@pytest.mark.parametrize("life", [1, 5, 29, 30, 31, 59, 60, 61])
def test_short_life_is_served_to_its_end_while_the_endpoint_is_down(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, life: int
) -> None:
    """The last token is served for 95 % of its life or up to 10 s before its end, and not a moment longer."""
    fake.set_expires_in(life)
    credentials = make(policy=RenewalPolicy(attempts=1))
    token = credentials.get_token()
    fake.fail(503)
    usable = life - min(10, life / 20)
    clock.advance(usable - 0.001)
    assert world.get(credentials) is token
    settled(credentials)
    clock.advance(0.002)
    with pytest.raises(TokenUnavailable):
        world.get(credentials)


@pytest.mark.fault(68)
@pytest.mark.parametrize("life", [86_400, 10**9, 10**18], ids=["a day", "30 years", "for ever"])
def test_long_lives_are_clamped_to_a_day(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, life: int
) -> None:
    """Clamped to a day, and no timer is longer than the platform's longest."""
    fake.answer_json({"access_token": "abc", "token_type": "Bearer", "expires_in": life})
    credentials = make()
    token = world.get(credentials)
    assert token.expires_in == 86_400
    assert credentials.state().next_renewal_in < 86_400
    clock.advance(85_000)
    fake.gate()
    assert world.get(credentials) is token
    assert credentials._slot.flight.limit[1] < threading.TIMEOUT_MAX
    fake.wait_for_token_requests(2)
    clock.advance(600)
    fake.release()
    settled(credentials)
    assert world.get(credentials).remaining() == 85_800
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(70)
@pytest.mark.parametrize(
    ("exp", "iat", "life"),
    [(600, 0, 600), (7200, 0, 3600), (3600, -3600, 3600), (3599, 0, 3599), (600, -6600, 600), (1, 0, 1)],
    ids=["exp first", "expires_in first", "iat is old", "a second", "a cached answer", "almost over"],
)
def test_smaller_of_two_lives_counts(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, exp: int, iat: int, life: int
) -> None:
    """`expires_in` says 3600 s; the JWT's `exp`, by the answer's own `Date`, says something else."""
    now = int(clock.wall())
    fake.set_claims({"exp": now + exp, "iat": now + iat})
    token = world.get(make())
    assert token.expires_in == life
    clock.advance(life)
    assert token.remaining() == 0


@pytest.mark.fault(71)
def test_life_counts_from_before_a_slow_answer(make: Make, fake: FakeCognito, clock: ManualClock, world: World) -> None:
    """It took 3 s of a life of 4: the token is a second from its end, and renewed before it."""
    fake.set_expires_in(4)
    fake.gate()
    credentials = make()
    callers = world.ask(credentials, 3)
    fake.wait_for_token_requests()
    clock.advance(3)
    fake.release()
    (token, *_) = callers.values()
    assert token.remaining() == 1
    clock.advance(0.9)
    assert world.get(credentials) is not token
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(71)
def test_answer_slower_than_the_life_is_no_token(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Nobody gets a token that was dead when it came; the message says how slow it was."""
    fake.set_expires_in(4)
    fake.gate()
    credentials = make()
    callers = world.ask(credentials, 3)
    fake.wait_for_token_requests()
    clock.advance(4)
    fake.release()
    assert {type(error) for error in callers.errors()} == {TokenResponseInvalid}
    assert "4.0 s after the request" in str(callers.errors()[0])


@pytest.mark.fault(73)
def test_thousand_instances_do_not_renew_together() -> None:
    """All got their token in the same instant; their renewals are spread evenly over 40 % of the window, 360 s."""
    requests: list[float] = []
    chance = random.Random(73)
    fleet = [Process(lambda _: issue(), requests, chance) for _ in range(1000)]
    with callers_fly():
        for process in fleet:
            process.get()
            requests.clear()
            process.clock.at = 2690.0
            while not requests:
                process.clock.at += 1.0
                process.get()
            process.clock.at = requests[0]
    renewed = [process.clock.at for process in fleet]
    assert 2700 <= min(renewed) < 2710
    assert 3050 < max(renewed) <= 3061
    assert abs(mean(renewed) - 2880) < 4 * 104 / 1000**0.5  # 104 = 360/√12, a uniform distribution's deviation
    assert 95 < pstdev(renewed) < 113
    assert busiest_second(renewed) < 15


@pytest.mark.fault(74)
def test_idle_process_renews_once_when_it_is_used_again(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """STALE passed unseen, then EXPIRED: whoever comes now waits for one renewal, and nobody gets the old token."""
    old = world.get(credentials)
    clock.advance(50_000)
    fake.gate()
    callers = world.ask(credentials, 20)
    fake.release()
    (new,) = set(callers.values())
    assert new is not old
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(74)
def test_idle_process_fails_in_time_while_the_endpoint_is_down(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A dead token is no way out: an error, and service with the endpoint's return."""
    credentials = make(policy=RenewalPolicy(attempts=1))
    old = world.get(credentials)
    clock.advance(50_000)
    fake.refuse()
    with pytest.raises(Exception, match="The token request failed"):
        world.get(credentials)
    fake.recover()
    clock.advance(1)
    assert world.get(credentials) is not old
