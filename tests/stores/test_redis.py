"""What is special to Redis and Valkey."""

import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import redis
import redis.asyncio

from parts.redis import Redis
from parts.valkey import KeyValueServer, Valkey
from s2sauth import ConfigurationError
from s2sauth.stores import Store
from s2sauth.stores.base import MAX_VALUE
from s2sauth.stores.redis import RedisStore
from tests.support.settled import eventually
from tests.support.stores import or_skip
from tests.support.tls import authority

KEY = "s2sauth:1:key"
LONG = 1_000.0


@pytest.fixture
def server(valkey: Valkey) -> Iterator[Valkey]:
    """A server that is left empty, with its own users."""
    yield valkey
    with valkey.client() as client:
        client.flushall()
        client.acl_deluser("s2sauth")


@pytest.fixture
def admin(server: Valkey) -> Iterator[redis.Redis]:
    """A client that may do all."""
    with server.client() as client:
        yield client


@pytest.fixture
def store(server: Valkey) -> Iterator[RedisStore]:
    """A store with a client of its own."""
    with closing(RedisStore.from_url(server.url)) as store:
        yield store


def keeps_its_promise(store: Store) -> None:
    """The rule of writing, in short."""
    assert store.get(KEY) is None
    assert store.put(KEY, b"value", replaces=None, seconds=LONG)
    assert not store.put(KEY, b"other", replaces=None, seconds=LONG)
    assert store.put(KEY, b"other", replaces=b"value", seconds=LONG)
    found = store.get(KEY)
    assert found is not None
    assert found.value == b"other"
    assert 0 < found.left <= LONG
    store.delete(KEY, b"value")
    assert store.get(KEY) is not None
    store.delete(KEY, b"other")
    assert store.get(KEY) is None


def connections(admin: redis.Redis) -> int:
    """How many the server has, without this one."""
    return len(admin.client_list()) - 1


