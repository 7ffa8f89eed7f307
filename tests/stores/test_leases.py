"""Processes that share a store, and their lease."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, RenewalPolicy
from s2sauth.stores.sqlite import SQLiteStore
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.scripts import Running
from tests.support.settled import eventually
from tests.support.shared_store import LEASED, WatchedStore, advance_to_the_next_look, landed, put_lease, seal_of
from tests.support.store_faults import Place, failures
from tests.support.worlds import GetToken, Threads, World

Make = Callable[..., CognitoClientCredentials]

DEADLINE = 2.0
"""Of processes whose lease of 0.6 s is waited for."""
SCOPES = "demo/read.file demo/write.file"
"""Those of the environment that FakeCognito makes."""

ONE = """
    import ssl, sys, time
    import httpx
    from s2sauth import CognitoClientCredentials, RenewalPolicy, S2SAuthError

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    url, deadline = sys.stdin.readline().split()
    credentials = CognitoClientCredentials.from_env(
        store=url,
        policy=RenewalPolicy(deadline=float(deadline)),
        http_client=lambda: httpx.Client(verify=context, trust_env=False),
    )
    credentials.httpx_auth("http://127.0.0.1")
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        print(credentials.get_token().access_token[-20:], flush=True)
    except S2SAuthError as error:
        print(type(error).__name__, flush=True)
    flight = credentials._slot.flight
    while flight.thread is not None:
        time.sleep(0.001)  # the thread's last step, of which nobody is told
    print("landed", flush=True)
    sys.stdin.readline()
"""
"""One process of a fleet, which asks for a token when it is told to."""

CREW = """
    import ssl, sys, threading, time
    import httpx
    from s2sauth import CognitoClientCredentials

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for url in iter(sys.stdin.readline, ""):
        credentials = CognitoClientCredentials.from_env(
            store=url.strip(), http_client=lambda: httpx.Client(verify=context, trust_env=False)
        )
        credentials.httpx_auth("http://127.0.0.1")
        tokens, barrier = [], threading.Barrier(51)

        def ask():
            barrier.wait(30)
            tokens.append(credentials.get_token().access_token)

        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        print("ready", flush=True)
        sys.stdin.readline()
        barrier.wait(30)
        for thread in threads:
            thread.join()
        flight = credentials._slot.flight
        while flight.thread is not None:
            time.sleep(0.001)  # the thread's last step, of which nobody is told
        print(len(tokens), *{token[-20:] for token in tokens}, flush=True)
"""
"""A process of fifty threads that all ask at once, cold, again and again."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[FakeCognito]:
    """In a process of its own; each token takes a while, so that all who ask meet."""
    with FakeCognito.spawn(latency=0.2) as running:
        yield running


@pytest.fixture(scope="module")
def crew(endpoint: FakeCognito) -> Iterator[list[Running]]:
    """Eight processes, which take some seconds to start."""
    with ExitStack() as running:
        yield [running.enter_context(Running(CREW, endpoint.environ)) for _ in range(8)]


@pytest.mark.fault(113)
@pytest.mark.parametrize("place", ["sqlite", "valkey", "redis"], indirect=True)
def test_eight_processes_of_fifty_threads(endpoint: FakeCognito, crew: list[Running], place: Place) -> None:
    """Cold, all at once: exactly one token request, and the same token for all 400. Eight processes take seconds."""
    endpoint.clear_records()
    for process in crew:
        process.tell(place.url)
    for process in crew:
        assert process.hear() == "ready"
    for process in crew:
        process.tell()
    answers = [process.hear().split() for process in crew]
    assert [answer[0] for answer in answers] == ["50"] * 8
    assert len({token for answer in answers for token in answer[1:]}) == 1
    assert endpoint.counts()["token_requests"] == 1


@pytest.fixture
def join(make: Make, place: Place) -> Make:
    """One more process of the fleet."""
    return lambda **arguments: make(**{"store": place.joined, "scopes": SCOPES, **arguments})


def asking(process: Running, place: Place, deadline: float) -> None:
    """Let the process ask for a token."""
    process.tell(f"{place.url} {deadline}")
    assert process.hear() == "ready"
    process.tell()


