"""What is special to DynamoDB, with moto in its place."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from typing import Any

import boto3
import botocore.exceptions
import pytest

from parts.moto import Moto
from s2sauth.stores.dynamodb import DynamoDBStore
from s2sauth.testing import ManualClock
from tests.support.forking import in_child
from tests.support.stores import DynamoDBEngine

LONG = 1_000.0


@pytest.fixture
def engine(moto: Moto, aws_variables: None) -> Iterator[DynamoDBEngine]:
    """The table."""
    with closing(DynamoDBEngine(moto.url)) as engine:
        yield engine


@pytest.fixture
def admin(engine: DynamoDBEngine) -> Iterator[Any]:
    """boto3's own client."""
    with closing(engine.client()) as client:
        yield client


@pytest.fixture
def store(engine: DynamoDBEngine) -> DynamoDBStore:
    """A store with a client of its own."""
    store = engine.open()
    assert isinstance(store, DynamoDBStore)
    return store


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key of the test's own."""
    return f"s2sauth:1:{request.node.name}"


def item(admin: Any, key: str) -> Any:
    """What lies in the table, expired or not."""
    return admin.get_item(TableName="tokens", Key={"key": {"S": key}}, ConsistentRead=True).get("Item")


def connected(store: DynamoDBStore) -> bool:
    """Whether the store's client holds a connection."""
    return bool(store._boto._client._endpoint.http_session._manager.pools.keys())


class TestItems:
    """How entries lie in the table."""

    def test_an_item_says_when_it_goes(self, store: DynamoDBStore, admin: Any, key: str) -> None:
        """To us by `expires`; by `ttl` to DynamoDB, which takes whole seconds and must not be early."""
        before = time.time()
        store.put(key, b"value", replaces=None, seconds=LONG)
        after = time.time()

        found = item(admin, key)
        assert found.keys() == {"key", "value", "expires", "ttl"}
        assert (found["key"], found["value"]) == ({"S": key}, {"S": "value"})
        expires = float(found["expires"]["N"])
        assert before - 0.001 <= expires - LONG <= after
        assert expires < int(found["ttl"]["N"]) <= expires + 1

    def test_an_item_past_its_time_is_nothing(
        self, engine: DynamoDBEngine, store: DynamoDBStore, admin: Any, key: str
    ) -> None:
        """DynamoDB itself removes it within days: it is still there, is not found, and is written over."""
        store.put(key, b"old", replaces=None, seconds=engine.life)
        engine.wait_for(lambda: store.get(key) is None, engine.life)
        assert item(admin, key)["value"] == {"S": "old"}

        assert store.put(key, b"new", replaces=None, seconds=LONG)

        assert item(admin, key)["value"] == {"S": "new"}

    @pytest.mark.parametrize("expires", [None, {"S": "soon"}, {"NULL": True}], ids=["none", "text", "null"])
    def test_without_a_moment_it_is_outlived(
        self, store: DynamoDBStore, admin: Any, key: str, expires: dict[str, Any] | None
    ) -> None:
        """Somebody else wrote it. A lease without an end would keep everybody waiting."""
        lasting = {} if expires is None else {"expires": expires}
        admin.put_item(TableName="tokens", Item={"key": {"S": key}, "value": {"S": "x"}, **lasting})

        assert store.get(key) is None
        assert store.put(key, b"value", replaces=None, seconds=LONG)

    @pytest.mark.parametrize(
        "value",
        [None, {"B": b"x"}, {"N": "1"}, {"BOOL": True}, {"NULL": True}, {"L": []}, {"M": {}}, {"SS": ["a"]}],
        ids=str,
    )
    def test_every_other_type_is_empty(
        self, store: DynamoDBStore, admin: Any, key: str, value: dict[str, Any] | None
    ) -> None:
        """And is replaced as that; so is an item without a value."""
        kept = {} if value is None else {"value": value}
        later = {"N": str(time.time() + LONG)}
        admin.put_item(TableName="tokens", Item={"key": {"S": key}, "expires": later, **kept})

        found = store.get(key)

        assert found is not None
        assert found.value == b""
        assert not store.put(key, b"value", replaces=None, seconds=LONG)
        assert store.put(key, b"value", replaces=b"", seconds=LONG)