class TestClients:
    """Any client of redis-py's that is not an asyncio one."""

    @pytest.mark.parametrize(
        "options", [{}, {"decode_responses": True}, {"protocol": 2}, {"protocol": 3, "decode_responses": True}], ids=str
    )
    def test_a_users_client(self, server: Valkey, options: dict[str, Any]) -> None:
        """Whatever it makes of answers for its owner."""
        with server.client(**options) as client:
            keeps_its_promise(RedisStore(client))

    def test_a_client_that_decodes_reads_what_is_no_text(self, server: Valkey, admin: redis.Redis) -> None:
        """What somebody else wrote is bytes for us."""
        admin.set(KEY, b"\xff\xfe")

        with server.client(decode_responses=True) as client:
            found = RedisStore(client).get(KEY)

        assert found is not None
        assert found.value == b"\xff\xfe"

    def test_a_users_client_is_not_closed(self, server: Valkey, admin: redis.Redis) -> None:
        """Its owner uses it for other things."""
        with server.client() as client:
            store = RedisStore(client)
            store.get(KEY)
            before = connections(admin)
            store.close()

            assert connections(admin) == before

    def test_a_client_of_its_own_disconnects(self, store: RedisStore, admin: redis.Redis) -> None:
        """After each renewal, so that a fleet does not hold a connection per process."""
        before = connections(admin)
        store.get(KEY)
        assert connections(admin) == before + 1

        store.close()

        eventually(lambda: connections(admin) == before)

    def test_close_leaves_connections_in_use_alone(self, store: RedisStore, admin: redis.Redis) -> None:
        """Another view of the same credentials may be in the middle of its renewal."""
        with closing(store._client.pubsub()) as listener:
            listener.subscribe("news")
            assert listener.get_message(timeout=5)["type"] == "subscribe"

            store.close()

            assert admin.publish("news", "none") == 1

    def test_a_cluster(self) -> None:
        """One key an operation, so that a cluster finds its node. Takes the 2 s after which a cluster is one."""
        cluster = ("--cluster-enabled", "yes", "--cluster-port")
        server = Valkey()
        server.options = (*cluster, str(server.second_port))
        with server, server.client() as admin:
            admin.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
            eventually(lambda: admin.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
            for options in ({}, {"decode_responses": True}):
                with redis.RedisCluster("127.0.0.1", server.port, **options) as client:
                    store = RedisStore(client)
                    keeps_its_promise(store)
                    client.rpush(KEY, 1)
                    found = store.get(KEY)
                    assert found is not None
                    assert found.value == b""
                    client.delete(KEY)

    @pytest.mark.parametrize(
        "make",
        [redis.asyncio.Redis, lambda: redis.asyncio.RedisCluster("127.0.0.1")],
        ids=["one", "cluster"],
    )
    def test_an_asyncio_client_is_refused(self, make: Callable[[], Any]) -> None:
        """A store is used on threads, without an event loop."""
        client = make()
        with pytest.raises(ConfigurationError, match=r"^client: is an asyncio one; use redis\.Redis"):
            RedisStore(client)

    def test_what_is_no_client_is_refused(self) -> None:
        """A URL, for one, which is for from_url()."""
        not_a_client: Any = "redis://localhost"
        with pytest.raises(ConfigurationError) as caught:
            RedisStore(not_a_client)
        assert (
            str(caught.value) == "client: has no pipeline, eval, execute_command; use redis.Redis or redis.RedisCluster"
        )


class TestUrls:
    """A client of its own."""

    def test_a_socket_file(self, server: Valkey) -> None:
        """For a server of the same machine."""
        with closing(RedisStore.from_url(server.unix_url)) as store:
            keeps_its_promise(store)

    def test_it_tries_once(self) -> None:
        """The store's caller has its own second try."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"redis://127.0.0.1:{silent.getsockname()[1]}?socket_timeout=0.1"
            with closing(RedisStore.from_url(url)) as store, pytest.raises(redis.TimeoutError):
                store.get(KEY)
            silent.settimeout(5)
            silent.accept()[0].close()
            silent.setblocking(False)
            with pytest.raises(BlockingIOError):
                silent.accept()

    def test_it_gives_up_soon(self, store: RedisStore) -> None:
        """The store's caller has its own time limit, and its thread shall not stay for much longer."""
        options = store._client.connection_pool.connection_kwargs
        assert (options["socket_timeout"], options["socket_connect_timeout"]) == (1.0, 1.0)
        assert options["health_check_interval"] == 0
        assert options["retry"]._retries == 0

    def test_what_the_url_says_wins(self, server: Valkey) -> None:
        """Its query holds options of redis-py's connections."""
        with closing(RedisStore.from_url(f"{server.url}/3?socket_timeout=0.25&client_name=ours")) as store:
            store.put(KEY, b"value", replaces=None, seconds=LONG)

            options = store._client.connection_pool.connection_kwargs
            assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.25, 1.0)
            with server.client(db=3) as client:
                assert client.get(KEY) == b"value"
                assert "ours" in [one["name"] for one in client.client_list()]

    @pytest.mark.fault(178)
    @pytest.mark.parametrize(
        ("url", "wrong"),
        [
            ("redis://:PassWord4711/@localhost", "url: has no valid host or port"),
            ("sqlite:////PassWord4711", "url: is not one of redis://, rediss://, unix://"),
            ("PassWord4711", "url: is no URL of a store; use "),
        ],
    )
    def test_a_wrong_url_is_told_why(self, url: str, wrong: str) -> None:
        """Without a word of it."""
        with pytest.raises(ConfigurationError) as caught:
            RedisStore.from_url(url)
        assert str(caught.value).startswith(wrong)
        assert "4711" not in str(caught.value)

    def test_without_the_extra_the_error_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A ready client needs no import, so this is of from_url() alone."""
        monkeypatch.setitem(sys.modules, "redis", None)
        with pytest.raises(ImportError) as caught:
            RedisStore.from_url("redis://localhost")
        assert str(caught.value) == "RedisStore.from_url needs redis-py: pip install 's2sauth[redis]'"

    def test_a_dead_server_is_an_error_at_once(self) -> None:
        """Nothing is retried here."""
        with Valkey() as server:
            store = RedisStore.from_url(server.url)
            store.get(KEY)
            server.kill()
            for use in (lambda: store.get(KEY), lambda: store.put(KEY, b"value", replaces=None, seconds=LONG)):
                with pytest.raises(ConnectionError) as caught:
                    use()
                assert isinstance(caught.value.__cause__, redis.ConnectionError)
            server.restart()
            keeps_its_promise(store)
            store.close()


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A server with a certificate for the name localhost only."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "ca.pem", folder / "certificate.pem", folder / "key.pem"
    certificate = authority().issue_cert("localhost")
    authority().cert_pem.write_to_path(files[0])
    certificate.cert_chain_pems[0].write_to_path(files[1])
    certificate.private_key_pem.write_to_path(files[2])
    with or_skip(Redis(tls=files)) as server:
        yield server


class TestTls:
    """rediss://, against Debian's Redis with a certificate of a private CA."""

    def test_a_trusted_server(self, tls_server: Redis) -> None:
        """By the CA that the URL names."""
        with closing(RedisStore.from_url(tls_server.url)) as store:
            keeps_its_promise(store)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda url: url.partition("?")[0], "self-signed certificate|unable to get local issuer"),
            (lambda url: url.replace("localhost", "127.0.0.1"), "IP address mismatch"),
        ],
        ids=["CA", "name"],
    )
    def test_an_untrusted_server(self, tls_server: Redis, change: Callable[[str], str], reason: str) -> None:
        """Of a CA that is not known, or by another name."""
        with closing(RedisStore.from_url(change(tls_server.url))) as store, pytest.raises(ConnectionError) as caught:
            store.get(KEY)
        assert isinstance(caught.value.__cause__, redis.ConnectionError)
        assert re.search(reason, str(caught.value.__cause__))