@pytest.mark.fault(110)
@pytest.mark.parametrize("place", ["sqlite", "valkey"], indirect=True)
def test_holder_is_killed_in_mid_request(join: Make, fake: FakeCognito, events: list[Event], place: Place) -> None:
    """By SIGKILL: the next one waits for the lease to end, asks itself, and is within its deadline.

    A second, for an interpreter and its lease; so are the next two.
    """
    member = join(policy=RenewalPolicy(deadline=DEADLINE), clock=None)
    member.httpx_auth(fake.api_url)
    seal = seal_of(member, fake)
    fake.gate()
    with Running(ONE, fake.environ) as holder:
        asking(holder, place, DEADLINE)
        fake.wait_for_token_requests(1)
    fake.release()
    left = place.store.get(seal.lease)
    assert left is not None  # nobody has given it back
    began = time.monotonic()
    assert member.get_token()
    assert time.monotonic() - began < DEADLINE
    landed(member)
    assert fake.counts()["token_requests"] == 2
    assert failures(events) == []
    assert place.store.get(seal.lease) is None


@pytest.mark.fault(111)
@pytest.mark.parametrize("place", ["sqlite", "valkey"], indirect=True)
def test_holder_sleeps_beyond_its_lease(join: Make, fake: FakeCognito, place: Place) -> None:
    """SIGSTOP in mid-request; another asks meanwhile. SIGCONT: its late token replaces no newer one."""
    member = join(policy=RenewalPolicy(deadline=DEADLINE), clock=None)
    seal = seal_of(member, fake)
    fake.gate(times=1)
    with Running(ONE, fake.environ) as holder:
        asking(holder, place, DEADLINE)
        fake.wait_for_token_requests(1)
        holder.freeze()
        newer = member.get_token().access_token
        landed(member)
        assert fake.counts()["token_requests"] == 2
        fake.release()
        holder.thaw()
        late = holder.hear()
        assert holder.hear() == "landed"
    assert not newer.endswith(late)
    found = place.store.get(seal.name)
    assert found is not None
    stored = seal.open(found.value)
    assert stored is not None
    assert stored.issued.access_token == newer
    assert join().get_token().access_token == newer
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(112)
@pytest.mark.parametrize("place", ["sqlite", "valkey"], indirect=True)
def test_sleeper_does_not_release_the_lease_of_the_next_one(join: Make, fake: FakeCognito, place: Place) -> None:
    """It wakes up while another holds it."""
    seal = seal_of(join(), fake)
    fake.gate(times=1)
    with Running(ONE, fake.environ) as holder:
        asking(holder, place, 0.6)
        fake.wait_for_token_requests(1)
        holder.freeze()
        eventually(lambda: place.store.put(seal.lease, LEASED, replaces=None, seconds=60.0))
        fake.release()
        holder.thaw()
        holder.hear()
        assert holder.hear() == "landed"
    found = place.store.get(seal.lease)
    assert found is not None
    assert found.value == LEASED


@pytest.mark.fault(110)
def test_endless_lease_stops_nobody(join: Make, fake: FakeCognito, clock: ManualClock, place: Place) -> None:
    """Its holder lies about its time: whoever waits asks when six tenths of its own time are over."""
    policy = RenewalPolicy()
    member = join()
    put_lease(place.store, seal_of(member, fake), 1_000.0)
    began = clock.boottime()
    caller = Threads().start([GetToken(member)])
    while advance_to_the_next_look(member, clock, fake):
        pass
    assert caller.values()
    assert clock.boottime() - began <= 0.6 * policy.deadline + 0.25
    assert fake.counts()["token_requests"] == 1
    landed(member)
    assert place.store.get(seal_of(member, fake).lease) is not None


@pytest.mark.fault(112)
def test_lease_of_another_owner_stays(join: Make, fake: FakeCognito, place: Place, world: World) -> None:
    """Swapped under its holder by hand: what the holder gives back is its own, which is gone."""
    member = join()
    seal = seal_of(member, fake)
    fake.gate()
    caller = world.start([GetToken(member)])
    fake.wait_for_token_requests(1)
    place.engine.plant(seal.lease, LEASED)
    fake.release()
    assert caller.values()
    landed(member)
    found = place.store.get(seal.lease)
    assert found is not None
    assert found.value == LEASED


@pytest.mark.fault(114)
def test_rejected_on_one_host(join: Make, fake: FakeCognito, clock: ManualClock, place: Place, world: World) -> None:
    """401 for each of three in turn: one token request replaces the token for all, and a cold one gets the new one."""
    members = [join() for _ in range(3)]
    hooks = [member.httpx_auth(fake.api_url) for member in members]
    for member in members:
        world.get(member)
        landed(member)
    clock.advance(600)
    fake.revoke()
    for member, hook in zip(members, hooks, strict=True):
        assert world.send(hook, f"{fake.api_url}/files").status_code == 200
        landed(member)
    assert fake.counts()["token_requests"] == 2
    assert fake.counts()["api_401"] == 3
    assert len({member.get_token().access_token for member in members} | {world.get(join()).access_token}) == 1


