"""Sharing tokens by a SQLite file."""

import os
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from s2sauth import CognitoClientCredentials, Event, RenewalPolicy
from s2sauth.stores.sqlite import SQLiteStore
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.clocks import MovedClock
from tests.support.forking import in_child
from tests.support.settled import eventually
from tests.support.shared_store import (
    LEASED,
    WatchedStore,
    advance_to_the_next_look,
    guarded,
    idle,
    landed,
    put_lease,
    seal_of,
)
from tests.support.store_faults import failures, held
from tests.support.worlds import GetToken, Threads

Make = Callable[..., CognitoClientCredentials]

NOBODY = 65_534


@pytest.fixture
def clock() -> MovedClock:
    """A clock that goes on in a forked child."""
    return MovedClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "tokens.db"


@pytest.fixture
def join(make: Make, path: Path) -> Make:
    """One more process of the machine."""
    return lambda **arguments: make(**{"store": f"sqlite:///{path}", **arguments})


def cold(member: CognitoClientCredentials) -> str:
    """What its first caller gets, once its flight has landed."""
    token = member.get_token()
    landed(member)
    return token.access_token


def mode(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.fault(119)
def test_locked_for_long(join: Make, fake: FakeCognito, events: list[Event], path: Path) -> None:
    """A token within the deadline, one warning; when the file is free again it is whole."""
    token = cold(join())
    member = join(policy=RenewalPolicy(deadline=2.0))
    with held(path) as holder:
        assert member.get_token().access_token != token
        landed(member)
        holder.tell()
        assert holder.hear() == "free"
        idle(member)
    assert len(failures(events)) == 1
    assert join().get_token().access_token == token


@pytest.mark.fault(119)
def test_locked_for_a_moment(join: Make, fake: FakeCognito, events: list[Event], path: Path) -> None:
    """It is waited for, and nobody hears of it."""
    token = cold(join())
    member = join()
    member.httpx_auth(fake.api_url)
    with held(path) as holder:
        caller = Threads().start([GetToken(member)])
        eventually(lambda: bool(guarded(member)._under_way))
        holder.tell()
        (taken,) = caller.values()
    assert taken.access_token == token
    assert failures(events) == []


@pytest.mark.fault(119)
def test_holder_of_the_file_is_killed(join: Make, fake: FakeCognito, events: list[Event], path: Path) -> None:
    """In the middle of its transaction: the file is whole and free."""
    token = cold(join())
    with held(path):
        pass
    assert join().get_token().access_token == token
    assert failures(events) == []


@pytest.mark.fault(119)
def test_journal_of_a_killed_writer(join: Make, fake: FakeCognito, events: list[Event], path: Path) -> None:
    """Half of its transaction is in the file: it is rolled back, and the entry before it is taken."""
    token = cold(join())

    def die() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA cache_size = 1")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE s2sauth SET value = x'00'")
            for number in range(2_000):
                connection.execute("INSERT INTO s2sauth VALUES (?, zeroblob(1000), 0, 0)", (f"key {number}",))
            os._exit(9)

    with pytest.raises(EOFError):
        in_child(die)
    assert path.with_name("tokens.db-journal").exists()
    assert join().get_token().access_token == token
    assert failures(events) == []


@pytest.mark.fault(119)
@pytest.mark.parametrize("place", ["/sys", "/proc", "/dev/null"])
def test_read_only_folder(make: Make, fake: FakeCognito, events: list[Event], place: str) -> None:
    """One in which not even root can make a file."""
    assert cold(make(store=f"sqlite:///{place}/s2sauth.db"))
    assert len(failures(events)) == 1
    assert fake.counts()["token_requests"] == 1


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may read and nobody but its owner write to."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


def in_a_child_of_nobody(function: Callable[[], object], folder: Path) -> object:
    """What it returns where the folder takes no files of ours."""

    def child() -> object:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return function()

    folder.chmod(0o555)
    try:
        return in_child(child)
    finally:
        folder.chmod(0o755)


