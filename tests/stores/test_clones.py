"""Copies of a process that shares a store, by a fork and of a snapshot of a Lambda function."""

from base64 import b64decode
from collections.abc import Callable
from contextlib import closing

import pytest

from parts.valkey import KeyValueServer
from s2sauth import CognitoClientCredentials, Event, RenewalPolicy
from s2sauth.stores.redis import RedisStore
from s2sauth.testing import FakeCognito
from tests.support.clocks import MovedClock
from tests.support.forking import in_child, in_children
from tests.support.settled import eventually
from tests.support.shared_store import landed, seal_of
from tests.support.store_faults import failures
from tests.support.worlds import GetToken, Threads

Make = Callable[..., CognitoClientCredentials]

UNHURRIED = RenewalPolicy(deadline=100, store_timeout=20)
"""A busy machine is within these limits, and within the lease, when it forks and looks into a store."""


@pytest.fixture
def clock() -> MovedClock:
    """Waits are real: a clock moved by hand does not live on in a fork."""
    return MovedClock()


@pytest.mark.fault(121)
def test_clones_connect_anew(make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer) -> None:
    """Forked with a connection open in mid-flight: a child has one of its own, and its own answers.

    A second, for which a fork waits when a token request is under way.
    """
    store = RedisStore.from_url(server.url)
    member = make(store=store, policy=UNHURRIED)
    fake.gate()
    caller = Threads().start([GetToken(member)])
    fake.wait_for_token_requests(1)
    with server.client() as client:
        before = {each["id"] for each in client.client_list()}
        assert len(before) == 2  # this one, and the store's

    def clone() -> tuple[set[str], bool]:
        found = store.get("s2sauth:1:nothing")
        with server.client() as looking:
            own = {each["id"] for each in looking.client_list() if each["cmd"] != "client|list"}
        return own - before, found is None

    ids, missed = in_child(clone)
    assert missed
    assert ids
    fake.release()
    (token,) = caller.values()
    landed(member)
    assert failures(events) == []
    assert make(store=server.url).get_token().access_token == token.access_token
    store.close()


@pytest.mark.fault(121)
def test_clone_in_mid_flight_takes_the_token_of_its_parent(
    make: Make, fake: FakeCognito, server: KeyValueServer
) -> None:
    """The parent has the lease, and its request is out: a child waits for it like any other, then takes its token.

    A second, as above.
    """
    member = make(store=server.url, policy=UNHURRIED)
    member.httpx_auth(fake.api_url)
    fake.gate(times=1)
    caller = Threads().start([GetToken(member)])
    fake.wait_for_token_requests(1)

    def clone() -> str:
        return member.get_token().access_token

    got: list[str] = []
    child = Threads().start([_InChild(clone, got)])
    with server.client() as client:
        eventually(lambda: len(client.client_list()) >= 3)
    fake.release()
    (token,) = caller.values()
    landed(member)
    child.values()
    assert got == [token.access_token]
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(121)
def test_clones_have_nonces_of_their_own(make: Make, fake: FakeCognito, server: KeyValueServer) -> None:
    """The same token encrypted by three children and their parent, from the same state: four nonces."""
    member = make(store=server.url)
    member.get_token()
    landed(member)
    seal = seal_of(member, fake)
    with closing(RedisStore.from_url(server.url)) as store:
        found = store.get(seal.name)
    assert found is not None
    stored = seal.open(found.value)
    assert stored is not None
    values = in_children(lambda: seal.seal(stored), 3)
    assert len({b64decode(value)[:12] for value in [*values, found.value]}) == 5


@pytest.mark.fault(121)
def test_clones_have_leases_of_their_own(make: Make, fake: FakeCognito, server: KeyValueServer) -> None:
    """Cold copies of one object ask all at once: one has the lease, and all get its token."""
    member = make(store=server.url, policy=UNHURRIED)
    member.httpx_auth(fake.api_url)
    fake.set_latency(0.1)

    def ask() -> str:
        token = member.get_token()
        landed(member)  # a child that is gone has written nothing
        return token.access_token

    tokens = in_children(ask, 4)
    assert len(set(tokens)) == 1
    assert fake.counts()["token_requests"] == 1


class _InChild:
    """What a forked child does."""

    def __init__(self, function: Callable[[], str], got: list[str]) -> None:
        self._function = function
        self._got = got

    def now(self) -> None:
        self._got.append(in_child(self._function))

    async def later(self) -> None:
        self.now()
