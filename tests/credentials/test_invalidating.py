"""`invalidate(token)` and `get_token(rejected=token)`: another token, within the budget of forced renewals."""

from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials, Event, Freshness
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import settled
from tests.support.worlds import GetToken, World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.parametrize("form", [lambda token: token, lambda token: token.access_token], ids=["token", "string"])
def test_next_call_after_invalidate_waits_for_another_token(
    credentials: CognitoClientCredentials,
    clock: ManualClock,
    world: World,
    form: Callable[..., object],
    events: list[Event],
) -> None:
    """It takes an AccessToken or its string."""
    old = world.get(credentials)
    clock.advance(60)
    credentials.invalidate(form(old))  # type: ignore[arg-type]  # either of the two
    assert world.get(credentials) is not old
    assert "token_suspected" in names(events)


def test_suspected_token_is_served_to_everybody_else_meanwhile(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """One caller waits for the replacement; nobody else does."""
    old = credentials.get_token()
    clock.advance(60)
    credentials.invalidate(old)
    fake.gate()
    first = world.ask(credentials)
    fake.wait_for_token_requests(2)
    assert world.get(credentials) is old
    fake.release()
    assert first.values()[0] is not old


def test_another_token_than_the_cached_one_is_not_suspected(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """Compare-and-swap: a late complaint about an old token costs nothing."""
    old = credentials.get_token()
    clock.advance(3600)
    new = credentials.get_token()
    clock.advance(60)
    credentials.invalidate(old)
    credentials.invalidate("whatever")
    assert credentials.get_token() is new
    assert "token_suspected" not in names(events)


def test_only_the_cached_token_can_be_confirmed(credentials: CognitoClientCredentials, clock: ManualClock) -> None:
    """An answer to an earlier one says nothing about this one: the next replacement still waits twice as long."""
    old = credentials.get_token()
    clock.advance(60)
    new = credentials.get_token(rejected=old)
    credentials.confirm(old)
    clock.advance(60)
    newest = credentials.get_token(rejected=new)
    assert newest is not new
    clock.advance(119)
    assert credentials.get_token(rejected=newest) is newest
    credentials.confirm(newest)
    assert credentials.get_token(rejected=newest) is not newest


def test_invalidate_without_a_token_is_nothing(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """There is none to suspect."""
    credentials.invalidate("whatever")
    assert fake.counts()["token_requests"] == 0


def test_invalidate_twice_is_once(
    credentials: CognitoClientCredentials, clock: ManualClock, events: list[Event]
) -> None:
    """The second says nothing new."""
    token = credentials.get_token()
    clock.advance(60)
    credentials.invalidate(token)
    credentials.invalidate(token)
    assert names(events).count("token_suspected") == 1


def test_hundred_callers_after_invalidate_cost_one_request(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """One waits, the others are served."""
    credentials.invalidate(credentials.get_token())
    clock.advance(60)
    world.start([GetToken(credentials)] * 100).values()
    settled(credentials)
    assert fake.counts()["token_requests"] == 2


def test_young_token_is_not_renewed(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """It stays suspected, and is renewed when it is old enough."""
    token = world.get(credentials)
    credentials.invalidate(token)
    assert world.get(credentials) is token
    clock.advance(31)
    assert world.get(credentials) is not token


def test_rejected_token_is_replaced_for_the_caller_that_saw_it(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """`get_token(rejected=...)` for those who write a hook of their own."""
    old = world.get(credentials)
    clock.advance(60)
    assert world.get(credentials, rejected=old) is not old
    assert fake.counts()["token_requests"] == 2


def test_rejected_token_that_is_not_the_cached_one_costs_nothing(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The cached one is another already."""
    old = world.get(credentials)
    clock.advance(3600)
    new = world.get(credentials)
    assert world.get(credentials, rejected=old) is new
    assert fake.counts()["token_requests"] == 2


def test_rejected_token_beyond_the_budget_comes_back_with_an_event(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, events: list[Event]
) -> None:
    """Too young: the cached one, and the log says who asks too often."""
    token = world.get(credentials)
    assert world.get(credentials, rejected=token) is token
    assert fake.counts()["token_requests"] == 1
    assert names(events).count("forced_renewal_withheld") == 1


def test_callers_with_the_same_rejected_token_share_one_flight(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Fifty saw the 401; one renewal."""
    old = credentials.get_token()
    clock.advance(60)
    fake.gate()
    callers = world.ask(credentials, 50, rejected=old)
    fake.release()
    tokens = callers.values()
    assert {token is old for token in tokens} == {False}
    assert fake.counts()["token_requests"] == 2


def test_failed_replacement_leaves_the_old_token(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The slot stays as it was, for everybody."""
    clock.set_random(0.0)
    old = world.get(credentials)
    clock.advance(60)
    fake.fail(503)
    assert world.get(credentials, rejected=old) is old
    assert world.get(credentials) is old
    assert credentials.state().freshness is Freshness.FRESH


def test_replacement_with_too_little_time_leaves_the_old_token(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The caller's patience ends first; the replacement is there for the next one."""
    old = world.get(credentials)
    clock.advance(60)
    fake.gate()
    assert world.get(credentials, rejected=old, timeout=0) is old
    fake.release()
    settled(credentials)
    assert world.get(credentials) is not old


def test_replacement_is_waited_for_although_it_began_for_nobody(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A renewal of the STALE token is under way: whoever saw it rejected joins that one."""
    old = credentials.get_token()
    clock.advance(2880)
    fake.gate()
    credentials.get_token()
    callers = world.ask(credentials, rejected=old)
    fake.release()
    assert callers.values()[0] is not old
    assert fake.counts()["token_requests"] == 2


def test_rejected_token_that_expires_under_way_is_like_any_other(
    credentials: CognitoClientCredentials, clock: ManualClock, world: World
) -> None:
    """The forced flight failed, and the old token has ended meanwhile: the failure is raised."""
    old = world.get(credentials)
    clock.advance(3600)
    assert world.get(credentials, rejected=old) is not old