class TestRights:
    """The least that an ACL has to allow, as the class's docstring has it."""

    @pytest.fixture
    def restricted(self, server: Valkey, admin: redis.Redis) -> Iterator[redis.Redis]:
        """A client of a user with just these rights."""
        (rights,) = [line for line in (RedisStore.__doc__ or "").splitlines() if "ACL SETUSER" in line]
        admin.execute_command(*rights.split())
        with server.client(username="s2sauth", password="password") as client:
            yield client

    def test_they_are_enough(self, restricted: redis.Redis) -> None:
        """For every operation."""
        keeps_its_promise(RedisStore(restricted))

    def test_they_are_enough_with_a_url(self, restricted: redis.Redis, server: Valkey) -> None:
        """For all that redis-py says when it connects."""
        with closing(RedisStore.from_url(server.url.replace("://", "://s2sauth:password@"))) as store:
            keeps_its_promise(store)

    def test_other_keys_are_refused(self, restricted: redis.Redis, admin: redis.Redis) -> None:
        """By each operation; what lies there stays."""
        admin.set("other", b"value")
        store = RedisStore(restricted)

        for use in (
            lambda: store.get("other"),
            lambda: store.put("other", b"mine", replaces=b"value", seconds=LONG),
            lambda: store.delete("other", b"value"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                use()
        assert admin.get("other") == b"value"

    @pytest.mark.parametrize("command", ["get", "keys", "flushall", "config get", "subscribe"])
    def test_other_commands_are_refused(self, restricted: redis.Redis, command: str) -> None:
        """Nobody with this password sees more than these keys."""
        with pytest.raises(redis.exceptions.NoPermissionError):
            restricted.execute_command(*command.split(), KEY)

    @pytest.mark.parametrize("command", ["eval", "type", "getrange", "pttl", "set", "del"])
    def test_each_of_them_is_needed(self, restricted: redis.Redis, admin: redis.Redis, command: str) -> None:
        """Without one of them something is an error, never a wrong answer."""
        admin.acl_setuser("s2sauth", enabled=True, commands=[f"-{command}"], keys=["s2sauth:*"], passwords="+password")

        with pytest.raises(redis.ResponseError, match=r"(?i)permission|can't run this command|NOPERM"):
            keeps_its_promise(RedisStore(restricted))


class TestEntries:
    """How they lie there."""

    def test_a_value_lies_there_as_it_is_and_goes_by_itself(self, store: RedisStore, admin: redis.Redis) -> None:
        """Nobody has to tidy up; seconds become whole milliseconds, never more."""
        store.put(KEY, b"value", replaces=None, seconds=100.0009)

        assert admin.get(KEY) == b"value"
        assert 99_000 < admin.pttl(KEY) <= 100_000

    def test_the_shortest_life_is_a_millisecond(self, store: RedisStore, admin: redis.Redis) -> None:
        """Not none at all, which Redis refuses."""
        assert store.put(KEY, b"value", replaces=None, seconds=0.0001)

        eventually(lambda: admin.exists(KEY) == 0)

    def test_what_stays_for_ever_is_left_for_ever(self, store: RedisStore, admin: redis.Redis) -> None:
        """Somebody else wrote it; it can be replaced as ever, and has an end then."""
        admin.set(KEY, b"value")

        found = store.get(KEY)

        assert found is not None
        assert found.left == float("inf")
        assert store.put(KEY, b"other", replaces=b"value", seconds=LONG)
        assert admin.ttl(KEY) > 0

    @pytest.mark.parametrize(
        "write",
        [
            lambda client: client.rpush(KEY, 1),
            lambda client: client.hset(KEY, "a", 1),
            lambda client: client.sadd(KEY, 1),
            lambda client: client.zadd(KEY, {"a": 1}),
            lambda client: client.xadd(KEY, {"a": 1}),
        ],
        ids=["list", "hash", "set", "sorted set", "stream"],
    )
    def test_every_other_type_is_empty(
        self, store: RedisStore, admin: redis.Redis, write: Callable[[redis.Redis], object]
    ) -> None:
        """And is replaced as that."""
        write(admin)

        found = store.get(KEY)

        assert found is not None
        assert found.value == b""
        assert not store.put(KEY, b"value", replaces=None, seconds=LONG)
        assert store.put(KEY, b"value", replaces=b"", seconds=LONG)
        assert admin.get(KEY) == b"value"

    def test_only_as_much_as_is_needed_is_read(self, store: RedisStore, admin: redis.Redis) -> None:
        """50 MB under our key are somebody's mistake, not our traffic."""
        admin.setrange(KEY, 50_000_000, b"x")
        before = admin.info("stats")["total_net_output_bytes"]

        found = store.get(KEY)

        assert found is not None
        assert len(found.value) == MAX_VALUE + 1
        assert admin.info("stats")["total_net_output_bytes"] - before < 2 * MAX_VALUE

    def test_left_counts_from_before_the_question(
        self, store: RedisStore, server: KeyValueServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An answer may have been under way for a while, in which the entry grew older."""
        store.put(KEY, b"value", replaces=None, seconds=LONG)
        moments = iter([0.0, 600.0])
        monkeypatch.setattr("s2sauth.stores.redis.SystemClock.boottime", lambda: next(moments))

        found = store.get(KEY)

        assert found is not None
        assert LONG - 601 < found.left <= LONG - 600

    def test_the_shorter_of_two_lives_counts(self, store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """get() is no transaction: between its commands somebody may write a value with a longer or shorter life."""
        for before, after, left in ((5_001, 9_001, 5.0), (9_001, 5_001, 5.0), (-1, 5_001, 5.0), (5_001, -2, None)):
            monkeypatch.setattr("redis.client.Pipeline.execute", lambda *_, a=before, b=after, **__: [a, b"value", b])
            monkeypatch.setattr("s2sauth.stores.redis.SystemClock.boottime", lambda: 0.0)
            found = store.get(KEY)
            assert (None if found is None else found.left) == left


def test_a_server_ends_also_when_it_is_stopped() -> None:
    """After a fault test that failed in its middle."""
    with Valkey() as server:
        server.pause()
        folder = server.folder

    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
