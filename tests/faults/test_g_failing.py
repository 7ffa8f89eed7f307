"""Group G of the catalogue, stores that are down or hang: 102, 103."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from parts.valkey import Valkey
from s2sauth import CognitoClientCredentials, Event, Freshness, RenewalPolicy
from s2sauth.stores import Store
from s2sauth.stores.redis import RedisStore
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import eventually
from tests.support.shared_store import WatchedStore, landed, seal_of
from tests.support.store_faults import (
    MovedClock,
    dynamodb_url,
    failures,
    frozen,
    guarded,
    held,
    idle,
    silent,
    sqlite_place,
    unused,
)
from tests.support.worlds import GetToken, Threads, World

Make = Callable[..., CognitoClientCredentials]

DEADLINE = 0.6


@pytest.fixture
def server() -> Iterator[Valkey]:
    """A server that does not survive its test."""
    with Valkey() as running:
        yield running


@pytest.fixture(scope="module")
def patient() -> Iterator[Valkey]:
    """One that is the same again after each of the ways to fail."""
    with Valkey() as running:
        yield running


Way = Callable[[Valkey, Path], AbstractContextManager[Store | str]]
"""How a store fails: while the block lasts, the one that it gives."""
WAYS: dict[str, Way] = {}


def way(name: str) -> Callable[[Callable[[Valkey, Path], Generator[Store | str]]], None]:
    """One more of the table."""

    def add(function: Callable[[Valkey, Path], Generator[Store | str]]) -> None:
        WAYS[name] = contextmanager(function)

    return add


@way("redis: refused")
def _(_: Valkey, __: Path) -> Generator[str]:
    with unused() as address:
        yield f"redis://{address}"


@way("redis: no such host")
def _(_: Valkey, __: Path) -> Generator[str]:
    yield "redis://no-such-host.invalid"


@way("redis: no such socket")
def _(_: Valkey, path: Path) -> Generator[str]:
    yield f"unix://{path}/server.sock"


@way("redis: TLS where there is none")
def _(server: Valkey, _: Path) -> Generator[str]:
    yield server.url.replace("redis:", "rediss:")


@way("redis: no password")
def _(server: Valkey, _: Path) -> Generator[str]:
    with locked(server):
        yield server.url


@way("redis: wrong password")
def _(server: Valkey, _: Path) -> Generator[str]:
    with locked(server):
        yield server.url.replace("//", "//:wrong@")


@way("redis: no such user")
def _(server: Valkey, _: Path) -> Generator[str]:
    yield server.url.replace("//", "//nobody:wrong@")


@way("redis: a user without the right")
def _(server: Valkey, _: Path) -> Generator[str]:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">password", "~other:*", "+get")
    yield server.url.replace("//", "//reader:password@")


@way("redis: no such database")
def _(server: Valkey, _: Path) -> Generator[str]:
    yield f"{server.url}/99"


@way("redis: still loading, or whatever it says")
def _(_: Valkey, __: Path) -> Generator[str]:
    with saying(b"-LOADING Redis is loading the dataset in memory\r\n") as address:
        yield f"redis://{address}"


@way("redis: another protocol")
def _(_: Valkey, __: Path) -> Generator[str]:
    with saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as address:
        yield f"redis://{address}"


@way("redis: cut in mid-answer")
def _(_: Valkey, __: Path) -> Generator[str]:
    with saying(b"$100\r\nabc", end=True) as address:
        yield f"redis://{address}"


@way("redis: hangs, stopped")
def _(server: Valkey, _: Path) -> Generator[str]:
    with frozen(server):
        yield server.url


@way("redis: hangs, silent")
def _(_: Valkey, __: Path) -> Generator[str]:
    with silent() as address:
        yield f"redis://{address}"


@way("sqlite: no folder")
def _(_: Valkey, path: Path) -> Generator[str]:
    yield f"sqlite://{path}/missing/tokens.db"


@way("sqlite: a file for a folder")
def _(_: Valkey, path: Path) -> Generator[str]:
    (path / "file").touch()
    yield f"sqlite://{path}/file/tokens.db"


@way("sqlite: a folder for a file")
def _(_: Valkey, path: Path) -> Generator[str]:
    yield f"sqlite://{path}"


@way("sqlite: no database")
def _(_: Valkey, path: Path) -> Generator[str]:
    (path / "tokens.db").write_bytes(b"no database at all" * 1_000)
    (path / "tokens.db").chmod(0o600)
    yield f"sqlite://{path}/tokens.db"


@way("sqlite: readable by all")
def _(_: Valkey, path: Path) -> Generator[str]:
    (path / "tokens.db").touch(0o644)
    (path / "tokens.db").chmod(0o644)
    yield f"sqlite://{path}/tokens.db"


@way("sqlite: hangs, locked")
def _(_: Valkey, path: Path) -> Generator[str]:
    place = sqlite_place(path / "tokens.db")
    place.store.put("key", b"value", replaces=None, seconds=60)
    with held(path / "tokens.db"):
        yield place.url


@way("dynamodb: refused")
def _(_: Valkey, __: Path) -> Generator[str]:
    with unused() as address:
        yield dynamodb_url(f"http://{address}")


@way("dynamodb: no such host")
def _(_: Valkey, __: Path) -> Generator[str]:
    yield dynamodb_url("http://no-such-host.invalid")


@way("dynamodb: another server")
def _(server: Valkey, _: Path) -> Generator[str]:
    yield dynamodb_url(f"http://127.0.0.1:{server.port}")


@way("dynamodb: hangs, silent")
def _(_: Valkey, __: Path) -> Generator[str]:
    with silent() as address:
        yield dynamodb_url(f"http://{address}")


@way("your own: hangs")
def _(_: Valkey, __: Path) -> Generator[Store]:
    store = WatchedStore()
    gate = store.hold("get", "put", "delete", "close")
    yield store
    gate.set()


@way("your own: raises")
def _(_: Valkey, __: Path) -> Generator[Store]:
    store = WatchedStore()
    store.fail(error=RuntimeError)
    yield store


@way("your own: returns what it must not")
def _(_: Valkey, __: Path) -> Generator[Store]:
    class Wrong:
        def get(self, key: str) -> Any:
            return key

        def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> Any:
            return seconds

        def delete(self, key: str, value: bytes) -> None:
            """Nothing."""

        close: Any = print

    yield Wrong()


@contextmanager
def locked(server: Valkey) -> Generator[None]:
    """Its password is `right`."""
    with server.client() as client:
        client.config_set("requirepass", "right")
        try:
            yield
        finally:
            client.config_set("requirepass", "")


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


class TestEveryWay:
    """Each engine, each way to fail. What hangs takes 1.3 s: 0.3 s while somebody waits, then its full second."""

    @pytest.fixture
    def clock(self) -> MovedClock:
        """Waits are real, and tokens grow old by the test's leave."""
        return MovedClock()

    @pytest.mark.usefixtures("aws_variables")
    @pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
    def test_102_caller_gets_its_token_whatever_the_store_does(
        self,
        make: Make,
        fake: FakeCognito,
        clock: MovedClock,
        events: list[Event],
        patient: Valkey,
        tmp_path: Path,
        way: Way,
    ) -> None:
        """Cold: within the deadline. STALE: the token in hand, at once, and a new one comes in the background."""
        with way(patient, tmp_path) as store:
            member = make(store=store, policy=RenewalPolicy(deadline=DEADLINE))
            member.httpx_auth(fake.api_url)  # what is imported and read once is not counted
            began = time.monotonic()
            token = member.get_token()
            assert time.monotonic() - began < DEADLINE
            landed(member)

            clock.advance(3_000)
            assert member.state().freshness is Freshness.STALE
            began = time.monotonic()
            assert member.get_token() is token
            assert time.monotonic() - began < 0.05

            landed(member)
            assert member.get_token() is not token
        idle(member)
        assert fake.counts()["token_requests"] == 2
        assert names(events).count("store_failed") == 2
        assert names(events).count("renewal_failed") == 0


