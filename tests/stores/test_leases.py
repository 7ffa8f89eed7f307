"""Processes that share a store, and their lease."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials, CredentialsClosed, Event, Freshness, InvalidScope, RenewalPolicy
from s2sauth.stores import Found
from s2sauth.stores.sqlite import SQLiteStore
from s2sauth.testing import FakeCognito, ManualClock, MemoryStore
from tests.support.fixtures import names
from tests.support.scripts import Running
from tests.support.settled import eventually
from tests.support.shared_store import (
    LEASE,
    LEASED,
    Seal,
    WatchedStore,
    advance_to_the_next_look,
    hold_who_leaves_it_to_another,
    in_the_store,
    landed,
    planted,
    put_lease,
    seal_of,
    token_requests,
    two_with_a_token,
)
from tests.support.store_faults import Place, failures
from tests.support.worlds import GetToken, Threads, World

Make = Callable[..., CognitoClientCredentials]

DEADLINE = 4.0
"""Of processes whose lease of 1.2 s is waited for."""
SCOPES = "demo/read.file demo/write.file"
"""Those of the environment that FakeCognito makes."""

ONE = """
    import ssl, sys
    import httpx
    from s2sauth import CognitoClientCredentials, RenewalPolicy, S2SAuthError
    from s2sauth.testing import wait_for_renewals

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
    wait_for_renewals(credentials)
    print("landed", flush=True)
    sys.stdin.readline()