@pytest.mark.fault(114)
def test_rejected_token_is_nobodys_first_one(join: Make, fake: FakeCognito, clock: ManualClock, place: Place) -> None:
    """While its replacement is under way a process that starts waits for that, instead of meeting the 401 as well."""
    first, starting = join(), join()
    rejected = first.get_token()
    landed(first)
    clock.advance(600)
    fake.gate()
    replacing = Threads().start([GetToken(first, {"rejected": rejected})])
    fake.wait_for_token_requests(2)
    caller = Threads().start([GetToken(starting)])
    assert advance_to_the_next_look(starting, clock, fake)
    fake.release()
    replacing.values()
    landed(first)
    while advance_to_the_next_look(starting, clock, fake):
        pass
    (token,) = caller.values()
    assert token.access_token == first.get_token().access_token != rejected.access_token
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(114)
def test_rejected_on_all_hosts_at_once(
    join: Make, fake: FakeCognito, clock: ManualClock, place: Place, events: list[Event]
) -> None:
    """Two meet their 401 in the same moment: one asks, the other waits for it; both requests succeed."""
    members = [join() for _ in range(2)]
    for member in members:
        member.get_token()
        landed(member)
    clock.advance(600)
    fake.gate()
    callers = [Threads().start([GetToken(member, {"rejected": member.get_token()})], clock) for member in members]
    fake.wait_for_token_requests(2)
    waiting = next(member for member in members if member._slot.token_requests < 2 and not _asks(member))
    assert advance_to_the_next_look(waiting, clock, fake)
    fake.release()
    while advance_to_the_next_look(waiting, clock, fake):
        pass
    tokens = {token.access_token for caller in callers for token in caller.values()}
    assert len(tokens) == 1
    assert fake.counts()["token_requests"] == 2


def _asks(member: CognitoClientCredentials) -> bool:
    """Whether its flight is past the store, with a request under way."""
    return member._slot.flight.sender is not None


@pytest.mark.fault("lock-replaced-while-held")
def test_lock_replaced_while_held_is_not_ours(tmp_path: Path) -> None:
    """Sixteen threads make the file at once: all have the same one from then on, and one of them has the lease."""
    path = tmp_path / "tokens.db"
    stores = [SQLiteStore(path) for _ in range(16)]
    barrier = threading.Barrier(16)

    def lease(number: int) -> tuple[bool, int]:
        barrier.wait(10)
        won = stores[number].put("lease", b"owner %d" % number, replaces=None, seconds=60)
        return won, path.stat().st_ino

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lease, range(16)))
    assert [won for won, _ in answers].count(True) == 1
    assert len({inode for _, inode in answers}) == 1
    for store in stores:
        store.put("other", os.urandom(8).hex().encode(), replaces=None, seconds=60)
        store.delete("lease", b"somebody")
        assert not store.put("lease", b"late", replaces=None, seconds=60)
    assert {path.stat().st_ino} == {inode for _, inode in answers}


@pytest.mark.fault("lock-replaced-while-held")
def test_lock_replaced_while_held_by_another_of_its_kind(join: Make, fake: FakeCognito, place: Place) -> None:
    """While somebody has the lease no write takes it, whatever the writer thinks is there."""
    seal = seal_of(join(), fake)
    put_lease(place.store, seal, 60.0)
    for replaces in (None, b"", b"owner"):
        assert not place.store.put(seal.lease, b"owner", replaces=replaces, seconds=60.0)
    place.store.delete(seal.lease, b"owner")
    found = place.store.get(seal.lease)
    assert found is not None
    assert found.value == LEASED


@pytest.mark.fault("lease-is-no-lock")
def test_lease_is_no_lock_and_nothing_depends_on_it(
    join: Make, fake: FakeCognito, place: Place, events: list[Event]
) -> None:
    """A store that gives it to everybody: two ask at once, each has a good token, and the store keeps the first one."""

    class Generous(WatchedStore):
        def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
            put = super().put(key, value, replaces=replaces, seconds=seconds)
            return put or key.endswith(":lease")

    members = [join(store=Generous(inner=place.store)) for _ in range(2)]
    fake.gate()
    callers = [Threads().start([GetToken(member)]) for member in members]
    fake.wait_for_token_requests(2)
    fake.release()
    tokens = {token.access_token for caller in callers for token in caller.values()}
    for member in members:
        landed(member)
    assert len(tokens) == 2
    with httpx.Client(base_url=fake.api_url, verify=False, trust_env=False) as client:
        for token in tokens:
            assert client.get("/files", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert join().get_token().access_token in tokens
    assert fake.counts()["token_requests"] == 2
    assert "renewal_failed" not in names(events)
    assert failures(events) == []
