"""`get_token(min_ttl=...)`: a token that lives long enough for what somebody is about to do, within a budget."""

from collections.abc import Callable
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event
from s2sauth.testing import FakeCognito, ManualClock, wait_for_renewals
from tests.support.fixtures import names
from tests.support.settled import eventually
from tests.support.shared_store import WatchedStore, landed, seal_of
from tests.support.worlds import WORLDS, GetToken, World

Make = Callable[..., CognitoClientCredentials]


def requests(fake: FakeCognito) -> int:
    """Token requests so far."""
    return fake.counts()["token_requests"]


def test_a_token_with_enough_life_is_handed_out(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The cached one."""
    token = world.get(credentials)
    clock.advance(600)

    assert world.get(credentials, min_ttl=3000) is token
    assert requests(fake) == 1


def test_one_with_less_is_replaced(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Only for who needs more: the next one is served what came."""
    old = world.get(credentials)
    clock.advance(601)
    new = world.get(credentials, min_ttl=3000)

    assert new is not old
    assert new.remaining() == 3600
    assert world.get(credentials) is new
    assert requests(fake) == 2


def test_beyond_the_budget_the_newest_one_comes_with_an_event(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """One forced renewal a minute, and none of a token younger than half of that."""
    credentials.get_token()
    clock.advance(31)
    first = credentials.get_token(min_ttl=3590)
    clock.advance(31)

    assert credentials.get_token(min_ttl=3590) is first
    (event,) = (event for event in events if event.name == "min_ttl_not_met")
    assert event.seconds == 3569
    assert requests(fake) == 2

    clock.advance(30)
    assert credentials.get_token(min_ttl=3590) is not first
    assert requests(fake) == 3


def test_the_interval_does_not_double(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Nothing is wrong with the tokens that are replaced."""
    credentials.get_token()
    for _ in range(5):
        clock.advance(61)
        credentials.get_token(min_ttl=3590)

    assert requests(fake) == 6


def test_tokens_that_never_live_so_long_are_not_bought_in_vain(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """An hour of life, two hours wanted: the event says so."""
    credentials.get_token(min_ttl=7200)
    clock.advance(600)
    credentials.get_token(min_ttl=7200)

    assert requests(fake) == 1
    assert names(events).count("min_ttl_not_met") == 2


def test_one_that_joined_a_flight_looks_again(make: Make, fake: FakeCognito, clock: ManualClock, world: World) -> None:
    """A cold process takes the shared token for all, and another one for who needs more."""
    store = WatchedStore(clock)
    first, second = make(store=store), make(store=store)
    old = world.get(first)
    landed(first)
    clock.advance(600)
    held = store.hold("get")
    waiting = world.ask(second)
    asking = world.ask(second, min_ttl=3500)
    store.recover()
    held.set()

    (shared,), (longer,) = waiting.values(), asking.values()
    assert shared.access_token == old.access_token
    assert longer.access_token != old.access_token
    assert longer.remaining() == 3600


def test_the_shared_entry_is_not_retired(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """The others go on with it, and with the new one when they renew; a cold one finds the new one."""
    store = WatchedStore(clock)
    first, second = make(store=store), make(store=store)
    old = first.get_token()
    landed(first)
    second.get_token()
    landed(second)
    clock.advance(600)
    fake.gate()
    seal = seal_of(first, fake)
    caller = WORLDS[0].start([GetToken(first, {"min_ttl": 3500})])
    fake.wait_for_token_requests(2)
    found = store.inner.get(seal.name)
    assert found is not None
    stored = seal.open(found.value)
    assert stored is not None
    assert not stored.suspected
    fake.release()
    (new,) = caller.values()
    landed(first)

    assert second.get_token().access_token == old.access_token
    assert make(store=store).get_token().access_token == new.access_token
    assert make(store=store).get_token(min_ttl=3500).access_token == new.access_token
    assert requests(fake) == 2


def test_the_shared_token_is_taken_if_it_lives_long_enough(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """Another process has just renewed it."""
    store = WatchedStore(clock)
    first, second = make(store=store), make(store=store)
    first.get_token()
    landed(first)
    second.get_token()
    landed(second)
    clock.advance(600)
    new = first.get_token(min_ttl=3500)
    landed(first)

    assert second.get_token(min_ttl=3500).access_token == new.access_token
    assert requests(fake) == 2


@pytest.mark.fault(201)
@pytest.mark.parametrize("every", [1, 7, 59, 61])
def test_min_ttl_keeps_tokens_of_five_minutes_out_of_their_last_minute(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], every: int
) -> None:
    """For an API that refuses the last 60 s: the budget of forced renewals allows it."""
    fake.set_expires_in(300)
    credentials = make()
    for _ in range(3600 // every):
        assert credentials.get_token(min_ttl=60).remaining() >= 60
        wait_for_renewals(credentials)
        clock.advance(every)
    assert requests(fake) <= 17
    assert "min_ttl_not_met" not in names(events)


def test_when_no_other_comes_the_one_in_hand_does(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """An outage takes no token away."""
    clock.set_random(0.0)
    token = credentials.get_token()
    clock.advance(600)
    fake.refuse()

    assert credentials.get_token(min_ttl=3500) is token
    assert names(events)[-1] == "min_ttl_not_met"
    eventually(lambda: credentials._slot.flight.thread is None)


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), True, "5", None])
def test_what_is_no_number_of_seconds_is_an_error(credentials: CognitoClientCredentials, wrong: Any) -> None:
    """It names the argument."""
    with pytest.raises(ConfigurationError, match="min_ttl: seconds of life"):
        credentials.get_token(min_ttl=wrong)