class TestClients:
    """Its own, and the user's."""

    def test_close_disconnects_its_own(self, store: DynamoDBStore, key: str) -> None:
        """After each renewal; the same client is used again."""
        client = store._boto._client
        store.get(key)
        assert connected(store)

        store.close()
        assert not connected(store)

        assert store.put(key, b"value", replaces=None, seconds=LONG)
        assert store._boto._client is client

    def test_a_users_client_is_used_as_it_is(self, engine: DynamoDBEngine, admin: Any, key: str) -> None:
        """And stays connected: its owner uses it for other things."""
        store = DynamoDBStore(engine.table, client=admin)
        assert store.put(key, b"value", replaces=None, seconds=LONG)
        assert not store.put(key, b"other", replaces=None, seconds=LONG)

        store.close()

        assert store._boto._client is admin
        assert connected(store)

    def test_a_forked_child_makes_its_own(self, store: DynamoDBStore, key: str) -> None:
        """Once; what it closes before is not its parent's."""
        store.put(key, b"value", replaces=None, seconds=LONG)
        client = store._boto._client

        def work() -> tuple[bool, ...]:
            store.close()
            untouched = connected(store)
            found = store.get(key) is not None
            made = store._boto._client
            store.get(key)
            return untouched, found, made is not client, store._boto._client is made

        assert in_child(work) == (True, True, True, True)
        assert connected(store)

    def test_a_new_generation_has_a_new_client(
        self, engine: DynamoDBEngine, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same without a fork, whose child nobody measures."""
        store = DynamoDBStore(engine.table, endpoint_url=engine.url)
        client = store._boto._client
        store.get(key)
        monkeypatch.setattr("s2sauth._boto.this_process", lambda: (0, 0))

        store.close()
        assert connected(store)
        store.get(key)

        assert store._boto._client is not client
        store.close()
        client.close()

    def test_a_client_that_is_replaced_meanwhile_is_known_by_its_own_errors(
        self, store: DynamoDBStore, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two threads that make the first call at once make two; each has error classes of its own."""
        made = [store._boto._make() for _ in range(4)]
        monkeypatch.setattr(store._boto, "client", iter(made).__next__)

        assert store.put(key, b"one", replaces=None, seconds=10)
        assert not store.put(key, b"another", replaces=None, seconds=10)
        for client in made:
            client.close()

    def test_a_forked_child_keeps_a_users_client(self, engine: DynamoDBEngine, admin: Any, key: str) -> None:
        """Who owns it says what happens to it in a fork."""
        store = DynamoDBStore(engine.table, client=admin)

        def work() -> bool:
            store.get(key)
            return store._boto._client is admin

        assert in_child(work)

    def test_it_gives_up_soon_and_tries_once(self, store: DynamoDBStore) -> None:
        """The store's caller has its own time limit and its own second try."""
        config = store._boto._client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (1.0, 1.0)
        assert config.retries["total_max_attempts"] == 1

    def test_a_server_that_does_not_answer_is_an_error(self, aws_variables: None) -> None:
        """One request, and no second. Takes the second that it waits."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with closing(DynamoDBStore("tokens", endpoint_url=url)) as store:
                with pytest.raises(ConnectionError) as caught:
                    store.get("s2sauth:1:key")
                assert isinstance(caught.value.__cause__, botocore.exceptions.ReadTimeoutError)
            silent.settimeout(5)
            silent.accept()[0].close()
            silent.setblocking(False)
            with pytest.raises(BlockingIOError):
                silent.accept()

    def test_a_missing_table_is_an_error(self, engine: DynamoDBEngine) -> None:
        """For every operation; nothing is made."""
        with closing(DynamoDBStore("none", endpoint_url=engine.url)) as store:
            for use in (
                lambda: store.get("key"),
                lambda: store.put("key", b"value", replaces=None, seconds=LONG),
                lambda: store.delete("key", b"value"),
            ):
                with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
                    use()

    @pytest.mark.parametrize("module", ["boto3.session", "botocore.config"])
    def test_without_the_extra_the_error_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, module: str
    ) -> None:
        """When the store is made."""
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError) as caught:
            DynamoDBStore("tokens")
        assert str(caught.value) == "DynamoDBStore needs boto3: pip install 's2sauth[dynamodb]'"

    def test_a_region_is_needed(self, aws_variables: None, monkeypatch: pytest.MonkeyPatch) -> None:
        """From the argument, or as boto3 finds it."""
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        with pytest.raises(botocore.exceptions.NoRegionError):
            DynamoDBStore("tokens")
        DynamoDBStore("tokens", region="eu-central-1").close()


class TestClocks:
    """Moments are AWS's."""

    def off_by(self, engine: DynamoDBEngine, seconds: float) -> DynamoDBStore:
        """The store of a machine whose clock is wrong by so much. It has asked once: that is how it learns."""
        store = DynamoDBStore(engine.table, client=engine.client())
        store._clock = ManualClock(wall=time.time() + seconds)
        store.get("s2sauth:1:none")
        return store

    @pytest.mark.parametrize("writer", [-3_600.0, -5.0, 0.0, 5.0, 3_600.0])
    @pytest.mark.parametrize("reader", [-3_600.0, 0.0, 3_600.0])
    def test_machines_with_wrong_clocks_agree(
        self, admin: Any, engine: DynamoDBEngine, key: str, writer: float, reader: float
    ) -> None:
        """But for the second to which AWS tells the time, and what each request takes; never to the longer side."""
        assert self.off_by(engine, writer).put(key, b"value", replaces=None, seconds=LONG)
        other = self.off_by(engine, reader)

        found = other.get(key)

        assert found is not None
        assert LONG - 8 < found.left <= LONG
        assert not other.put(key, b"other", replaces=None, seconds=LONG)

    @pytest.mark.parametrize("reader", [-3_600.0, 3_600.0])
    def test_what_is_outlived_is_seen_with_a_wrong_clock(
        self, engine: DynamoDBEngine, store: DynamoDBStore, admin: Any, key: str, reader: float
    ) -> None:
        """A minute ago by AWS's clock."""
        store.put(key, b"old", replaces=None, seconds=LONG)
        admin.update_item(
            TableName="tokens",
            Key={"key": {"S": key}},
            UpdateExpression="SET expires = :ago",
            ExpressionAttributeValues={":ago": {"N": str(time.time() - 60)}},
        )
        other = self.off_by(engine, reader)

        assert other.get(key) is None
        assert other.put(key, b"new", replaces=None, seconds=LONG)

    def test_a_refused_write_tells_the_time_as_well(self, admin: Any, engine: DynamoDBEngine, key: str) -> None:
        """Every answer does."""
        store = self.off_by(engine, 0)
        store.put(key, b"value", replaces=None, seconds=10 * LONG)
        store._clock = ManualClock(wall=time.time() + 3_600)
        assert not store.put(key, b"other", replaces=None, seconds=LONG)

        assert -3_610 < store._offset.least < -3_590


class Answers:
    """A client that answers as it is told: AWS's clock cannot be set. `took` passes while it does."""

    exceptions = boto3.session.Session().client("dynamodb", region_name="eu-central-1").exceptions

    def __init__(self, clock: ManualClock, expires: float, date: str | None, took: float = 0.0) -> None:
        headers = {} if date is None else {"date": date}
        self._answer = {
            "Item": {"expires": {"N": str(expires)}, "value": {"S": "value"}},
            "ResponseMetadata": {"HTTPHeaders": headers},
        }
        self._clock = clock
        self._took = took
        self.written: dict[str, Any] = {}

    def store(self) -> DynamoDBStore:
        """A store on the same machine."""
        store = DynamoDBStore("tokens", client=self)
        store._clock = self._clock
        return store

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        assert arguments["ConsistentRead"] is True  # else a finished put may not be seen; no stand-in is like that
        self._clock.advance(self._took)
        return self._answer

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        self.written = arguments
        return self._answer


class TestOffset:
    """How far this machine is off, as one answer's Date header has it."""

    @pytest.mark.parametrize(
        ("ahead", "took", "left", "kept"),
        [
            (0.0, 0.0, 100.0, 100.0),
            (1.0, 0.0, 99.0, 101.0),
            (1.25, 0.0, 99.0, 100.0),
            (60.25, 0.0, 99.0, 100.0),
            (-0.25, 0.0, 99.0, 100.0),
            (-60.0, 0.0, 99.0, 100.0),
            (-0.25, 0.5, 99.75, 100.25),
            (-0.5, 0.5, 100.0, 100.0),
            (-0.75, 0.5, 98.5, 100.0),
            (1.25, 0.5, 98.5, 100.0),
            (60.25, 0.5, 98.5, 100.0),
            (-60.25, 0.5, 98.5, 100.0),
        ],
    )
    def test_it_is_corrected_by_what_is_certain(self, ahead: float, took: float, left: float, kept: float) -> None:
        """Within the header's second the machine is believed. Beyond, reading takes the latest moment that it can be
        there, and writing the earliest, so that no life gets longer."""
        there = 1_790_000_000
        clock = ManualClock(wall=there + ahead)
        client = Answers(clock, there + 100, formatdate(there, usegmt=True), took)
        store = client.store()

        found = store.get("key")
        store.put("key", b"value", replaces=None, seconds=100.0)

        assert found is not None
        assert found.left == left
        assert float(client.written["Item"]["expires"]["N"]) - there == kept

    @pytest.mark.parametrize("date", [None, "", "soon", "Tue, 99 Nov 2026 00:00:00 GMT"])
    def test_without_a_date_the_machine_is_believed(self, date: str | None) -> None:
        """A proxy in between may have taken it away."""
        clock = ManualClock(wall=1_790_000_000)

        found = Answers(clock, 1_790_000_100, date).store().get("key")

        assert found is not None
        assert found.left == 100.0

    @pytest.mark.parametrize(("expires", "left"), [(1.25, 0.25), (1.0, 0.0), (0.25, 0.0), (0.0, None)])
    def test_what_may_be_outlived_has_nothing_left(self, expires: float, left: float | None) -> None:
        """Within the second that is not certain: nobody uses it, nor takes it for dead."""
        there = 1_790_000_000
        clock = ManualClock(wall=there + 60.0)
        client = Answers(clock, there + expires, formatdate(there, usegmt=True))

        found = client.store().get("key")

        assert (None if found is None else found.left) == left
