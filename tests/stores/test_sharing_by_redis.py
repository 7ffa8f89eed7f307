"""Sharing tokens by Redis and Valkey."""

import asyncio
import time
from collections.abc import Callable
from contextlib import closing

import pytest
import redis
from redis.cluster import RedisCluster

from parts.valkey import KeyValueServer, Valkey
from s2sauth import CognitoClientCredentials, Event
from s2sauth.stores.redis import RedisStore
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import eventually
from tests.support.shared_store import (
    WatchedStore,
    advance_to_the_next_look,
    guarded,
    landed,
    pause_of,
    put_lease,
    rests,
    seal_of,
)
from tests.support.store_faults import failures, frozen
from tests.support.worlds import GetToken, Threads, World

Make = Callable[..., CognitoClientCredentials]


def keys(server: KeyValueServer) -> int:
    """How many there are."""
    with server.client() as client:
        return int(client.dbsize())


@pytest.mark.fault(116)
@pytest.mark.parametrize("how", ["FLUSHALL", "DEL", "PEXPIRE"])
def test_evicted_entry_is_a_miss(
    make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer, how: str
) -> None:
    """All at once, by name, or by a life of a millisecond: the next process asks, and nobody complains."""
    first = make(store=server.url)
    first.get_token()
    landed(first)
    name = seal_of(first, fake).name
    with server.client() as client:
        client.execute_command(how, *{"FLUSHALL": (), "DEL": (name,), "PEXPIRE": (name, 1)}[how])
        eventually(lambda: not client.exists(name))
    second = make(store=server.url)
    assert second.get_token().access_token != first.get_token().access_token
    landed(second)
    assert make(store=server.url).get_token().access_token == second.get_token().access_token
    assert failures(events) == []
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(116)
def test_evicted_in_mid_flight(
    make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer, world: World
) -> None:
    """Lease and all, while the token is on its way: it is written all the same."""
    member = make(store=server.url)
    fake.gate()
    caller = world.start([GetToken(member)])
    fake.wait_for_token_requests(1)
    with server.client() as client:
        assert client.dbsize() == 1
        client.flushall()
    fake.release()
    (token,) = caller.values()
    landed(member)
    assert make(store=server.url).get_token().access_token == token.access_token
    assert failures(events) == []


@pytest.mark.fault(116)
def test_no_memory_and_no_eviction(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], server: KeyValueServer
) -> None:
    """`maxmemory` and `noeviction`: no write is taken. Tokens come without it in time, and it comes back by itself."""
    with server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        member = make(store=server.url)
        began = clock.boottime()
        caller = Threads().start([GetToken(member)])
        while advance_to_the_next_look(member, clock, fake):
            pass
        assert caller.values()
        assert clock.boottime() - began == pytest.approx(6.4)
        while (pause := pause_of(member, clock)) is not None:
            clock.advance(pause)
        landed(member)
        assert failures(events) == ["StoreBusy"]
        assert client.dbsize() == 0
        client.config_set("maxmemory", "0")
    clock.advance(3_600)
    token = member.get_token()
    landed(member)
    assert names(events).count("store_recovered") == 1
    assert make(store=server.url).get_token().access_token == token.access_token


@pytest.mark.fault(116)
def test_full_while_a_token_lies_there(
    make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer
) -> None:
    """Reading goes on: cold processes take it, for nothing."""
    first = make(store=server.url)
    token = first.get_token()
    landed(first)
    with server.client() as client:
        client.config_set("maxmemory", "1")
    assert make(store=server.url).get_token().access_token == token.access_token
    assert failures(events) == []


@pytest.mark.fault(116)
def test_least_recently_used_goes_first(make: Make, fake: FakeCognito, server: KeyValueServer) -> None:
    """`allkeys-lru` with others' keys pressing: a miss now and then, never an error."""
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", str(int(client.info("memory")["used_memory"]) + 3_000_000))
        tokens = []
        for number in range(5):
            member = make(store=server.url)
            tokens.append(member.get_token())
            landed(member)
            for press in range(40):
                client.set(f"other:{number}:{press}", b"x" * 100_000)
        assert client.info("stats")["evicted_keys"] > 0
    assert len(tokens) == 5
    assert fake.counts()["token_requests"] <= 5


@pytest.mark.fault(120)
@pytest.mark.parametrize("step", range(1, 5))
def test_connection_killed_between_two_commands(
    make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer, step: int
) -> None:
    """CLIENT KILL at each step of a flight: it connects anew, and nobody hears of it."""
    store = WatchedStore(inner=RedisStore.from_url(server.url))

    def kill() -> None:
        if len(store.calls) == step + 1:
            with server.client() as client:
                assert client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") >= 1

    store.faults = dict.fromkeys(("get", "put", "delete"), kill)
    member = make(store=store)
    token = member.get_token()
    landed(member)
    assert failures(events) == []
    assert make(store=server.url).get_token().access_token == token.access_token
    assert keys(server) == 1


