"""Stores that are down or hang."""

import logging
from collections.abc import Callable, Iterator

import pytest

from parts.valkey import Valkey
from s2sauth import CognitoClientCredentials, Event, RenewalPolicy
from s2sauth.stores.redis import RedisStore
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import eventually
from tests.support.shared_store import TRIES, WatchedStore, guarded, idle, landed, seal_of
from tests.support.store_faults import failures, frozen
from tests.support.worlds import GetToken, Threads, World

Make = Callable[..., CognitoClientCredentials]

DEADLINE = 2.0
"""Seconds: what a busy machine needs besides the time that a store is given."""


@pytest.fixture
def server() -> Iterator[Valkey]:
    """A server that does not survive its test."""
    with Valkey() as running:
        yield running


@pytest.mark.fault(102)
def test_one_warning_a_minute_and_it_comes_back_by_itself(
    make: Make,
    fake: FakeCognito,
    clock: ManualClock,
    events: list[Event],
    server: Valkey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Killed for six renewals of one token within 125 s, one in its longest pause; then it runs again, empty."""
    fake.set_expires_in(20)
    member = make(store=server.url)

    def renew() -> str:
        token = member.get_token()
        landed(member)
        clock.advance(25)
        return token.access_token

    server.kill()
    for _ in range(6):
        renew()
    assert failures(events) == ["ConnectionError"] * 5
    assert [event.seconds for event in events if event.name == "store_failed"] == [3.75, 7.5, 15.0, 30.0, 45.0]
    said = [record.levelno for record in caplog.records if "store_failed" in record.getMessage()]
    assert [level for level in said if level > logging.DEBUG] == [logging.WARNING] * 2

    server.restart()
    renew()
    assert "store_recovered" not in names(events)  # the last pause is not over
    token = renew()
    assert names(events).count("store_recovered") == 1
    assert fake.counts()["token_requests"] == 8
    found = RedisStore.from_url(server.url).get(seal_of(member, fake).name)
    assert found is not None
    stored = seal_of(member, fake).open(found.value)
    assert stored is not None
    assert stored.issued.access_token == token


@pytest.mark.fault(102)
def test_store_that_is_down_costs_one_look_while_it_is_left_alone(
    make: Make, fake: FakeCognito, clock: ManualClock, server: Valkey
) -> None:
    """Other scope sets of the same object do not try it before its pause is over."""
    store = WatchedStore(inner=RedisStore.from_url(server.url))
    member = make(store=store)
    server.kill()
    for number in range(5):
        view = member.with_scopes(*["demo/read.file", "demo/write.file"][: 1 + number % 2])
        view.get_token()
        landed(view)
        clock.advance(0.5)
    assert store.calls == ["get"] * TRIES


STEPS = ("before the first look", "before the lease", "before the second look", "before the write", "before the end")


@pytest.mark.fault(102)
@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_server_killed_between_two_operations(
    make: Make, fake: FakeCognito, events: list[Event], server: Valkey, world: World, step: int
) -> None:
    """Wherever in a flight: the caller gets its token, for one request."""
    store = WatchedStore(inner=RedisStore.from_url(server.url))

    def kill() -> None:
        if len(store.calls) == step + 1:
            server.kill()

    store.faults = dict.fromkeys(("get", "put", "delete"), kill)
    member = make(store=store)
    assert world.get(member)
    landed(member)
    assert fake.counts()["token_requests"] == 1
    assert failures(events) == ["ConnectionError"]


@pytest.mark.fault(102)
def test_server_killed_in_mid_operation(
    make: Make, fake: FakeCognito, events: list[Event], server: Valkey, world: World
) -> None:
    """It has the command and does not answer: the connection breaks, the next one is refused."""
    store = WatchedStore(inner=RedisStore.from_url(server.url))
    store.faults = {"put": server.pause}
    member = make(store=store)
    caller = world.start([GetToken(member)])
    eventually(lambda: "put" in store.calls)
    store.recover()
    server.kill()
    assert caller.values()
    landed(member)
    assert fake.counts()["token_requests"] == 1
    assert failures(events) == ["ConnectionError"]


@pytest.mark.fault(103)
def test_server_that_hangs_for_a_moment_is_waited_for(
    make: Make, fake: FakeCognito, events: list[Event], server: Valkey
) -> None:
    """Within its time the answer comes after all, and is taken."""
    first = make(store=server.url)
    token = first.get_token()
    landed(first)
    second = make(store=server.url)
    with frozen(server):
        caller = Threads().start([GetToken(second)])
        eventually(lambda: bool(second._engine.open_session and guarded(second)._under_way))
    (taken,) = caller.values()
    landed(second)
    assert taken.access_token == token.access_token
    assert fake.counts()["token_requests"] == 1
    assert failures(events) == []


@pytest.mark.fault(103)
@pytest.mark.parametrize("step", range(1, len(STEPS)), ids=STEPS[1:])
def test_server_that_hangs_later_in_a_flight(
    make: Make, fake: FakeCognito, events: list[Event], server: Valkey, step: int
) -> None:
    """Stopped at each step: within its deadline the caller has a token; half a second, which is what the steps get."""
    store = WatchedStore(inner=RedisStore.from_url(server.url))

    def stop() -> None:
        if len(store.calls) == step + 1:
            server.pause()

    store.faults = dict.fromkeys(("get", "put", "delete"), stop)
    member = make(store=store, policy=RenewalPolicy(deadline=DEADLINE), clock=None)
    try:
        assert member.get_token()
        landed(member)
    finally:
        server.resume()
    idle(member)
    assert fake.counts()["token_requests"] == 1
    assert failures(events) == ["StoreTimeout"]


@pytest.mark.fault(103)
def test_answer_that_comes_late_is_nobodys(make: Make, fake: FakeCognito, events: list[Event], server: Valkey) -> None:
    """The operation was given up; when its server runs again the entry is still that of whoever wrote it."""
    store = RedisStore.from_url(server.url)
    first = make(store=server.url)
    first.get_token()
    landed(first)
    member = make(store=store, policy=RenewalPolicy(deadline=DEADLINE), clock=None)
    with frozen(server):
        own = member.get_token()
        landed(member)
    idle(member)
    assert member.get_token() is own
    assert make(store=store).get_token().access_token == first.get_token().access_token != own.access_token
    assert failures(events) == ["StoreTimeout"]
    store.close()
