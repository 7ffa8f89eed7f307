"""Each engine of a store in each way in which it fails."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from parts.valkey import Valkey
from s2sauth import CognitoClientCredentials, Event, Freshness, RenewalPolicy
from s2sauth.stores import Store
from s2sauth.testing import FakeCognito
from tests.support.clocks import MovedClock
from tests.support.fixtures import names
from tests.support.shared_store import WatchedStore, idle, landed
from tests.support.store_faults import dynamodb_url, frozen, held, saying, silent, sqlite_place, unused

Make = Callable[..., CognitoClientCredentials]

DEADLINE = 4.0


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
    yield f"sqlite:///{path}/missing/missing/tokens.db"


@way("sqlite: a folder for all")
def _(_: Valkey, path: Path) -> Generator[str]:
    (path / "open").mkdir()
    (path / "open").chmod(0o1777)
    yield f"sqlite:///{path}/open/tokens.db"


@way("sqlite: a file for a folder")
def _(_: Valkey, path: Path) -> Generator[str]:
    (path / "file").touch()
    yield f"sqlite:///{path}/file/tokens.db"


@way("sqlite: a folder for a file")
def _(_: Valkey, path: Path) -> Generator[str]:
    yield f"sqlite:///{path}"


@way("sqlite: no database")
def _(_: Valkey, path: Path) -> Generator[str]:
    (path / "tokens.db").write_bytes(b"no database at all" * 1_000)
    (path / "tokens.db").chmod(0o600)
    yield f"sqlite:///{path}/tokens.db"


@way("sqlite: readable by all")
def _(_: Valkey, path: Path) -> Generator[str]:
    (path / "tokens.db").touch(0o644)
    (path / "tokens.db").chmod(0o644)
    yield f"sqlite:///{path}/tokens.db"


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


@pytest.fixture
def clock() -> MovedClock:
    """Waits are real, and tokens grow old by the test's leave."""
    return MovedClock()


@pytest.mark.fault(102)
@pytest.mark.usefixtures("aws_variables")
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_caller_gets_its_token_whatever_the_store_does(
    make: Make,
    fake: FakeCognito,
    clock: MovedClock,
    events: list[Event],
    patient: Valkey,
    tmp_path: Path,
    way: Way,
) -> None:
    """Cold: within the deadline. STALE: the token in hand, at once, and a new one comes in the background.

    What hangs takes 1 s; a server without TLS 1 s more, the second time, in the background.
    """
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
        assert time.monotonic() - began < 0.9  # less than what hangs takes
    landed(member)
    assert member.get_token() is not token
    idle(member)
    assert fake.counts()["token_requests"] == 2
    assert names(events).count("store_failed") in (1, 2)  # it may work again by the second time
    assert names(events).count("renewal_failed") == 0