@pytest.mark.fault(120)
def test_connection_killed_in_mid_command(
    make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer, world: World
) -> None:
    """The lease is asked for while writes are paused: the connection is killed, and asking again brings it."""
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
        member = make(store=server.url)
        caller = world.start([GetToken(member)])
        eventually(lambda: client.info("clients")["blocked_clients"] == 1)
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        client.execute_command("CLIENT", "UNPAUSE")
    (token,) = caller.values()
    landed(member)
    assert failures(events) == []
    assert make(store=server.url).get_token().access_token == token.access_token
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(120)
def test_connections_killed_all_the_time(make: Make, fake: FakeCognito, server: KeyValueServer) -> None:
    """For half a second or more, under eight flights at least: a token for each, and of its own scopes."""
    until = time.monotonic() + 0.5
    rounds = 0
    with server.client() as client:
        while rounds < 4 or time.monotonic() < until:
            members = [make(store=server.url, scopes=scope) for scope in ("demo/read.file", "demo/write.file")]
            callers = [Threads().start([GetToken(member)]) for member in members]
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            for caller, scope in zip(callers, ("demo/read.file", "demo/write.file"), strict=True):
                assert caller.values()[0].scopes == (scope,)
            for member in members:
                landed(member)
                member.close()
            client.flushall()
            rounds += 1


@pytest.mark.fault(120)
def test_failover_to_an_empty_server(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], server: KeyValueServer
) -> None:
    """Behind the same address, between two renewals: nobody hears of it, and the fleet meets there again."""
    member = make(store=server.url)
    member.get_token()
    landed(member)
    server.kill()
    server.restart()
    clock.advance(3_600)
    token = member.get_token()
    landed(member)
    assert failures(events) == []
    assert make(store=server.url).get_token().access_token == token.access_token


@pytest.mark.fault(120)
def test_failover_in_mid_flight(make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer) -> None:
    """While the token is on its way: lease and connection are gone, the token is written to the new one."""
    member = make(store=server.url)
    fake.gate()
    caller = Threads().start([GetToken(member)])
    fake.wait_for_token_requests(1)
    server.kill()
    server.restart()
    fake.release()
    (token,) = caller.values()
    landed(member)
    assert failures(events) == []
    assert make(store=server.url).get_token().access_token == token.access_token


@pytest.mark.fault(120)
def test_replica_that_takes_no_writes(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], server: KeyValueServer
) -> None:
    """The old primary after a failover, READONLY: what lies there is taken, writing fails, and it comes back."""
    first = make(store=server.url)
    token = first.get_token()
    landed(first)
    with server.client() as client:
        client.replicaof("127.0.0.1", str(server.second_port))  # where nobody is
        assert make(store=server.url).get_token().access_token == token.access_token
        assert failures(events) == []

        other = make(store=server.url, scopes="demo/write.file")
        assert other.get_token()
        landed(other)
        assert failures(events) == ["ReadOnlyError"]

        client.replicaof("NO", "ONE")
    clock.advance(3_600)
    other.get_token()
    landed(other)
    assert names(events).count("store_recovered") == 1