def test_102_one_warning_a_minute_and_it_comes_back_by_itself(
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
    assert said == [logging.WARNING] * 2  # caplog hears of no DEBUG

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


def test_102_store_that_is_down_costs_one_look_while_it_is_left_alone(
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
    assert store.calls == ["get", "get"]


STEPS = ("before the first look", "before the lease", "before the second look", "before the write", "before the end")


@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_102_server_killed_between_two_operations(
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


def test_102_server_killed_in_mid_operation(
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


def test_103_server_that_hangs_for_a_moment_is_waited_for(
    make: Make, fake: FakeCognito, events: list[Event], server: Valkey
) -> None:
    """Within its time the answer comes after all, and is taken."""
    first = make(store=server.url)
    token = first.get_token()
    landed(first)
    second = make(store=server.url)
    with frozen(server):
        caller = Threads().start([GetToken(second)])
        eventually(lambda: bool(second._shared._fleet and guarded(second)._under_way))
    (taken,) = caller.values()
    landed(second)
    assert taken.access_token == token.access_token
    assert fake.counts()["token_requests"] == 1
    assert failures(events) == []


@pytest.mark.parametrize("step", range(1, len(STEPS)), ids=STEPS[1:])
def test_103_server_that_hangs_later_in_a_flight(
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


def test_103_answer_that_comes_late_is_nobodys(
    make: Make, fake: FakeCognito, events: list[Event], server: Valkey
) -> None:
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