@pytest.mark.fault(119)
def test_folder_of_another_user(make: Make, fake: FakeCognito, events: list[Event], public: Path) -> None:
    """A read-only root file system looks the same: a token, and a warning."""
    make(store=f"sqlite:///{public}/warm.db").get_token()  # nobody can import nothing from here
    member = make(store=f"sqlite:///{public}/tokens.db", scopes="demo/write.file")
    member.httpx_auth(fake.api_url)

    def child() -> tuple[int, list[str | None]]:
        return len(cold(member)), failures(events)

    length, failed = in_a_child_of_nobody(child, public)  # type: ignore[misc]  # a pair
    assert length > 100
    assert failed == ["PermissionError"]


@pytest.mark.fault(119)
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_another_user(make: Make, fake: FakeCognito, events: list[Event], path: Path) -> None:
    """It is not used: who owns it can put in what he likes."""
    path.touch(0o600)
    os.chown(path, NOBODY, NOBODY)
    assert cold(make(store=f"sqlite:///{path}"))
    assert failures(events) == ["UnsafeFile"]
    assert path.stat().st_size == 0


def write_no_more_than(limit: int) -> None:
    """For the rest of this process's life."""
    import resource  # Windows has none, and no fork before it

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # Python ignores SIGXFSZ


@pytest.mark.fault(119)
@pytest.mark.parametrize("limit", [0, 4_096, 8_192], ids=["no byte", "a page", "two pages"])
def test_disk_is_full(join: Make, fake: FakeCognito, events: list[Event], path: Path, limit: int) -> None:
    """As for a child that may write no more: a token and a warning, and whoever has room finds the file whole."""
    member = join(policy=RenewalPolicy(deadline=2.0))  # a lease that could not be given back lasts 0.5 s
    member.httpx_auth(fake.api_url)

    def child() -> tuple[int, list[str | None]]:
        write_no_more_than(limit)
        return len(cold(member)), failures(events)

    length, failed = in_child(child)
    assert length > 100
    assert failed in (["OperationalError"], ["DatabaseError"])
    token = cold(join())
    assert join().get_token().access_token == token
    assert failures(events) == []


@pytest.mark.fault(119)
def test_disk_gets_full_while_a_token_lies_there(
    join: Make, fake: FakeCognito, events: list[Event], path: Path
) -> None:
    """Reading goes on: it is taken, for nothing."""
    token = cold(join())
    member = join()
    member.httpx_auth(fake.api_url)

    def child() -> tuple[bool, list[str | None]]:
        write_no_more_than(0)
        return cold(member) == token, failures(events)

    assert in_child(child) == (True, [])
    assert fake.counts()["token_requests"] == 1


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_bytes(b"no database at all" * 1_000),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "cut in its head": lambda path: os.truncate(path, 50),
    "zeroed in its middle": lambda path: path.write_bytes(
        path.read_bytes()[:4_096] + bytes(path.stat().st_size - 4_096)
    ),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "other bytes in its head": lambda path: path.write_bytes(b"X" * 100 + path.read_bytes()[100:]),
}


@pytest.mark.fault(119)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_file_is_corrupt(
    join: Make, fake: FakeCognito, events: list[Event], path: Path, damage: Callable[[Path], object]
) -> None:
    """A token and a warning; nothing is repaired by guessing, and a new file helps."""
    old = cold(join())
    damage(path)
    assert cold(join()) != old
    assert len(failures(events)) == 1
    path.unlink()
    events.clear()
    token = cold(join())
    assert join().get_token().access_token == token
    assert failures(events) == []


@pytest.mark.fault(119)
@pytest.mark.parametrize("statement", ["DROP TABLE s2sauth", "UPDATE s2sauth SET wall = 'x', boot = NULL"])
def test_somebody_changed_the_table(
    join: Make, fake: FakeCognito, events: list[Event], path: Path, statement: str
) -> None:
    """A miss, and the next entry is written."""
    cold(join())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    token = cold(join())
    assert join().get_token().access_token == token
    assert failures(events) == []


