"""What `Store` promises, for every engine; DynamoDB's stand-in MiniStack runs the same in tests/integration.

Memory and SQLite tell time by a clock that the test moves. Servers have their own: there entries live a fraction of a
second, and a test looks again and again until they are outlived.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from secrets import token_hex

import pytest

from s2sauth.stores import Store
from s2sauth.stores.base import MAX_VALUE
from tests.support.forking import in_child, in_children
from tests.support.stores import (
    WRITERS,
    DynamoDBEngine,
    Engine,
    MemoryEngine,
    Processes,
    RedisEngine,
    SQLiteEngine,
)

LONG = 1_000.0
CROWD = 16
OTHER = b"another value"


@pytest.fixture(params=["memory", "sqlite", "valkey", "redis", "moto"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each engine in turn."""
    found: Engine
    match request.param:
        case "memory":
            found = MemoryEngine()
        case "sqlite":
            found = SQLiteEngine(tmp_path / "tokens.db")
        case "valkey":
            found = RedisEngine(request.getfixturevalue("valkey"))
        case "redis":
            found = RedisEngine(request.getfixturevalue("redis_server"))
        case _:
            request.getfixturevalue("aws_variables")
            found = DynamoDBEngine(request.getfixturevalue("moto").url)
    with closing(found):
        yield found


