"""What is special to a file."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from s2sauth.stores import StoreBusy, sqlite
from s2sauth.stores.base import MAX_VALUE
from s2sauth.stores.sqlite import SQLiteStore
from s2sauth.testing import ManualClock
from tests.support.clocks import RealClock
from tests.support.interpreters import interpreter
from tests.support.scripts import run

KEY = "s2sauth:1:key"
LONG = 1_000.0
FOREIGN = 54_321  # a user id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where nothing is yet."""
    return tmp_path / "tokens.db"


@pytest.fixture
def clock() -> ManualClock:
    """Time that passes when the test says so."""
    return ManualClock()


@pytest.fixture
def store(path: Path, clock: ManualClock) -> SQLiteStore:
    """A store there."""
    return SQLiteStore(path, clock=clock)


@pytest.fixture
def written(path: Path, store: SQLiteStore) -> Path:
    """The file, with a value in it."""
    assert store.put(KEY, b"value", replaces=None, seconds=LONG)
    return path


@contextmanager
def opened(path: Path, first: str = "SELECT 1") -> Generator[sqlite3.Connection]:
    """Somebody else's connection."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(first)
        yield connection


def changed(path: Path, statement: str, *values: object) -> None:
    """Somebody else changes the file."""
    with opened(path) as connection:
        connection.execute(statement, values)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes and owners of this kind")
class TestTheFile:
    """Whose it is, and who may read it."""

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
    def test_only_its_owner_can_read_it(self, store: SQLiteStore, path: Path, umask: int) -> None:
        """Whatever the process's umask says."""
        before = os.umask(umask)
        try:
            assert store.put(KEY, b"value", replaces=None, seconds=LONG)
        finally:
            os.umask(before)

        assert path.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610])
    def test_a_file_for_others_is_refused(self, store: SQLiteStore, written: Path, mode: int) -> None:
        """With the command that mends it; nothing is read or written before."""
        written.chmod(mode)

        for use in (
            lambda: store.get(KEY),
            lambda: store.put(KEY, b"value", replaces=None, seconds=LONG),
            lambda: store.delete(KEY, b"value"),
        ):
            with pytest.raises(PermissionError) as caught:
                use()
            assert str(caught.value) == (
                f"{written} is refused, because other users can read or write it. Run: chmod 600 {written}"
            )

        written.chmod(0o600)
        assert store.get(KEY) is not None

    def test_a_file_of_another_user_is_refused(
        self, store: SQLiteStore, written: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who could swap what lies in it. Not everybody can give a file away: then this process is another user."""
        if os.geteuid() == 0:
            os.chown(written, FOREIGN, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: FOREIGN)

        with pytest.raises(PermissionError, match=r"it belongs to another user\. Use a path where no file is yet\.$"):
            store.get(KEY)

    def test_a_link_is_followed(self, tmp_path: Path, written: Path) -> None:
        """A folder of releases may be built of them."""
        link = tmp_path / "link.db"
        link.symlink_to(written)

        assert SQLiteStore(link, clock=ManualClock()).get(KEY) is not None

    def test_a_link_of_another_user_is_refused(
        self, tmp_path: Path, written: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In a folder for everybody, as /tmp, who could have us write into any database of ours."""
        link = tmp_path / "link.db"
        link.symlink_to(written)
        if os.geteuid() == 0:
            os.chown(link, FOREIGN, -1, follow_symlinks=False)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: FOREIGN)

        with pytest.raises(PermissionError, match="belongs to another user"):
            SQLiteStore(link).put(KEY, b"value", replaces=None, seconds=LONG)

    def test_a_link_to_nothing_makes_no_file(self, tmp_path: Path, path: Path) -> None:
        """Neither there nor here."""
        link = tmp_path / "link.db"
        link.symlink_to(path)

        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            SQLiteStore(link).put(KEY, b"value", replaces=None, seconds=LONG)

        assert list(tmp_path.iterdir()) == [link]

    def test_a_platform_without_user_ids_checks_nothing(
        self, store: SQLiteStore, written: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Windows: there the folder's rights count."""
        written.chmod(0o644)
        monkeypatch.delattr(os, "geteuid")

        assert store.get(KEY) is not None

    def test_reading_makes_no_file(self, store: SQLiteStore, tmp_path: Path) -> None:
        """Nor removing."""
        assert store.get(KEY) is None
        store.delete(KEY, b"value")

        assert list(tmp_path.iterdir()) == []

    def test_an_empty_file_will_do(self, store: SQLiteStore, path: Path) -> None:
        """Made beforehand by an administrator, or by a process that was killed right after."""
        path.touch(0o600)

        assert store.get(KEY) is None
        assert store.put(KEY, b"value", replaces=None, seconds=LONG)

    def test_the_second_of_two_makers_takes_the_file_of_the_first(
        self, store: SQLiteStore, path: Path, written: Path, tmp_path: Path
    ) -> None:
        """Both saw that there was none. Nothing else is left behind."""
        sqlite.make(path)

        assert store.get(KEY) is not None
        assert list(tmp_path.iterdir()) == [written]

    def test_a_file_that_goes_meanwhile_is_not_made_by_sqlite(
        self, store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would be readable for others."""
        monkeypatch.setattr(sqlite, "is_there", lambda path: True)

        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            store.get(KEY)
        assert not path.exists()

    @pytest.mark.parametrize("name", [":memory:", "a?mode=memory", "a#b", "a%20b", "file:a", "ü b"])
    def test_any_name_is_a_files_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """Relative ones are looked up when the store is made, not when it is used."""
        monkeypatch.chdir(tmp_path)
        store = SQLiteStore(name)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir("elsewhere")

        store.put(KEY, b"value", replaces=None, seconds=LONG)

        assert (tmp_path / name).is_file()
        assert store.get(KEY) is not None

    def test_what_is_no_database_stays_as_it_is(self, store: SQLiteStore, path: Path) -> None:
        """It is somebody's; the error says so."""
        path.write_bytes(b"of another kind" * 1_000)
        path.chmod(0o600)

        for use in (lambda: store.get(KEY), lambda: store.put(KEY, b"value", replaces=None, seconds=LONG)):
            with pytest.raises(sqlite3.DatabaseError, match="not a database"):
                use()
        assert path.read_bytes() == b"of another kind" * 1_000

    def test_other_tables_are_left_alone(self, store: SQLiteStore, written: Path) -> None:
        """An application may give us its own database."""
        changed(written, "CREATE TABLE other AS SELECT 7 AS number")
        store.put(KEY, b"other", replaces=b"value", seconds=LONG)

        with opened(written) as connection:
            assert connection.execute("SELECT number FROM other").fetchall() == [(7,)]


class TestLocks:
    """Who waits for whom."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite, "_BUSY", 0.05)

    def test_a_writer_keeps_nobody_from_reading(self, store: SQLiteStore, written: Path) -> None:
        """Nor from learning that there is nothing to write."""
        with opened(written, "BEGIN IMMEDIATE"):
            assert store.get(KEY) is not None
            assert not store.put(KEY, b"other", replaces=None, seconds=LONG)
            store.delete(KEY, b"other")

    @pytest.mark.fault(192)
    @pytest.mark.parametrize(
        "use",
        [
            lambda store: store.put(KEY, b"other", replaces=b"value", seconds=LONG),
            lambda store: store.delete(KEY, b"value"),
        ],
        ids=["put", "delete"],
    )
    def test_a_writer_keeps_others_from_writing(
        self, store: SQLiteStore, written: Path, use: Callable[[SQLiteStore], Any]
    ) -> None:
        """After a tenth of a second, here less, it is said to be busy; the value stays."""
        with opened(written, "BEGIN IMMEDIATE"), pytest.raises(StoreBusy) as caught:
            use(store)
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)

        found = store.get(KEY)
        assert found is not None
        assert found.value == b"value"

    @pytest.mark.fault(192)
    def test_a_locked_file_is_busy(self, store: SQLiteStore, written: Path) -> None:
        """For reading, too."""
        with opened(written, "BEGIN EXCLUSIVE"), pytest.raises(StoreBusy):
            store.get(KEY)

    def test_a_reader_that_does_not_end_keeps_writers_waiting(self, store: SQLiteStore, written: Path) -> None:
        """It comes with the commit; the value stays, and the next write succeeds."""
        with opened(written, "BEGIN") as other:
            other.execute("SELECT * FROM s2sauth").fetchall()
            with pytest.raises(StoreBusy):
                store.put(KEY, b"other", replaces=b"value", seconds=LONG)

        found = store.get(KEY)
        assert found is not None
        assert found.value == b"value"
        assert store.put(KEY, b"other", replaces=b"value", seconds=LONG)

    def test_no_operation_drops_a_lock_of_this_process(self, store: SQLiteStore, written: Path) -> None:
        """POSIX drops all of them when any descriptor of the file is closed, and SQLite relies on them."""
        look = f"import sqlite3; sqlite3.connect({str(written)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
        with opened(written, "BEGIN IMMEDIATE"):
            store.get(KEY)
            store.put(KEY, b"other", replaces=None, seconds=LONG)
            sqlite.make(written)
            done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)

        assert "database is locked" in done.stderr

    @pytest.mark.parametrize("seconds", [LONG, 0.001], ids=["living", "outlived"])
    def test_who_was_quicker_is_seen_under_the_lock(
        self, store: SQLiteStore, written: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, seconds: float
    ) -> None:
        """Between the first look and the lock another process wrote."""
        writing = sqlite._writing

        @contextmanager
        def late(connection: sqlite3.Connection) -> Generator[None]:
            monkeypatch.setattr(sqlite, "_writing", writing)
            assert store.put(KEY, b"quicker", replaces=b"value", seconds=seconds)
            clock.advance(0.5)
            with writing(connection):
                yield

        monkeypatch.setattr(sqlite, "_writing", late)

        assert store.put(KEY, b"slower", replaces=b"value", seconds=LONG) is (seconds < LONG)

        found = store.get(KEY)
        assert found is not None
        assert found.value == (b"quicker" if seconds == LONG else b"slower")

    def test_who_was_quicker_is_not_removed(
        self, store: SQLiteStore, written: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same for delete."""
        writing = sqlite._writing

        @contextmanager
        def late(connection: sqlite3.Connection) -> Generator[None]:
            monkeypatch.setattr(sqlite, "_writing", writing)
            assert store.put(KEY, b"quicker", replaces=b"value", seconds=LONG)
            with writing(connection):
                yield

        monkeypatch.setattr(sqlite, "_writing", late)

        store.delete(KEY, b"value")

        found = store.get(KEY)
        assert found is not None
        assert found.value == b"quicker"


ENDLESS = """
    CREATE TRIGGER endless BEFORE INSERT ON s2sauth BEGIN
        SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n);
    END
"""


@pytest.mark.fault(194)
class TestTime:
    """No statement takes longer than the store may."""

    def test_a_trigger_without_an_end_is_ended(self, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By SQLite itself, after a second, here less: no thread hangs in it for ever. What was there stays."""
        changed(written, ENDLESS)
        monkeypatch.setattr(sqlite, "_LIMIT", 0.05)
        store = SQLiteStore(written, clock=RealClock())

        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            store.put(KEY, b"other", replaces=b"value", seconds=LONG)

        with opened(written) as connection:
            assert connection.execute("SELECT value FROM s2sauth").fetchall() == [(b"value",)]


class TestClocks:
    """Two of them: each alone can be wrong."""

    def left(self, path: Path, clock: ManualClock) -> float | None:
        """What a process with this clock sees."""
        found = SQLiteStore(path, clock=clock).get(KEY)
        return None if found is None else found.left

    def test_a_wall_clock_that_is_set_back_lengthens_nothing(self, written: Path, clock: ManualClock) -> None:
        """The boot-time clock goes on."""
        clock.advance(600)
        clock.step_wall(-5_000)

        assert self.left(written, clock) == LONG - 600
        clock.advance(400)
        assert self.left(written, clock) is None

    def test_a_wall_clock_that_is_set_forward_shortens(self, written: Path, clock: ManualClock) -> None:
        """It may be right."""
        clock.step_wall(600)
        assert self.left(written, clock) == LONG - 600
        clock.step_wall(400)
        assert self.left(written, clock) is None

    def test_suspended_time_counts(self, written: Path, clock: ManualClock) -> None:
        """On both."""
        clock.suspend(600)
        assert self.left(written, clock) == LONG - 600

    def test_after_a_reboot_the_wall_clock_counts(self, path: Path, clock: ManualClock) -> None:
        """The boot-time clock has begun anew."""
        clock.advance(1_000_000)
        SQLiteStore(path, clock=clock).put(KEY, b"value", replaces=None, seconds=LONG)

        rebooted = ManualClock(wall=clock.wall() + 600)
        assert self.left(path, rebooted) == LONG - 600
        rebooted.advance(400)
        assert self.left(path, rebooted) is None

    def test_the_time_for_a_lock_is_part_of_the_life(
        self, store: SQLiteStore, clock: ManualClock, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A token is no younger for having waited."""
        writing = sqlite._writing

        @contextmanager
        def late(connection: sqlite3.Connection) -> Generator[None]:
            clock.advance(600)
            with writing(connection):
                yield

        monkeypatch.setattr(sqlite, "_writing", late)
        store.put(KEY, b"value", replaces=None, seconds=LONG)

        assert self.left(path, clock) == LONG - 600

    def test_what_is_outlived_is_removed_by_the_next_write(
        self, store: SQLiteStore, written: Path, clock: ManualClock
    ) -> None:
        """Of any key, so that the file does not grow."""
        store.put(f"{KEY}:lease", b"owner", replaces=None, seconds=1)
        store.put("s2sauth:1:by-wall", b"owner", replaces=None, seconds=1)
        changed(written, "UPDATE s2sauth SET boot = 1e9 WHERE key = 's2sauth:1:by-wall'")
        clock.advance(1)
        store.put("s2sauth:1:other", b"value", replaces=None, seconds=LONG)

        with opened(written) as connection:
            assert connection.execute("SELECT key FROM s2sauth ORDER BY key").fetchall() == [
                (KEY,),
                ("s2sauth:1:other",),
            ]


class TestForeignRows:
    """What another program wrote into the table."""

    @pytest.mark.parametrize("value", ["text", 7, 1.5, None, b"", "x" * 100_000], ids=lambda value: str(value)[:5])
    def test_another_type_is_empty(self, store: SQLiteStore, written: Path, value: object) -> None:
        """And is replaced as that."""
        changed(written, "UPDATE s2sauth SET value = ?", value)

        found = store.get(KEY)

        assert found is not None
        assert found.value == b""
        assert not store.put(KEY, b"value", replaces=None, seconds=LONG)
        assert store.put(KEY, b"value", replaces=b"", seconds=LONG)

    def test_a_huge_value_is_cut(self, store: SQLiteStore, written: Path) -> None:
        """By SQLite: it does not come into this process's memory as bytes."""
        changed(written, "UPDATE s2sauth SET value = zeroblob(50000000)")

        found = store.get(KEY)

        assert found is not None
        assert found.value == bytes(MAX_VALUE + 1)

    @pytest.mark.parametrize("column", ["wall", "boot"])
    @pytest.mark.parametrize("moment", ["soon", None, b"x", -1, float("-inf")], ids=str)
    def test_without_a_moment_it_is_outlived(
        self, store: SQLiteStore, written: Path, column: str, moment: object
    ) -> None:
        """A lease without an end would keep everybody waiting."""
        changed(written, f"UPDATE s2sauth SET {column} = ?", moment)

        assert store.get(KEY) is None
        assert store.put(KEY, b"other", replaces=None, seconds=LONG)

    def test_it_may_stay_for_ever(self, store: SQLiteStore, written: Path) -> None:
        """Infinity says so."""
        changed(written, "UPDATE s2sauth SET wall = 9e999, boot = 9e999")

        found = store.get(KEY)
        assert found is not None
        assert found.left == float("inf")

    def test_a_table_of_another_make_is_an_error(self, store: SQLiteStore, path: Path) -> None:
        """It is not ours to change."""
        path.touch(0o600)
        changed(path, "CREATE TABLE s2sauth (token TEXT)")

        with pytest.raises(sqlite3.OperationalError, match="no such column"):
            store.get(KEY)


OPENED = """
    import os
    from pathlib import Path
    from s2sauth.stores.sqlite import SQLiteStore

    store = SQLiteStore(Path(os.environ["TOKENS"]))
    print(store.put("key", b"value", replaces=None, seconds=60.0), store.get("key").value)
"""


@pytest.mark.fault(164)
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_newer_pythons_have_nothing_to_say(path: Path, version: str) -> None:
    """What one of them warns of, a later one refuses. An interpreter takes half a second, and to be installed ten."""
    executable, variables = interpreter(version)
    said = run(OPENED, {**variables, "TOKENS": str(path)}, options=["-W", "error"], executable=executable)
    assert said == "True b'value'"