@pytest.mark.fault(119)
def test_table_of_another_form(join: Make, fake: FakeCognito, events: list[Event], path: Path) -> None:
    """Somebody else's table of that name: it is left as it is."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE s2sauth (other TEXT)")
    path.chmod(0o600)
    assert cold(join())
    assert failures(events) == ["OperationalError"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == [
            ("CREATE TABLE s2sauth (other TEXT)",)
        ]


@pytest.mark.fault(119)
def test_file_is_its_owners_alone(join: Make, path: Path) -> None:
    """Whatever the umask; and nothing else stays beside it."""
    before = os.umask(0)
    try:
        cold(join())
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["tokens.db"]


@pytest.mark.fault(119)
@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o660, 0o666, 0o777], ids=oct)
def test_file_that_others_can_read_is_refused(
    join: Make, fake: FakeCognito, events: list[Event], path: Path, open_to: int
) -> None:
    """And is not made tight in silence: who could read it before may have done so."""
    cold(join())
    path.chmod(open_to)
    assert cold(join())
    assert failures(events) == ["UnsafeFile"]
    assert mode(path) == open_to
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(119)
def test_no_write_ahead_log(join: Make, path: Path) -> None:
    """It needs memory that all processes share, which no network file system has."""
    cold(join())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.mark.fault(119)
def test_file_is_replaced_under_a_flight(
    make: Make, join: Make, fake: FakeCognito, events: list[Event], path: Path
) -> None:
    """Removed between two operations: the next one makes it anew."""
    store = WatchedStore(inner=SQLiteStore(path))
    store.faults = {"delete": path.unlink}
    assert cold(make(store=store))
    token = cold(join())
    assert join().get_token().access_token == token
    assert failures(events) == []


@pytest.mark.fault(119)
def test_fork_between_two_renewals(join: Make, fake: FakeCognito, clock: MovedClock, path: Path) -> None:
    """No file is open then: parent and child go on, each by itself."""
    member = join()
    token = cold(member)
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if os.path.realpath(fd) == str(path)]

    def child() -> str:
        again = join()
        assert cold(again) == token
        return cold(join(scopes="demo/write.file"))

    theirs = in_child(child)
    assert cold(join(scopes="demo/write.file")) == theirs
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(119)
def test_fork_with_the_file_open(
    join: Make, fake: FakeCognito, events: list[Event], clock: MovedClock, path: Path
) -> None:
    """In the midst of a parent's transaction: the child has a token of its own, and the parent's write is whole."""
    token = cold(join())
    member = join(policy=RenewalPolicy(deadline=2.0))
    member.httpx_auth(fake.api_url)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("INSERT INTO s2sauth VALUES ('other', x'00', 9e9, 9e9)")

        def child() -> tuple[bool, int]:
            return cold(member) == token, len(failures(events))

        assert in_child(child) == (False, 1)
        connection.execute("COMMIT")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM s2sauth").fetchone() == (2,)
    assert join().get_token().access_token == token
    assert in_child(lambda: cold(join())) == token


@pytest.mark.fault(191)
@pytest.mark.parametrize("seconds", [3_600.0, 30.0], ids=["an hour", "half a minute"])
def test_wall_clock_that_is_set_back_after_a_crash(make: Make, fake: FakeCognito, path: Path, seconds: float) -> None:
    """The machine restarts, so that neither clock knows when the lease of whoever died ends.

    Callers wait for six tenths of their time at most, and not at all for a lease of an hour. STALE is renewed.
    """
    before = ManualClock()
    before.advance(100_000)
    after = ManualClock(wall=before.wall() - seconds)
    member = make(store=SQLiteStore(path, clock=after), clock=after)
    lease = seal_of(member, fake).lease
    put_lease(SQLiteStore(path, clock=before), seal_of(member, fake), 2.0)
    found = SQLiteStore(path, clock=after).get(lease)
    assert found is not None
    assert found.left == pytest.approx(2.0 + seconds)

    began = after.boottime()
    caller = Threads().start([GetToken(member)])
    while advance_to_the_next_look(member, after, fake):
        pass
    old = caller.values()[0].access_token
    landed(member)
    assert after.boottime() - began == (0.0 if seconds > 60 else pytest.approx(4.8))
    store = SQLiteStore(path, clock=after)
    assert (store.get(lease) is None) is (seconds > 60)
    store.delete(lease, LEASED)

    put_lease(SQLiteStore(path, clock=before), seal_of(member, fake), 2.0 + 2_900)
    after.advance(2_900)
    assert member.get_token().access_token == old
    while advance_to_the_next_look(member, after, fake):
        pass
    landed(member)
    for _ in range(100):
        after.advance(5)
        member.get_token()
        landed(member)
    assert member.get_token().access_token != old
    assert fake.counts()["token_requests"] == 2