@pytest.fixture
def store(engine: Engine) -> Store:
    """A store."""
    return engine.open()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd on a busy machine may need more than the second that SQLite waits for a lock."""
    monkeypatch.setattr("s2sauth.stores.sqlite._BUSY", 30.0)


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"s2sauth:1:{token_hex(32)}"


def value_under(store: Store, key: str) -> bytes | None:
    """What lies there now."""
    found = store.get(key)
    return None if found is None else found.value


def in_a_crowd(of: list[Callable[[], bool]]) -> list[bool]:
    """What they return, each on a thread of its own, all at once."""
    barrier = threading.Barrier(len(of))

    def run(one: Callable[[], bool]) -> bool:
        barrier.wait(10)
        return one()

    with ThreadPoolExecutor(len(of)) as pool:
        return list(pool.map(run, of))


class TestPutAndGet:
    """One thread."""

    def test_nothing_lies_under_a_new_key(self, store: Store, key: str) -> None:
        """Before anything was written, too, when there may be no file."""
        assert store.get(key) is None

    @pytest.mark.parametrize(
        "value",
        [
            b"x",
            b"",
            bytes(range(128)),
            b" \r\n\t ",
            b"\0",
            b"nil",
            b"-1",
            b'{"a": "\\u0000\\ud800"}',
            b"%s {0} ? :value0 #value",
            b"x" * MAX_VALUE,
        ],
        ids=["one", "none", "all", "blanks", "NUL", "nil", "number", "JSON", "templates", "longest"],
    )
    def test_what_was_put_is_found(self, store: Store, key: str, value: bytes) -> None:
        """Byte by byte, whatever ASCII it is."""
        assert store.put(key, value, replaces=None, seconds=LONG)

        assert value_under(store, key) == value

    def test_something_else_is_not_written_over(self, store: Store, key: str) -> None:
        """It stays, and does not live longer for it."""
        store.put(key, b"value", replaces=None, seconds=LONG)

        assert not store.put(key, OTHER, replaces=None, seconds=10 * LONG)

        found = store.get(key)
        assert found is not None
        assert found.value == b"value"
        assert found.left <= LONG

    def test_what_it_replaces_is_written_over(self, store: Store, key: str) -> None:
        """Value and seconds; these may be fewer than before."""
        store.put(key, b"value", replaces=None, seconds=LONG)

        assert store.put(key, OTHER, replaces=b"value", seconds=LONG / 10)

        found = store.get(key)
        assert found is not None
        assert found.value == OTHER
        assert found.left <= LONG / 10

    @pytest.mark.parametrize("replaces", [b"", b"valu", b"value ", b"Value", b"value\0"])
    def test_what_is_nearly_the_same_is_not_replaced(self, store: Store, key: str, replaces: bytes) -> None:
        """A part of it, more than it, another case."""
        store.put(key, b"value", replaces=None, seconds=LONG)

        assert not store.put(key, OTHER, replaces=replaces, seconds=LONG)

        assert value_under(store, key) == b"value"

    def test_what_it_would_replace_need_not_be_there(self, store: Store, key: str) -> None:
        """Nothing is always written over."""
        assert store.put(key, OTHER, replaces=b"value", seconds=LONG)

        assert value_under(store, key) == OTHER

    def test_a_late_writer_does_not_replace_what_it_has_not_seen(self, store: Store, key: str) -> None:
        """Between its reading and its writing somebody wrote."""
        store.put(key, b"first", replaces=None, seconds=LONG)
        store.put(key, b"second", replaces=b"first", seconds=LONG)

        assert not store.put(key, b"late", replaces=b"first", seconds=LONG)

        assert value_under(store, key) == b"second"

    @pytest.mark.parametrize("replaces", [None, b"first"])
    def test_the_same_put_succeeds_again(self, store: Store, key: str, replaces: bytes | None) -> None:
        """Its first answer may have been lost. Its seconds begin anew."""
        if replaces is not None:
            store.put(key, replaces, replaces=None, seconds=LONG)
        assert store.put(key, b"value", replaces=replaces, seconds=LONG)

        assert store.put(key, b"value", replaces=replaces, seconds=2 * LONG)

        found = store.get(key)
        assert found is not None
        assert found.value == b"value"
        assert LONG < found.left <= 2 * LONG

    def test_keys_do_not_touch_each_other(self, store: Store, key: str) -> None:
        """A lease lies beside the entry that it is for."""
        lease = f"{key}:lease"
        store.put(key, b"value", replaces=None, seconds=LONG)

        assert store.get(lease) is None
        assert store.put(lease, b"owner", replaces=None, seconds=LONG)
        store.delete(key, b"value")

        assert store.get(key) is None
        assert value_under(store, lease) == b"owner"

    def test_stores_of_one_place_see_the_same(self, engine: Engine, key: str) -> None:
        """What one has finished writing, another reads."""
        one, other = engine.open(), engine.open()

        one.put(key, b"value", replaces=None, seconds=LONG)
        assert value_under(other, key) == b"value"
        other.delete(key, b"value")

        assert one.get(key) is None

    def test_it_is_usable_after_close(self, store: Store, key: str) -> None:
        """close() comes at the end of each renewal, also of one that had nothing to do."""
        store.close()
        store.close()
        store.put(key, b"value", replaces=None, seconds=LONG)
        store.close()

        assert value_under(store, key) == b"value"
        store.close()
        store.delete(key, b"value")
        store.close()
        assert store.put(key, OTHER, replaces=None, seconds=LONG)

    def test_a_value_that_is_too_long_is_cut(self, store: Store, key: str) -> None:
        """One byte more than the longest says that it is not ours, and is enough to replace it."""
        store.put(key, b"x" * (MAX_VALUE + 500), replaces=None, seconds=LONG)

        found = store.get(key)

        assert found is not None
        assert found.value == b"x" * (MAX_VALUE + 1)
        assert not store.put(key, b"value", replaces=b"x" * MAX_VALUE, seconds=LONG)
        assert store.put(key, b"value", replaces=found.value, seconds=LONG)
        assert value_under(store, key) == b"value"


class TestDelete:
    """Who may remove what."""

    def test_a_value_is_removed_by_its_name(self, store: Store, key: str) -> None:
        """Then nothing lies there."""
        store.put(key, b"value", replaces=None, seconds=LONG)

        store.delete(key, b"value")

        assert store.get(key) is None
        assert store.put(key, OTHER, replaces=None, seconds=LONG)

    @pytest.mark.parametrize("value", [OTHER, b"", b"valu", b"value "])
    def test_something_else_stays(self, store: Store, key: str, value: bytes) -> None:
        """A lease of another owner, for one."""
        store.put(key, b"value", replaces=None, seconds=LONG)

        store.delete(key, value)

        assert value_under(store, key) == b"value"

    def test_nothing_may_be_there(self, store: Store, key: str) -> None:
        """Before anything was written, and for the second time."""
        store.delete(key, b"value")
        store.put(key, b"value", replaces=None, seconds=LONG)
        store.delete(key, b"value")
        store.delete(key, b"value")

        assert store.get(key) is None


class TestTime:
    """Lives, and their ends."""

    def test_it_goes_when_its_seconds_are_over(self, engine: Engine, store: Store, key: str) -> None:
        """Whoever looks then finds nothing."""
        store.put(key, b"value", replaces=None, seconds=engine.life)

        engine.wait_for(lambda: store.get(key) is None, engine.life)

    @pytest.mark.parametrize("replaces", [None, b"first"])
    def test_what_is_outlived_is_written_over(
        self, engine: Engine, store: Store, key: str, replaces: bytes | None
    ) -> None:
        """Whether or not it was removed, and whatever the writer thinks is there."""
        store.put(key, b"old", replaces=None, seconds=engine.life)

        engine.wait_for(lambda: store.put(key, b"new", replaces=replaces, seconds=LONG), engine.life)

        assert value_under(store, key) == b"new"

    def test_what_is_outlived_need_not_be_removed(self, engine: Engine, store: Store, key: str) -> None:
        """Its owner may try."""
        store.put(key, b"old", replaces=None, seconds=engine.life)
        engine.wait_for(lambda: store.get(key) is None, engine.life)

        store.delete(key, b"old")

        assert store.get(key) is None

    def test_left_is_never_more_than_true(self, engine: Engine, store: Store, key: str) -> None:
        """Nor more than a second less."""
        store.put(key, b"value", replaces=None, seconds=LONG)
        written = engine.clock.boottime()

        found = store.get(key)

        assert found is not None
        assert LONG - 1 < found.left <= written + LONG - engine.clock.boottime()

    def test_left_goes_down(self, engine: Engine, store: Store, key: str) -> None:
        """As time passes."""

        def left() -> float:
            found = store.get(key)
            assert found is not None
            return found.left

        store.put(key, b"value", replaces=None, seconds=LONG)
        before = left()

        engine.wait_for(lambda: left() <= before - engine.life, engine.life)


@pytest.mark.parametrize("engine", ["memory", "sqlite"], indirect=True)
class TestLastTick:
    """Where the test moves the clock, lives end to the tick."""

    @pytest.mark.parametrize(
        ("passed", "left"),
        [(0.0, 10.0), (9.75, 0.25), (10.0, None), (10.25, None)],
        ids=["new", "last", "over", "long"],
    )
    def test_it_ends_after_its_seconds(
        self, engine: Engine, store: Store, key: str, passed: float, left: float | None
    ) -> None:
        """Not one earlier: for get, put and delete alike."""
        store.put(key, b"value", replaces=None, seconds=10.0)
        engine.wait_for(lambda: True, passed)

        found = store.get(key)

        assert (None if found is None else found.left) == left
        assert store.put(key, OTHER, replaces=None, seconds=10.0) is (left is None)


class TestCrowds:
    """Many threads, one store and several."""

    def test_one_of_many_is_first(self, engine: Engine, key: str) -> None:
        """A lease has one owner."""
        stores = [engine.open() for _ in range(4)]
        owners = [b"owner %d" % number for number in range(CROWD)]

        won = in_a_crowd(
            [
                lambda number=number, owner=owner: stores[number % 4].put(key, owner, replaces=None, seconds=LONG)  # type: ignore[misc]  # bound in the loop
                for number, owner in enumerate(owners)
            ]
        )

        assert won.count(True) == 1
        assert value_under(stores[0], key) == owners[won.index(True)]

    def test_one_of_many_replaces(self, store: Store, key: str) -> None:
        """All have read the same."""
        store.put(key, b"old", replaces=None, seconds=LONG)
        values = [b"new %d" % number for number in range(CROWD)]

        won = in_a_crowd(
            [
                lambda value=value: store.put(key, value, replaces=b"old", seconds=LONG)  # type: ignore[misc]  # bound in the loop
                for value in values
            ]
        )

        assert won.count(True) == 1
        assert value_under(store, key) == values[won.index(True)]

    def test_one_of_many_takes_what_is_outlived(self, engine: Engine, store: Store, key: str) -> None:
        """The lease of an owner that died."""
        store.put(key, b"dead", replaces=None, seconds=engine.life)
        engine.wait_for(lambda: store.get(key) is None, engine.life)
        owners = [b"owner %d" % number for number in range(CROWD)]

        won = in_a_crowd(
            [
                lambda owner=owner: store.put(key, owner, replaces=None, seconds=LONG)  # type: ignore[misc]  # bound in the loop
                for owner in owners
            ]
        )

        assert won.count(True) == 1
        assert value_under(store, key) == owners[won.index(True)]

    def test_many_may_write_the_same(self, store: Store, key: str) -> None:
        """As retries do."""
        assert all(in_a_crowd([lambda: store.put(key, b"value", replaces=None, seconds=LONG)] * CROWD))


class Shared:
    """What only an engine outside of the process knows."""

    def test_a_value_of_another_type_is_empty(self, engine: Engine, store: Store, key: str) -> None:
        """It stays until it is replaced as what was read, or removed as that."""
        engine.plant(key, 7)

        assert value_under(store, key) == b""
        assert not store.put(key, b"value", replaces=None, seconds=LONG)
        assert store.put(key, b"value", replaces=b"", seconds=LONG)
        assert value_under(store, key) == b"value"

    def test_a_value_of_another_type_is_removed(self, engine: Engine, store: Store, key: str) -> None:
        """Under the name that was read."""
        engine.plant(key, 7)
        store.delete(key, b"value")
        assert value_under(store, key) == b""

        store.delete(key, b"")

        assert store.get(key) is None

    @pytest.mark.parametrize(
        "value", ["ü".encode(), b"x" * 200_000, "ü".encode() * MAX_VALUE], ids=["text", "long", "long text"]
    )
    def test_what_somebody_else_wrote_does_no_harm(self, engine: Engine, store: Store, key: str, value: bytes) -> None:
        """It need not be ASCII, nor short."""
        engine.plant(key, value)

        found = store.get(key)

        assert found is not None
        assert found.value == value[: MAX_VALUE + 1]
        assert store.put(key, b"value", replaces=found.value, seconds=LONG)

    def test_one_of_many_processes_is_first(self, engine: Engine, processes: Processes, key: str) -> None:
        """All write at once where nothing lies. The first takes a second or two: they are started."""
        owners = [b"owner %d" % number for number in range(WRITERS)]

        won = processes(engine.maker(), key, owners)

        assert won.count(True) == 1

    def test_a_forked_child_uses_it(self, store: Store, key: str) -> None:
        """With connections of its own; those of its parent go on."""
        store.put(key, b"value", replaces=None, seconds=LONG)

        def work() -> tuple[bytes | None, bool]:
            answers = value_under(store, key), store.put(key, OTHER, replaces=b"none", seconds=LONG)
            store.close()
            return answers

        assert in_child(work) == (b"value", False)
        assert in_children(work, 3) == [(b"value", False)] * 4
        store.delete(key, b"value")
        assert store.get(key) is None


@pytest.mark.parametrize("engine", ["sqlite", "valkey", "redis", "moto"], indirect=True)
class TestShared(Shared):
    """All but the memory's."""
