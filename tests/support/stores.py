"""The engines of the shared store, each behind one face for the contract's tests, and the servers that they need."""

import multiprocessing
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import boto3
import pytest

from parts.debian import NotToBeHad
from parts.moto import Moto
from parts.redis import Redis
from parts.valkey import KeyValueServer, Valkey
from parts.varnish import Varnish
from s2sauth.stores import Store
from s2sauth.stores.dynamodb import DynamoDBStore
from s2sauth.stores.redis import RedisStore
from s2sauth.stores.sqlite import SQLiteStore
from s2sauth.testing import ManualClock, MemoryStore
from tests.support.clocks import RealClock

_PATIENCE = 10.0  # seconds, for a condition that comes true in milliseconds


class Engine:
    """A place where stores keep their entries, the same for all that `open` gives."""

    life = 10.0
    """A short life in seconds: one that a test may let pass."""
    clock: ManualClock | RealClock
    """By which entries of this engine are outlived."""

    def __init__(self) -> None:
        self._opened: list[Store] = []

    def make(self) -> Store:
        """A store, as a service makes it."""
        raise NotImplementedError

    def maker(self) -> Callable[[], Store]:
        """What makes one in another process, by that process's clock; can be pickled."""
        raise NotImplementedError

    def plant(self, key: str, value: bytes | int) -> None:
        """Put something there as somebody else does, for a long life; an int stands for a value of another type."""
        raise NotImplementedError

    def open(self) -> Store:
        """A store that is closed after the test."""
        self._opened.append(self.make())
        return self._opened[-1]

    def close(self) -> None:
        """Close what was opened."""
        for store in self._opened:
            store.close()

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        """Let `seconds` pass, in which the condition comes true: really, for a server, which has no clock to move."""
        until = time.monotonic() + seconds + _PATIENCE
        while not condition():
            assert time.monotonic() < until, "it does not come true"
            time.sleep(0.005)  # another process: there is nothing to wait on


class _ByHand(Engine):
    """An engine whose clock the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.clock: ManualClock = ManualClock()

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        self.clock.advance(seconds)
        assert condition()


class MemoryEngine(_ByHand):
    """All that it opens is one store: there is no other place."""

    def __init__(self) -> None:
        super().__init__()
        self._store = MemoryStore(clock=self.clock)

    def make(self) -> Store:
        return self._store


class SQLiteEngine(_ByHand):
    """A file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def make(self) -> Store:
        return SQLiteStore(self.path, clock=self.clock)

    def maker(self) -> Callable[[], Store]:
        return partial(SQLiteStore, self.path)

    def plant(self, key: str, value: bytes | int) -> None:
        self.make().put(key, b"", replaces=None, seconds=1_000)
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("UPDATE s2sauth SET value = ? WHERE key = ?", (value, key))


class RedisEngine(Engine):
    """A server of Valkey or Redis."""

    life = 0.1
    clock = RealClock()

    def __init__(self, server: KeyValueServer) -> None:
        super().__init__()
        self.server = server

    def make(self) -> Store:
        return RedisStore.from_url(self.server.url)

    def maker(self) -> Callable[[], Store]:
        return partial(RedisStore.from_url, self.server.url)

    def plant(self, key: str, value: bytes | int) -> None:
        with self.server.client() as client:
            client.rpush(key, value) if isinstance(value, int) else client.set(key, value)
            client.pexpire(key, 1_000_000)


_clients: dict[str, Any] = {}
_stores: dict[str, list[Store]] = {}
"""For each server: boto3 takes half a second to make one of them, and both can be used again once they are closed."""


class DynamoDBEngine(Engine):
    """A table in a stand-in for DynamoDB. The environment has to name a Region and some credentials."""

    life = 0.2
    clock = RealClock()

    def __init__(self, url: str, table: str = "tokens") -> None:
        super().__init__()
        self.url = url
        self.table = table

    def client(self) -> Any:
        """boto3's own; the caller closes it, after which it can be used again."""
        if self.url not in _clients:
            _clients[self.url] = boto3.Session().client("dynamodb", endpoint_url=self.url)
        return _clients[self.url]

    def make_table(self) -> None:
        """Make the table, as an operator does."""
        with closing(self.client()) as client:
            client.create_table(
                TableName=self.table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            )

    def open(self) -> Store:
        kept = _stores.setdefault(self.url, [])
        if len(kept) == len(self._opened):
            kept.append(self.make())
        self._opened.append(kept[len(self._opened)])
        return self._opened[-1]

    def make(self) -> Store:
        return DynamoDBStore(self.table, endpoint_url=self.url)

    def maker(self) -> Callable[[], Store]:
        return partial(DynamoDBStore, self.table, endpoint_url=self.url)

    def plant(self, key: str, value: bytes | int) -> None:
        item = {
            "key": {"S": key},
            "value": {"N": str(value)} if isinstance(value, int) else {"S": value.decode()},
            "expires": {"N": f"{time.time() + 1_000:.3f}"},
        }
        with closing(self.client()) as client:
            client.put_item(TableName=self.table, Item=item)


AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The variables with which boto3 reads nothing of this machine's."""


@pytest.fixture
def aws_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 finds the stand-in's credentials."""
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A server for tests that leave it running."""
    if sys.platform == "win32":
        pytest.skip("Valkey is not for Windows")
    with Valkey() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """The same of Redis."""
    with or_skip(Redis()) as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[Moto]:
    """A stand-in for DynamoDB, with the table."""
    with Moto() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        DynamoDBEngine(server.url).make_table()
        patch.undo()
        yield server


AnyServer = TypeVar("AnyServer", Redis, Varnish)


def or_skip(server: AnyServer) -> AnyServer:
    """The server; where its packages cannot be had the test is skipped, but never in CI."""
    try:
        server.binary()
    except NotToBeHad as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no {type(server).__name__}: {reason}")
    return server


WRITERS = 4
"""Processes that `processes` has."""
Processes = Callable[[Callable[[], Store], str, list[bytes]], list[bool]]


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    """Lets as many processes, each with a store of its own, put one of the values where nothing lies, all at once.

    They are started once, as after a deploy, and serve one engine after another.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(WRITERS, _share, (context.Barrier(WRITERS),)) as pool:

        def written(make: Callable[[], Store], key: str, values: list[bytes]) -> list[bool]:
            assert len(values) == WRITERS  # each waits for the others, so each gets one
            return pool.starmap_async(_write, [(make, key, value) for value in values], 1).get(60)

        yield written
        pool.close()
        pool.join()


class _Barrier(Protocol):
    def wait(self, timeout: float) -> int: ...


_barriers: list[_Barrier] = []
"""In each process the one that they share."""


def _share(barrier: _Barrier) -> None:
    _barriers.append(barrier)
    os.environ.update(AWS)


def _write(make: Callable[[], Store], key: str, value: bytes) -> bool:
    with closing(make()) as store:
        store.get(key)  # connected
        _barriers[0].wait(30)
        return store.put(key, value, replaces=None, seconds=1_000)
