"""Stores that are busy: they throttle, load, have no memory or no connection left, or another writer has them.

Private modules: how a pause is drawn and when a store is left alone is nobody's business, so no public way shows it.
"""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from parts.valkey import KeyValueServer
from s2sauth import CognitoClientCredentials, Event, Freshness, RenewalPolicy
from s2sauth.stores import StoreBusy
from s2sauth.stores.redis import RedisStore
from s2sauth.stores.sqlite import SQLiteStore
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import eventually
from tests.support.shared_store import (
    LEASE,
    SURE_LOOKS,
    TRIES,
    WatchedStore,
    in_the_store,
    landed,
    pause_of,
    put_lease,
    rests,
    seal_of,
    token_requests,
)
from tests.support.store_faults import failures, held, saying
from tests.support.worlds import GetToken, Threads, World

Make = Callable[..., CognitoClientCredentials]

pytestmark = pytest.mark.fault(192)

LIMIT = 0.8 * RenewalPolicy().deadline
"""Seconds for which a caller without a token waits for a busy store."""


@pytest.fixture
def store(clock: ManualClock) -> WatchedStore:
    """What the processes share."""
    return WatchedStore(clock)


@pytest.fixture
def join(make: Make, store: WatchedStore) -> Make:
    """One more process of the fleet."""
    return lambda **arguments: make(**{"store": store, **arguments})


def busy(store: WatchedStore, *methods: str, times: int | None = None) -> None:
    """Let these be busy, so many times, or until it recovers."""
    left = [times]

    def refuse() -> None:
        if left[0] is not None:
            if not left[0]:
                return
            left[0] -= 1
        raise StoreBusy

    store.faults = dict.fromkeys(methods, refuse)


def pauses(member: CognitoClientCredentials, clock: ManualClock, *, most: int = 100) -> list[float]:
    """Let so many pauses of its flight pass, or all; how long each was."""
    passed: list[float] = []
    while len(passed) < most and (pause := pause_of(member, clock)) is not None:
        passed.append(pause)
        clock.advance(pause)
    return passed