"""
"""One process of a fleet, which asks for a token when it is told to."""

CREW = """
    import ssl, sys, threading
    import httpx
    from s2sauth import CognitoClientCredentials
    from s2sauth.testing import wait_for_renewals

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
        wait_for_renewals(credentials)
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
def test_eight_processes_of_fifty_threads_ask_for_one_token(
    endpoint: FakeCognito, crew: list[Running], place: Place
) -> None:
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
def test_holder_killed_in_mid_request_delays_the_next_until_its_lease_ends(
    join: Make, fake: FakeCognito, events: list[Event], place: Place
) -> None:
    """By SIGKILL: the next one waits for the lease to end, asks itself, and is within its deadline.

    A second and a half, for an interpreter and its lease; so are the next two.
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
def test_late_token_of_a_holder_that_slept_replaces_no_newer_one(join: Make, fake: FakeCognito, place: Place) -> None:
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
        asking(holder, place, DEADLINE)
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
@pytest.mark.fault(191)
def test_endless_lease_stops_nobody(join: Make, fake: FakeCognito, clock: ManualClock, place: Place) -> None:
    """Its holder writes it again and again: who waits asks when six tenths of its time are over."""
    member, other = join(), join()
    lease = seal_of(member, fake).lease
    put_lease(place.store, seal_of(member, fake), 59.0)
    began = clock.boottime()
    caller = Threads().start([GetToken(member)])
    fake.gate()
    while advance_to_the_next_look(member, clock, fake):
        pass
    fake.wait_for_token_requests(1)
    assert clock.boottime() - began == pytest.approx(0.6 * RenewalPolicy().deadline)
    found = place.store.get(lease)
    assert found is not None
    assert found.value == LEASED
    fake.release()
    assert caller.values()
    landed(member)
    assert other.get_token().access_token == member.get_token().access_token
    assert fake.counts()["token_requests"] == 1


NO_LEASES: dict[str, tuple[bytes, float]] = {
    "for an hour": (LEASED, 3_600.0),
    "for a tick too long": (LEASED, 66.0),  # DynamoDB's time is certain to a second
    "another form": (b"somebody else", 60.0),
    "empty": (b"", 60.0),
    "an entry of the old or of another program": (b"x" * 40_000, 60.0),
}


@pytest.mark.fault(191)
@pytest.mark.parametrize("lies", NO_LEASES.values(), ids=NO_LEASES)
def test_lease_that_cannot_be_one_is_replaced(
    join: Make, fake: FakeCognito, place: Place, lies: tuple[bytes, float]
) -> None:
    """Cold: nobody waits for it, and it is gone with the lease of whoever replaced it."""
    member = join()
    seal = seal_of(member, fake)
    assert place.store.put(seal.lease, lies[0], replaces=None, seconds=lies[1])
    assert member.get_token()  # the clock of its pauses stands still: it would hang
    landed(member)
    assert place.store.get(seal.lease) is None
    assert fake.counts()["token_requests"] == 1
    assert join().get_token().access_token == member.get_token().access_token


@pytest.mark.fault(191)
def test_lease_of_another_type_is_replaced(join: Make, fake: FakeCognito, place: Place) -> None:
    """A number, a list: whatever the engine has beside bytes."""
    member = join()
    seal = seal_of(member, fake)
    place.engine.plant(seal.lease, 7)
    assert member.get_token()
    landed(member)
    assert place.store.get(seal.lease) is None
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(191)
@pytest.mark.parametrize("lies", NO_LEASES.values(), ids=NO_LEASES)
def test_lease_that_cannot_be_one_does_not_keep_a_token_stale(
    join: Make, fake: FakeCognito, clock: ManualClock, place: Place, lies: tuple[bytes, float]
) -> None:
    """The first who finds it renews, at once."""
    member = join()
    seal = seal_of(member, fake)
    old = member.get_token()
    landed(member)
    clock.advance(2_900)
    assert place.store.put(seal.lease, lies[0], replaces=None, seconds=lies[1])
    assert member.get_token() is old
    landed(member)
    assert member.get_token() is not old
    assert place.store.get(seal.lease) is None
    assert fake.counts()["token_requests"] == 2


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
def test_token_rejected_on_one_host_is_replaced_for_all(
    join: Make, fake: FakeCognito, clock: ManualClock, place: Place, world: World
) -> None:
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
def test_token_rejected_on_all_hosts_at_once_is_replaced_once(
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
        def get(self, key: str) -> Found | None:
            return None if key.endswith(":lease") else super().get(key)

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


class Older:
    """A process of an older version, at the store: it writes its lease at each look, and reads none."""

    def __init__(self, place: Place, seal: Seal) -> None:
        self.store = place.store
        self.seal = seal
        self.owner = b"%032x" % 0xC0FFEE

    def look(self) -> str | None:
        """The token that lies there."""
        found = self.store.get(self.seal.name)
        stored = None if found is None else self.seal.open(found.value)
        return None if stored is None else stored.issued.access_token

    def lease(self) -> bool:
        """Whether it has it now."""
        return self.store.put(self.seal.lease, self.owner, replaces=None, seconds=LEASE)

    def share(self, asked_at: float) -> None:
        """Its token, and its lease is given back."""
        value = self.seal.seal(planted("older", asked_at=asked_at))
        assert self.store.put(self.seal.name, value, replaces=None, seconds=3_600)
        self.store.delete(self.seal.lease, self.owner)


def test_older_version_takes_what_a_newer_one_brings(
    join: Make, fake: FakeCognito, clock: ManualClock, place: Place
) -> None:
    """Its writes at each look are refused while the newer one asks; then the token is there, and the lease is gone."""
    newer = join()
    older = Older(place, seal_of(newer, fake))
    fake.gate()
    caller = Threads().start([GetToken(newer)])
    fake.wait_for_token_requests(1)
    for _ in range(5):
        assert older.look() is None
        assert not older.lease()
    fake.release()
    (token,) = caller.values()
    landed(newer)
    assert older.look() == token.access_token
    assert older.lease()
    older.store.delete(older.seal.lease, older.owner)


def test_newer_version_takes_what_an_older_one_brings(
    join: Make, fake: FakeCognito, clock: ManualClock, place: Place
) -> None:
    """Its lease is respected, and its token taken."""
    newer = join()
    older = Older(place, seal_of(newer, fake))
    assert older.lease()
    caller = Threads().start([GetToken(newer)])
    for _ in range(2):
        assert advance_to_the_next_look(newer, clock, fake)
        assert not place.store.put(older.seal.lease, LEASED, replaces=None, seconds=LEASE)
    older.share(clock.wall())
    while advance_to_the_next_look(newer, clock, fake):
        pass
    (token,) = caller.values()
    assert token.access_token == "older"
    landed(newer)
    assert fake.counts()["token_requests"] == 0


class TestTheLease:
    """Who asks, and how long the others wait."""

    @pytest.fixture
    def store(self, clock: ManualClock) -> WatchedStore:
        """What the processes share."""
        return WatchedStore(clock)

    @pytest.fixture
    def join(self, make: Make, store: WatchedStore) -> Make:
        """One more process of the fleet."""
        return lambda **arguments: make(**{"store": store, **arguments})

    def test_stale_is_served_while_another_holds_it(
        self, join: Make, fake: FakeCognito, clock: ManualClock, events: list[Event]
    ) -> None:
        """Nobody waits, no thread either: the token in hand is good. What the holder brings is looked for later."""
        first, second, old = two_with_a_token(join)
        clock.advance(3000)
        fake.gate()
        first.get_token()
        fake.wait_for_token_requests(2)

        assert second.get_token().access_token == old.access_token
        landed(second)
        state = second.state()
        assert (state.freshness, state.last_error, state.next_renewal_in) == (Freshness.STALE, None, 0.75)
        assert "renewal_failed" not in names(events)

        clock.advance(0.74)
        second.get_token()
        fake.release()
        landed(first)
        assert second.get_token().access_token == old.access_token
        clock.advance(0.02)
        second.get_token()
        landed(second)
        assert token_requests(fake) == 2
        assert second.get_token().access_token == first.get_token().access_token != old.access_token

    def test_stale_is_left_to_its_holder_also_when_half_of_that_time_is_over(
        self, join: Make, fake: FakeCognito, clock: ManualClock, events: list[Event]
    ) -> None:
        """Callers have the cached token, and look again soon."""
        first, second, old = two_with_a_token(join)
        clock.advance(3_400)
        fake.gate()
        first.get_token()
        fake.wait_for_token_requests(2)

        assert second.get_token().access_token == old.access_token
        landed(second)
        assert second.get_token().access_token == old.access_token
        fake.release()
        landed(first)
        clock.advance(1)
        second.get_token()
        landed(second)
        assert token_requests(fake) == 2
        assert second.get_token().access_token == first.get_token().access_token != old.access_token
        assert "renewal_failed" not in names(events)

    @pytest.mark.fault(191)
    def test_a_lease_that_never_ends_holds_up_one_caller_for_some_seconds(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """Its owner is another at each look: STALE is left to it; who finds EXPIRED waits, and asks all the same."""
        member = join()
        old = member.get_token()
        landed(member)
        clock.advance(2_900)
        lease, looks = seal_of(member, fake).lease, 0

        def get(key: str) -> Found | None:
            nonlocal looks
            looks += 1
            return Found(b"%032x" % (looks % 2), 59.0) if key == lease else inner.get(key)

        def put(key: str, value: bytes, **options: Any) -> bool:
            return key != lease and inner.put(key, value, **options)

        inner = MemoryStore(clock=clock)
        lying: Any = SimpleNamespace(get=get, put=put, delete=inner.delete, close=inner.close)
        store.inner = lying
        while clock.boottime() < 7_000 + 3_589:
            assert member.get_token() is old
            landed(member)
            clock.advance(10)
        assert token_requests(fake) == 1

        began = clock.boottime()
        caller = Threads().start([GetToken(member)])
        while advance_to_the_next_look(member, clock, fake):
            pass
        assert caller.values() != [old]
        assert clock.boottime() - began == pytest.approx(0.6 * RenewalPolicy().deadline)
        assert token_requests(fake) == 2

    def test_who_finds_expired_while_another_renews_waits_for_it(
        self, join: Make, fake: FakeCognito, clock: ManualClock, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The flight began when the token was good, and left it to the holder; whoever joined it begins another."""
        fake.set_expires_in(20)  # STALE after 16 s, EXPIRED after 19
        leaving, leave = hold_who_leaves_it_to_another(monkeypatch)
        first, second = join(), join()
        for member in (first, second):
            world.get(member)
            landed(member)
        clock.advance(17.4)
        fake.gate()
        world.get(first)
        fake.wait_for_token_requests(2)
        world.get(second)
        assert leaving.wait(10)
        clock.advance(1.7)  # the lease lasts for 2
        waiting = world.ask(second)
        leave.set()
        fake.release()
        landed(first)
        while advance_to_the_next_look(second, clock, fake):
            pass

        (token,) = waiting.values()
        assert token.access_token == first.get_token().access_token
        assert token_requests(fake) == 2

    def test_cold_processes_wait_for_its_holder(
        self, join: Make, fake: FakeCognito, clock: ManualClock, world: World
    ) -> None:
        """They look again and again, and take what it brings."""
        first, second = join(), join()
        fake.gate()
        holder = world.ask(first)
        fake.wait_for_token_requests(1)
        others = world.ask(second, 3)
        for _ in range(3):
            assert advance_to_the_next_look(second, clock, fake)
        fake.release()
        (token,) = holder.values()
        landed(first)
        while advance_to_the_next_look(second, clock, fake):
            pass

        assert {other.access_token for other in others.values()} == {token.access_token}
        assert token_requests(fake) == 1

    @pytest.mark.parametrize(
        ("seconds", "least", "most"),
        [(LEASE, LEASE, LEASE + 1.0), (59.0, 4.8, 4.81), (3600.0, 0.0, 0.0)],
        ids=["a holder that died", "one of another policy", "one that lies"],
    )
    def test_its_holder_cannot_stop_the_others(
        self,
        join: Make,
        fake: FakeCognito,
        clock: ManualClock,
        store: WatchedStore,
        seconds: float,
        least: float,
        most: float,
    ) -> None:
        """They wait until it ends, at most six tenths of their own deadline; for one that lies, not at all."""
        member = join()
        put_lease(store, seal_of(member, fake), seconds)
        began = clock.boottime()
        caller = Threads().start([GetToken(member)])
        eventually(lambda: "put" in store.calls)
        while advance_to_the_next_look(member, clock, fake):
            pass
        caller.values()

        assert least <= clock.boottime() - began + 1e-6
        assert clock.boottime() - began <= most
        assert token_requests(fake) == 1

    def test_it_is_given_back(self, join: Make, fake: FakeCognito, store: WatchedStore) -> None:
        """At the end of the flight, whatever came of it."""
        fake.fail(400, body=b'{"error":"invalid_scope"}', times=1)
        for fails in (True, False):
            member = join()
            with pytest.raises(InvalidScope) if fails else nullcontext():
                member.get_token()
            landed(member)
            assert store.calls[-2:] == ["delete", "close"]
            assert store.inner.get(seal_of(member, fake).lease) is None

    def test_the_lease_of_another_is_not_given_back(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """A holder that was paused beyond its lease comes back and finds another's."""
        member = join()
        fake.gate()
        caller = Threads().start([GetToken(member)])
        fake.wait_for_token_requests(1)
        clock.advance(LEASE)
        put_lease(store, seal_of(member, fake), 60.0)
        fake.release()
        caller.values()
        landed(member)

        assert store.inner.get(seal_of(member, fake).lease) is not None

    def test_a_late_write_does_not_replace_a_newer_token(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """What a paused holder brings is its own; in the store stays what was asked for after it."""
        late, other = join(), join()
        fake.gate(times=1)
        caller = Threads().start([GetToken(late)])
        fake.wait_for_token_requests(1)
        clock.advance(LEASE)
        newer = other.get_token()
        landed(other)
        fake.release()
        caller.values()
        landed(late)

        assert late.get_token().access_token != newer.access_token
        assert in_the_store(other, fake, store).issued.access_token == newer.access_token
        assert join().get_token().access_token == newer.access_token
        assert token_requests(fake) == 2

    def test_who_gets_it_after_another_is_done_takes_its_token(
        self, join: Make, fake: FakeCognito, store: WatchedStore
    ) -> None:
        """Between looking and getting the lease the holder before may have brought one."""
        first, second = join(), join()

        def meanwhile() -> None:
            store.recover()
            first.get_token()
            landed(first)

        store.faults = {"put": meanwhile}
        second.get_token()

        assert second.get_token().access_token == first.get_token().access_token
        assert token_requests(fake) == 1

    def test_a_flight_that_was_closed_while_it_waited_asks_for_nothing(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """Closing ends the pause."""
        member = join()
        put_lease(store, seal_of(member, fake), 60.0)
        caller = Threads().start([GetToken(member)])
        eventually(lambda: any(s.lock is member._slot.flight.pause for s in list(clock._sleepers)))
        member.close()
        assert [type(error) for error in caller.errors()] == [CredentialsClosed]
        landed(member)

        assert token_requests(fake) == 0
