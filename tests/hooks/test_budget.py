"""What rejected tokens may cost: forced renewals have an interval, which doubles while the replacement is rejected."""

from collections.abc import Callable

import httpx

from s2sauth import CognitoClientCredentials, Event, RenewalPolicy
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


def requests_in(
    seconds: int, every: int, credentials: CognitoClientCredentials, url: str, fake: FakeCognito, clock: ManualClock
) -> int:
    """How many token requests a client makes that calls the API in this rhythm."""
    before = fake.counts()["token_requests"]
    auth = credentials.httpx_auth(url)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        for _ in range(seconds // every):
            client.get(url)
            settled(credentials)
            clock.advance(every)
    return fake.counts()["token_requests"] - before


def test_api_that_always_answers_401_costs_under_ten_tokens_an_hour(
    credentials: CognitoClientCredentials, url: str, fake: FakeCognito, clock: ManualClock
) -> None:
    """At 30, 90, 210, 450, 930, 1890 s: the interval doubles from a minute up to three quarters of the life."""
    fake.api_answer(401)
    assert requests_in(3600, 10, credentials, url, fake, clock) == 7


def test_young_token_is_not_renewed_by_force(
    credentials: CognitoClientCredentials,
    url: str,
    fake: FakeCognito,
    clock: ManualClock,
    events: list[Event],
    world: World,
) -> None:
    """Not before half a minute of an hour: what has just been issued is not what is wrong."""
    credentials.get_token()
    fake.api_answer(401)
    auth = credentials.httpx_auth(url)
    clock.advance(29.9)
    assert world.send(auth, url).status_code == 401
    assert fake.counts()["token_requests"] == 1
    assert fake.counts()["api_requests"] == 1
    assert "forced_renewal_withheld" in names(events)
    clock.advance(0.2)
    world.send(auth, url)
    assert fake.counts()["token_requests"] == 2


def test_forced_renewals_are_a_minute_apart(
    credentials: CognitoClientCredentials, url: str, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The replacement works, and is revoked as well: the next one comes a minute after the first."""
    auth = credentials.httpx_auth(url)
    credentials.get_token()
    clock.advance(40)
    fake.revoke()
    assert world.send(auth, url).status_code == 200
    clock.advance(59.9)
    fake.revoke()
    assert world.send(auth, url).status_code == 401
    clock.advance(0.2)
    assert world.send(auth, url).status_code == 200
    assert fake.counts()["token_requests"] == 3


def test_interval_is_the_window_of_short_lives(make: Make, url: str, fake: FakeCognito, clock: ManualClock) -> None:
    """L = 200: W is 50 s, so 50 s lie between two; a tenth of the life is the least age."""
    fake.set_expires_in(200)
    credentials = make()
    auth = credentials.httpx_auth(url)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        client.get(url)
        fake.revoke()
        clock.advance(19.9)
        assert client.get(url).status_code == 401
        clock.advance(0.2)
        assert client.get(url).status_code == 200
        fake.revoke()
        clock.advance(49.9)
        assert client.get(url).status_code == 401
        clock.advance(0.2)
        assert client.get(url).status_code == 200


def test_policy_sets_the_interval(make: Make, url: str, fake: FakeCognito, clock: ManualClock) -> None:
    """`forced_renewal_every=10`: a token of 5 s may be replaced, the next one 10 s later."""
    credentials = make(policy=RenewalPolicy(forced_renewal_every=10))
    auth = credentials.httpx_auth(url)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        client.get(url)
        clock.advance(5)
        fake.revoke()
        assert client.get(url).status_code == 200
        clock.advance(9.9)
        fake.revoke()
        assert client.get(url).status_code == 401
        clock.advance(0.2)
        assert client.get(url).status_code == 200


def reject_twice(world: World, auth: httpx.Auth, url: str, fake: FakeCognito, clock: ManualClock) -> None:
    """The API takes neither the token nor its first two replacements: the interval is two minutes now."""
    fake.api_answer(401)
    for wait in (40, 60):
        clock.advance(wait)
        assert world.send(auth, url).status_code == 401
    fake.recover_api()
    clock.advance(120)


def test_accepted_replacement_resets_the_doubling(
    credentials: CognitoClientCredentials, url: str, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The request goes out again and is answered 200: the next forced renewal may come a minute later."""
    auth = credentials.httpx_auth(url)
    credentials.get_token()
    reject_twice(world, auth, url, fake, clock)
    for _ in range(3):
        fake.revoke()
        assert world.send(auth, url).status_code == 200
        clock.advance(60)


def test_403_counts_as_accepted(
    credentials: CognitoClientCredentials, url: str, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The API knew who called."""
    fake.set_scope_status(403)
    auth, admin = credentials.httpx_auth(url), f"{fake.api_url}/admin"
    credentials.get_token()
    reject_twice(world, auth, url, fake, clock)
    fake.revoke()
    assert world.send(auth, admin).status_code == 403
    clock.advance(60)
    fake.revoke()
    assert world.send(auth, url).status_code == 200


def test_answers_of_another_api_reset_nothing(
    credentials: CognitoClientCredentials, url: str, fake: FakeCognito, clock: ManualClock
) -> None:
    """A healthy API beside a misconfigured one does not make that one dear: 7 tokens an hour, not 61."""
    with FakeCognito() as misconfigured:
        auth = credentials.httpx_auth(url, misconfigured.api_url)
        with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
            for _ in range(180):
                assert client.get(url).status_code == 200
                assert client.get(f"{misconfigured.api_url}/files").status_code == 401
                settled(credentials)
                clock.advance(20)
    assert fake.counts()["token_requests"] <= 8


def test_interval_doubles_up_to_three_quarters_of_the_life(
    make: Make, url: str, fake: FakeCognito, clock: ManualClock
) -> None:
    """A day of 401 costs a few tokens more than the life of one asks for."""
    fake.api_answer(401)
    credentials = make()
    requests_in(3600, 300, credentials, url, fake, clock)
    per_day = requests_in(24 * 3600, 300, credentials, url, fake, clock)
    assert per_day <= 24 * 3600 / 2700 + 1


def test_other_api_loses_nothing_while_one_always_answers_401_and_cognito_is_down(
    credentials: CognitoClientCredentials, url: str, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Forgetting the token at the first 401 would take down every other API with it."""
    clock.set_random(0.0)
    auth = credentials.httpx_auth(url)
    good = credentials.get_token()
    fake.api_answer(401)
    fake.refuse()
    for _ in range(10):
        clock.advance(60)
        assert world.send(auth, url).status_code == 401
        assert world.get(credentials, timeout=0) is good


def test_scheduled_renewal_is_no_forced_one(
    credentials: CognitoClientCredentials, url: str, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A STALE token that is rejected is renewed although the budget is used up: it was due anyway."""
    auth = credentials.httpx_auth(url)
    credentials.get_token()
    fake.api_answer(401)
    waits = (40, 60, 120, 240, 480, 960)
    for wait in waits:
        clock.advance(wait)
        world.send(auth, url)
    assert fake.counts()["token_requests"] == 1 + len(waits)
    clock.advance(1900)  # the next forced one is due 1920 s after the last one
    world.send(auth, url)
    assert fake.counts()["token_requests"] == 1 + len(waits)
    fake.recover_api()
    fake.revoke()
    clock.advance(3600 * 0.8 - 1900)
    world.send(auth, url)
    settled(credentials)
    assert fake.counts()["token_requests"] == 2 + len(waits)