class TestAColdProcess:
    """Its caller waits, and the store with its token is worth it."""

    def test_it_asks_again_after_long_pauses(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, events: list[Event], world: World
    ) -> None:
        """Three times busy; then it has the lease, buys one token and shares it."""
        busy(store, "get", times=3)
        member = join()
        caller = world.ask(member)

        assert pauses(member, clock) == pytest.approx([0.5625] * 3)

        (token,) = caller.values()
        landed(member)
        assert store.calls == ["get", "close"] * 3 + ["get", "put", "get", "put", "delete", "close"]
        assert in_the_store(member, fake, store).issued.access_token == token.access_token
        assert token_requests(fake) == 1
        assert names(events).count("store_busy") == 3
        assert failures(events) == []

    def test_its_pauses_are_drawn(self, join: Make, clock: ManualClock, store: WatchedStore) -> None:
        """Half of each, so that a fleet does not come back in one moment."""
        drawn = []
        for chance in (0.0, 0.999):
            clock.set_random(chance)
            busy(store, "get", times=4)
            member = join(scopes="demo/read.file" if chance else "demo/write.file")
            caller = Threads().start([GetToken(member)])
            drawn.append(pauses(member, clock))
            caller.values()
            landed(member)

        assert drawn[0] == pytest.approx([0.375] * 4)
        assert drawn[1] == pytest.approx([0.75] * 4, rel=0.01)

    def test_it_takes_the_token_that_lies_there_when_the_store_recovers(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, events: list[Event], world: World
    ) -> None:
        """It costs nothing."""
        first = join()
        token = first.get_token()
        landed(first)
        busy(store, "get", times=5)
        second = join()
        caller = world.ask(second)
        pauses(second, clock)

        assert caller.values()[0].access_token == token.access_token
        assert token_requests(fake) == 1
        assert failures(events) == []

    @pytest.mark.parametrize("method", ["get", "put"])
    def test_a_fleet_buys_one_token(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, method: str
    ) -> None:
        """Ten processes start while it is busy: when it recovers, one of them asks, and the others take it."""
        members = [join() for _ in range(10)]
        busy(store, method)
        callers = [Threads().start([GetToken(member)]) for member in members]
        for _ in range(2):
            for member in members:
                assert pause_of(member, clock) is not None
            clock.advance(0.2)
        store.recover()

        while any(member._slot.flight.outcome is None for member in members):
            clock.advance(0.05)
            eventually(lambda: all(rests(member, clock) for member in members))

        assert len({caller.values()[0].access_token for caller in callers}) == 1
        assert token_requests(fake) == 1

    def test_it_buys_its_own_token_when_the_time_is_over(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, events: list[Event], world: World
    ) -> None:
        """Within the deadline; then the store is left alone for a while, and said to fail once."""
        busy(store, "get", "put", "delete")
        member = join()
        caller = world.ask(member)
        waited = pauses(member, clock)
        assert caller.values()
        landed(member)

        assert sum(waited[: -TRIES + 1]) == pytest.approx(LIMIT)
        assert len(waited) < 16
        assert token_requests(fake) == 1
        assert store.calls.count("put") == TRIES  # to share what it bought
        assert failures(events) == ["StoreBusy"]
        assert [event.seconds for event in events if event.name == "store_failed"] == [3.75]

        asked = len(store.calls)
        other = member.with_scopes("demo/write.file")
        other.get_token()
        landed(other)
        assert len(store.calls) == asked

    def test_with_the_lease_it_asks_before_that_is_over_and_lets_go_of_the_connection(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, events: list[Event]
    ) -> None:
        """The others wait for it. It can give back neither the lease nor its token."""
        store.faults = {"put": lambda: busy(store, "get", "put", "delete")}
        member = join()
        caller = Threads().start([GetToken(member)])
        waited = pauses(member, clock)
        assert caller.values()
        landed(member)

        assert sum(waited[:SURE_LOOKS]) < LEASE
        assert waited[:SURE_LOOKS] == pytest.approx([0.075] * SURE_LOOKS)
        assert token_requests(fake) == 1
        assert store.calls.count("delete") == TRIES
        assert store.calls[-2:] == ["delete", "close"]
        assert store.inner.get(seal_of(member, fake).name) is None
        assert failures(events) == []

    def test_a_store_that_takes_the_token_after_all_is_not_left_alone(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, events: list[Event]
    ) -> None:
        """It has recovered."""
        busy(store, "get")
        member = join()
        caller = Threads().start([GetToken(member)])
        pauses(member, clock)
        caller.values()
        landed(member)

        assert failures(events) == []
        assert in_the_store(member, fake, store)

    def test_with_the_lease_it_waits_for_its_last_look(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """Another may have brought a token just before it got the lease."""
        first, second = join(), join()

        def meanwhile() -> None:
            store.recover()
            first.get_token()
            landed(first)
            busy(store, "get", times=2)

        store.faults = {"put": meanwhile}
        caller = Threads().start([GetToken(second)])

        assert len(pauses(second, clock)) == 2
        assert caller.values()[0].access_token == first.get_token().access_token
        assert token_requests(fake) == 1

    def test_a_lease_that_it_saw_before_is_respected(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """The holder's time goes on while the store is busy: afterwards it looks before it writes."""
        member = join()
        put_lease(store.inner, seal_of(member, fake), LEASE)
        caller = Threads().start([GetToken(member)])
        pauses(member, clock, most=1)
        busy(store, "get", times=2)
        store.calls.clear()
        pauses(member, clock)
        caller.values()
        landed(member)

        assert store.calls.index("put") > 3
        assert token_requests(fake) == 1


class TestSharing:
    """A token that was bought is worth some pauses."""

    def test_it_is_written_when_the_store_recovers(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, events: list[Event]
    ) -> None:
        """The caller has its token before."""
        member = join()
        store.faults = {"get": lambda: busy(store, "put", times=2) if store.calls.count("get") == 2 else None}
        token = member.get_token()

        assert pauses(member, clock) == pytest.approx([0.075, 0.15])
        landed(member)
        assert in_the_store(member, fake, store).issued.access_token == token.access_token
        assert failures(events) == []

    def test_it_is_given_up_after_some_tries(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, events: list[Event]
    ) -> None:
        """Nothing depends on it."""
        member = join()
        store.faults = {"get": lambda: busy(store, "put") if store.calls.count("get") == 2 else None}
        assert member.get_token()
        assert len(pauses(member, clock)) == TRIES - 1
        landed(member)

        assert store.inner.get(seal_of(member, fake).name) is None
        assert failures(events) == []
        assert "renewal_failed" not in names(events)

    def test_a_busy_store_keeps_its_lease_until_that_ends(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, events: list[Event]
    ) -> None:
        """It is given back if the store recovers soon."""
        member = join()
        busy(store, "delete")
        assert member.get_token()
        assert pauses(member, clock) == pytest.approx([0.075, 0.15, 0.3])
        landed(member)

        assert store.calls.count("delete") == TRIES
        assert failures(events) == []
        found = store.inner.get(seal_of(member, fake).lease)
        assert found is not None
        assert found.left <= LEASE


class TestWhileAUsableTokenIsCached:
    """Nobody waits for a busy store."""

    @pytest.fixture
    def member(self, join: Make, clock: ManualClock, store: WatchedStore) -> CognitoClientCredentials:
        """A process with a token that has just become STALE, and a store that is busy from now on."""
        member: CognitoClientCredentials = join()
        member.get_token()
        landed(member)
        clock.advance(2_900)
        assert member.state().freshness is Freshness.STALE
        busy(store, "get", "put", "delete")
        store.calls.clear()
        return member

    def test_no_token_is_bought_for_half_of_that_time(
        self, member: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """It looks again ever more rarely, and callers get the cached token at once."""
        token = member.get_token()
        looks: list[int] = []
        while clock.boottime() < 7_000 + 3_180:
            assert member.get_token() is token
            landed(member)
            if store.calls.count("get") > len(looks):
                looks.append(int(clock.boottime()))
            clock.advance(1)

        assert token_requests(fake) == 1
        assert set(store.calls) == {"get", "close"}
        assert 5 <= len(looks) <= 15
        assert looks[2] - looks[1] < looks[-1] - looks[-2] <= 61

    def test_one_is_bought_before_it_expires(
        self, member: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, events: list[Event]
    ) -> None:
        """In the second half."""
        token = member.get_token()
        while clock.boottime() < 7_000 + 3_580 and token_requests(fake) == 1:
            assert member.get_token() is token
            settle(member, clock)
            clock.advance(10)

        assert token_requests(fake) == 2
        assert 7_000 + 3_190 <= clock.boottime() < 7_000 + 3_400
        assert member.get_token() is not token
        assert failures(events) == ["StoreBusy"]

    def test_what_another_brought_is_taken_when_the_store_recovers(
        self, member: CognitoClientCredentials, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """In the first half."""
        member.get_token()
        landed(member)
        store.recover()
        other = join()
        other.get_token()
        landed(other)
        clock.advance(100)
        new = other.get_token()
        landed(other)
        member.get_token()
        landed(member)

        assert member.get_token().access_token == other.get_token().access_token
        assert token_requests(fake) == 2
        assert new


def settle(member: CognitoClientCredentials, clock: ManualClock) -> None:
    """Let its flight end, with all its pauses."""
    pauses(member, clock)
    landed(member)


class TestRedis:
    """And Valkey: real servers."""

    def flight(
        self, make: Make, clock: ManualClock, url: str, recover: Callable[[], object]
    ) -> tuple[CognitoClientCredentials, list[float]]:
        """A cold process meets a busy server, which recovers in its second pause."""
        member = make(store=url)
        caller = Threads().start([GetToken(member)])
        passed = pauses(member, clock, most=1)
        assert pause_of(member, clock) is not None
        recover()
        passed += pauses(member, clock)
        assert caller.values()
        landed(member)
        return member, passed

    def test_no_memory(
        self, make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], server: KeyValueServer
    ) -> None:
        """`maxmemory` with `noeviction`: the lease is not written; when there is memory again, one token is bought."""
        with server.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")
            member, passed = self.flight(make, clock, server.url, lambda: client.config_set("maxmemory", "0"))
        assert len(passed) == 2
        assert {event.error for event in events if event.name == "store_busy"} == {"OutOfMemoryError"}
        assert failures(events) == []
        assert make(store=server.url).get_token().access_token == member.get_token().access_token
        assert token_requests(fake) == 1

    def test_no_connection_left(
        self, make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], server: KeyValueServer
    ) -> None:
        """`maxclients`: the server refuses the connection with a word, and is not broken."""
        with server.client() as client:
            client.config_set("maxclients", "1")
            member, passed = self.flight(make, clock, server.url, lambda: client.config_set("maxclients", "100"))
        assert len(passed) == 2
        assert names(events).count("store_busy") == 2
        assert failures(events) == []
        assert make(store=server.url).get_token().access_token == member.get_token().access_token
        assert token_requests(fake) == 1

    def test_a_script_that_does_not_end(
        self, make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], server: KeyValueServer
    ) -> None:
        """Somebody else's: the server answers BUSY until it is killed."""
        with server.client() as client, server.client() as other:
            client.config_set("lua-time-limit", "5")

            def run() -> None:
                with pytest.raises(redis.ResponseError):
                    other.eval("while true do end", 0)

            running = threading.Thread(target=run)
            running.start()
            eventually(lambda: _is_busy(client))

            def kill() -> None:
                client.script_kill()
                eventually(lambda: not _is_busy(client))

            member, passed = self.flight(make, clock, server.url, kill)
            running.join()
        assert len(passed) == 2
        assert failures(events) == []
        assert make(store=server.url).get_token().access_token == member.get_token().access_token
        assert token_requests(fake) == 1

    def test_a_server_that_loads_its_data(self, server: KeyValueServer) -> None:
        """A restart with a large file. It says so to whatever it is asked."""
        for text in (b"-LOADING Redis is loading the dataset in memory\r\n", b"-LOADING Valkey is loading\r\n"):
            with saying(text) as address, closing(RedisStore.from_url(f"redis://{address}?protocol=2")) as store:
                for use in (
                    lambda: store.get("key"),
                    lambda: store.put("key", b"value", replaces=None, seconds=60.0),
                    lambda: store.delete("key", b"value"),
                ):
                    with pytest.raises(StoreBusy) as caught:
                        use()
                    assert isinstance(caught.value.__cause__, redis.exceptions.BusyLoadingError)

    def test_a_users_client_whose_pool_is_used_up(self, server: KeyValueServer) -> None:
        """Another thread has its only connection, and gives it back soon."""
        pool = redis.ConnectionPool.from_url(server.url, max_connections=1)
        with closing(redis.Redis(connection_pool=pool)) as client:
            taken = pool.get_connection()
            with pytest.raises(StoreBusy) as caught:
                RedisStore(client).get("key")
            assert isinstance(caught.value.__cause__, redis.ConnectionError)
            pool.release(taken)
            assert RedisStore(client).get("key") is None

    def test_a_cut_connection_is_tried_again_at_once(self, make: Make, fake: FakeCognito, events: list[Event]) -> None:
        """Four times in all; then the store is said to fail, by the name of redis-py's error."""
        with saying(b"$100\r\nabc", end=True) as address:
            store = WatchedStore(inner=RedisStore.from_url(f"redis://{address}"))
            member = make(store=store)
            assert member.get_token()
            landed(member)
        assert store.calls == ["get"] * TRIES
        assert failures(events) == ["ConnectionError"]

    @pytest.mark.parametrize("user", [":wrong@", "nobody:wrong@"], ids=["password", "user"])
    def test_a_wrong_password_is_neither(
        self, make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer, user: str
    ) -> None:
        """redis-py derives its error from that for connections: it is tried once, and said."""
        with server.client() as client:
            client.config_set("requirepass", "right")
            store = WatchedStore(inner=RedisStore.from_url(server.url.replace("//", f"//{user}")))
            member = make(store=store)
            assert member.get_token()
            landed(member)
            client.config_set("requirepass", "")
        assert store.calls == ["get"]
        assert len(failures(events)) == 1


def _is_busy(client: Any) -> bool:
    try:
        client.ping()
    except redis.ResponseError:
        return True
    return False


class TestSQLite:
    """A real other writer."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A file with a table."""
        path = tmp_path / "tokens.db"
        SQLiteStore(path).put("other", b"value", replaces=None, seconds=60.0)
        return path

    def test_another_process_has_the_file(self, path: Path) -> None:
        """Whatever is asked of it."""
        store = SQLiteStore(path)
        with held(path):
            for use in (
                lambda: store.get("key"),
                lambda: store.put("key", b"value", replaces=None, seconds=60.0),
                lambda: store.delete("other", b"value"),
            ):
                with pytest.raises(StoreBusy):
                    use()
        assert store.put("key", b"value", replaces=None, seconds=60.0)

    def test_a_cold_process_waits_for_the_other_writer(
        self, make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], path: Path
    ) -> None:
        """Longer than SQLite itself does; then one token is bought and shared."""
        member = make(store=f"sqlite:///{path}")
        with held(path) as holder:
            caller = Threads().start([GetToken(member)])
            assert len(pauses(member, clock, most=2)) == 2
            assert pause_of(member, clock) is not None
            holder.tell()
            assert holder.hear() == "free"
            pauses(member, clock)
        (token,) = caller.values()
        landed(member)
        assert failures(events) == []
        assert {event.error for event in events if event.name == "store_busy"} == {"OperationalError"}
        assert make(store=f"sqlite:///{path}").get_token().access_token == token.access_token
        assert token_requests(fake) == 1

    def test_a_damaged_file_is_not_busy(self, make: Make, fake: FakeCognito, events: list[Event], path: Path) -> None:
        """Tried once, and said."""
        path.write_bytes(b"no database at all" * 1_000)
        store = WatchedStore(inner=SQLiteStore(path))
        member = make(store=store)
        assert member.get_token()
        landed(member)
        assert store.calls == ["get"]
        assert failures(events) == ["DatabaseError"]
