"""Ways in which a shared store fails, each made to happen on the real thing, and a clock for tests of real servers."""

import os
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from parts.moto import Moto
from parts.valkey import KeyValueServer
from s2sauth import Event
from s2sauth.stores import Store
from tests.support.clocks import RealClock
from tests.support.scripts import Running
from tests.support.stores import AWS, DynamoDBEngine, Engine, RedisEngine, SQLiteEngine

HELD = """
    import sqlite3, sys

    connection = sqlite3.connect(sys.stdin.readline().strip(), isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    print("held", flush=True)
    sys.stdin.readline()
    connection.execute("COMMIT")
    print("free", flush=True)
"""
"""Holds a file of SQLite until it is told to let go."""


class Place:
    """Where the tokens of a fleet lie: the URL for its processes, and the engine for whoever pokes at it."""

    def __init__(self, name: str, url: str, engine: Engine) -> None:
        self.name = name
        self.url = url
        self.engine = engine
        self.store: Store = engine.open()
        self.joined: Store | str = self.store if name == "dynamodb" else url
        """What a process of the fleet takes; those of a test share one client of boto3, which takes long to make."""


def sqlite_place(path: Path) -> Place:
    """A file, by the machine's clock."""
    engine = SQLiteEngine(path)
    engine.clock = RealClock()  # type: ignore[assignment]  # as in the processes that get the URL
    return Place("sqlite", f"sqlite:///{path}", engine)


def redis_place(server: KeyValueServer) -> Place:
    """A server."""
    return Place("redis", server.url, RedisEngine(server))


def dynamodb_url(endpoint: str, table: str = "tokens") -> str:
    """The URL for a table at this endpoint."""
    return f"dynamodb://{table}?region=eu-central-1&endpoint_url={quote(endpoint, safe='')}"


class _Table(DynamoDBEngine):
    """One that makes a single client of boto3, which takes long."""

    def client(self) -> Any:
        if self._client is None:
            self._client = super().client()
        return self._client

    _client: Any = None


@pytest.fixture(scope="session")
def moto_place(moto: Moto) -> Iterator[Place]:
    """A table, the same for all tests: no two of them have the same keys."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        found = Place("dynamodb", dynamodb_url(moto.url), _Table(moto.url))
        found.store.get("-")  # connected
        found.engine.plant("-", 7)  # and the other client made
    with closing(found.engine):
        yield found


@pytest.fixture(params=["sqlite", "valkey", "moto"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place of each kind in turn, which works."""
    match request.param:
        case "sqlite":
            found = sqlite_place(tmp_path / "tokens.db")
        case "valkey":
            found = redis_place(request.getfixturevalue("valkey"))
        case "redis":
            found = redis_place(request.getfixturevalue("redis_server"))
        case _:
            yield request.getfixturevalue("moto_place")
            return
    with closing(found.engine):
        yield found


def failures(events: list[Event]) -> list[str | None]:
    """What each failure of the store was."""
    return [event.error for event in events if event.name == "store_failed"]


@contextmanager
def saying(answer: bytes, *, end: bool = False) -> Generator[str]:
    """The address of a server that says this to whatever it is sent, and ends the connection if asked to."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepted: list[socket.socket] = []

        def serve(connection: socket.socket) -> None:
            try:
                while connection.recv(65_536):
                    connection.sendall(answer)
                    if end:
                        connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the client has left

        def accept() -> None:
            threads: list[threading.Thread] = []
            while True:
                try:
                    accepted.append(listening.accept()[0])
                except OSError:
                    break
                threads.append(threading.Thread(target=serve, args=(accepted[-1],)))
                threads[-1].start()
            for each in accepted:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # ended already
            for thread in threads:
                thread.join()
            for each in accepted:
                each.close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def silent() -> AbstractContextManager[str]:
    """The address of a server that accepts and says nothing, `127.0.0.1:PORT`."""
    return saying(b"")


@contextmanager
def unused() -> Generator[str]:
    """An address of this machine that refuses connections for as long as the block lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def frozen(server: KeyValueServer) -> Generator[None]:
    """Its process is stopped, while connections stay open."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


@contextmanager
def held(path: Path) -> Generator[Running]:
    """Another process has the file for itself; `tell()` lets it go."""
    with Running(HELD, {"PATH": os.environ["PATH"]}) as holder:
        holder.tell(str(path))
        assert holder.hear() == "held"
        yield holder