@pytest.mark.fault(120)
def test_cluster_moved(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """A cluster of two: a plain client is told MOVED, and gets on without; that of a cluster follows.

    Two seconds, until the two have agreed on who they are.
    """
    servers = Valkey(), Valkey()
    for server in servers:
        server.options = ("--cluster-enabled", "yes", "--cluster-port", str(server.second_port))
    with servers[0] as one, servers[1] as two:
        with one.client() as first, two.client() as second:
            first.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            second.execute_command("CLUSTER", "MEET", "127.0.0.1", one.port, one.second_port)
            for client in (first, second):
                eventually(lambda client=client: client.cluster("INFO")["cluster_state"] == "ok")
                eventually(lambda client=client: int(client.cluster("INFO")["cluster_known_nodes"]) == 2)
        plain = make(store=two.url)
        assert plain.get_token()
        landed(plain)
        assert failures(events) == ["MovedError"]

        events.clear()
        with closing(RedisCluster(host="127.0.0.1", port=two.port)) as cluster:
            member = make(store=RedisStore(cluster))
            token = member.get_token()
            landed(member)
        assert failures(events) == []
        assert make(store=one.url).get_token().access_token == token.access_token


@pytest.mark.fault(120)
def test_task_cancelled_in_mid_command(
    make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer
) -> None:
    """Its flight goes on, on a thread of its own: what it brings is kept and shared, each key's under its name."""
    store = RedisStore.from_url(server.url)
    reader, writer = (make(store=store, scopes=scope) for scope in ("demo/read.file", "demo/write.file"))

    async def main() -> None:
        with server.client() as client:
            client.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
            task = asyncio.create_task(reader.aget_token())
            await asyncio.to_thread(eventually, lambda: client.info("clients")["blocked_clients"] == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            other = asyncio.create_task(writer.aget_token())
            await asyncio.to_thread(eventually, lambda: client.info("clients")["blocked_clients"] == 2)
            client.execute_command("CLIENT", "UNPAUSE")
            assert (await other).scopes == ("demo/write.file",)

    asyncio.run(main())
    for member in (reader, writer):
        landed(member)
    assert reader.get_token().scopes == ("demo/read.file",)
    for member, scope in ((reader, "demo/read.file"), (writer, "demo/write.file")):
        again = make(store=server.url, scopes=scope).get_token()
        assert (again.access_token, again.scopes) == (member.get_token().access_token, (scope,))
    assert fake.counts()["token_requests"] == 2
    assert "store_entry_refused" not in names(events)
    store.close()


@pytest.mark.fault("CVE-2023-28858")
def test_reply_of_another_command_is_no_token(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], server: KeyValueServer
) -> None:
    """Somebody who shares the client was cancelled between sending and reading: we read what he asked for.

    It is the entry of another key, with all that belongs to it: it does not open, and costs one more token request.
    """
    other = make(store=server.url, scopes="demo/write.file")
    other.get_token()
    landed(other)
    name = seal_of(other, fake).name
    with closing(redis.Redis.from_url(server.url, max_connections=1)) as client:
        member = make(store=RedisStore(client))
        member.httpx_auth(fake.api_url)
        connection = client.connection_pool.get_connection()
        with frozen(server):
            connection.send_packed_command(
                connection.pack_commands([("PTTL", name), ("GETRANGE", name, 0, 40_000), ("PTTL", name)])
            )
            client.connection_pool.release(connection)
            caller = Threads().start([GetToken(member)])
            eventually(lambda: bool(guarded(member)._under_way) and not client.connection_pool._available_connections)
        while advance_to_the_next_look(member, clock, fake):
            pass
        (token,) = caller.values()
        while (pause := pause_of(member, clock)) is not None:
            clock.advance(pause)
        landed(member)
        assert token.scopes == ("demo/read.file",)
        assert token.access_token != other.get_token().access_token
        with server.client() as admin:  # what the store said of its lease was another's reply, too: it was left there
            admin.delete(seal_of(member, fake).lease)
        again = make(store=server.url).get_token()
        assert again.scopes == ("demo/read.file",)
    assert "store_entry_refused" in names(events)


@pytest.mark.fault(191)
@pytest.mark.parametrize("fresh", [False, True], ids=["EXPIRED", "STALE"])
def test_lease_whose_end_was_taken_away(
    make: Make, fake: FakeCognito, clock: ManualClock, server: KeyValueServer, fresh: bool
) -> None:
    """PERSIST, by hand or by a restore: nobody waits for it, and it is replaced."""
    member = make(store=server.url)
    lease = seal_of(member, fake).lease
    member.get_token()
    landed(member)
    clock.advance(2_900 if fresh else 3_600)
    put_lease(RedisStore.from_url(server.url), seal_of(member, fake), 2.0)
    with server.client() as client:
        assert client.persist(lease)
        assert client.pttl(lease) == -1
        assert member.get_token()
        landed(member)
        assert client.get(lease) is None
    assert fake.counts()["token_requests"] == 2


def test_member_that_waits_keeps_no_connection(
    make: Make, fake: FakeCognito, clock: ManualClock, server: KeyValueServer
) -> None:
    """Sixty that wait for a lease, or for a busy server, have none between their looks."""
    members = [make(store=server.url) for _ in range(60)]
    put_lease(RedisStore.from_url(server.url), seal_of(members[0], fake), 50.0)
    with server.client() as client:
        for client_of_the_test in client.client_list():
            if client_of_the_test["id"] != str(client.client_id()):
                client.client_kill_filter(_id=client_of_the_test["id"])
        callers = [Threads().start([GetToken(member)]) for member in members]
        for member in members:
            assert pause_of(member, clock, fake) is not None
        eventually(lambda: len(client.client_list()) == 1)
        client.config_set("maxmemory", "1")
        client.delete(seal_of(members[0], fake).lease)
        clock.advance(0.2)
        for member in members:
            assert pause_of(member, clock, fake) is not None
        eventually(lambda: len(client.client_list()) == 1)
        client.config_set("maxmemory", "0")
    while any(member._slot.flight.outcome is None for member in members):
        clock.advance(0.05)
        eventually(lambda: all(rests(member, clock) for member in members))
    assert len({caller.values()[0].access_token for caller in callers}) == 1
    assert fake.counts()["token_requests"] == 1


def test_fleet_that_is_larger_than_the_server_has_connections(
    make: Make, fake: FakeCognito, events: list[Event], server: KeyValueServer
) -> None:
    """Sixty processes, eight connections: those who get none wait, and all have one token. Takes a second or two."""
    with server.client() as client:
        client.config_set("maxclients", "8")
        members = [make(store=server.url, clock=None) for _ in range(60)]
        callers = [Threads().start([GetToken(member)]) for member in members]
        tokens = {caller.values()[0].access_token for caller in callers}
        for member in members:
            landed(member)
        client.config_set("maxclients", "100")
    assert "store_busy" in names(events)
    assert len(tokens) == fake.counts()["token_requests"] == 1
    assert failures(events) == []
