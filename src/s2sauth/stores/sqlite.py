"""The store of one machine's processes: an SQLite file. Nothing but the standard library."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import final

from .._clock import Clock, SystemClock
from .._core.search import StoreBusy
from ._private_file import is_there, make
from .base import MAX_VALUE, Found

_BUSY = 0.1
"""Seconds for which SQLite itself waits for another process's lock, before that is said."""
_LIMIT = 1.0
"""Seconds after which an operation starts no more steps: a trigger that somebody added to the table may never end."""
_STEPS = 1_000
"""Steps of SQLite's virtual machine between two looks at the clock: some microseconds."""

# "wall" and "boot" are the moments at which a row has outlived its seconds, by either clock.
_CREATE = "CREATE TABLE IF NOT EXISTS s2sauth (key TEXT PRIMARY KEY, value BLOB, wall REAL, boot REAL) WITHOUT ROWID"
_THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 's2sauth'"
_GET = (
    "SELECT coalesce(CASE typeof(value) WHEN 'blob' THEN substr(value, 1, ?) END, x''), wall, boot"
    " FROM s2sauth WHERE key = ?"
)
_PUT = "INSERT OR REPLACE INTO s2sauth (key, value, wall, boot) VALUES (?, ?, ?, ?)"
_DELETE = "DELETE FROM s2sauth WHERE key = ?"
_CLEAR = "DELETE FROM s2sauth WHERE wall <= ? OR boot <= ?"


@final
class SQLiteStore:
    """A file that processes of one machine share, `SQLiteStore("/var/lib/files-service/tokens.db")`.

    The first write makes it with mode 0600, and its folder with mode 0700; the folder above must exist. PermissionError
    for a file that other users can read, and for a folder that they can write to, such as /tmp: in "/tmp/files-service"
    it is safe. Nothing stays open between operations, so a fork does no harm.
    Not for several machines on one network file system: they do not have the same boot-time clock.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock | None = None) -> None:
        self._path = Path(os.path.abspath(path))  # noqa: PTH100  # the working directory may change; symlinks stay
        self._clock = SystemClock() if clock is None else clock

    def get(self, key: str) -> Found | None:
        """What lies under `key`; takes no lock that keeps others from writing."""
        if not is_there(self._path):
            return None
        with self._connection() as connection:
            return self._find(connection, key)

    def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
        """Write `value`; a lock is asked for only if that could succeed."""
        wall, boot = self._clock.wall() + seconds, self._clock.boottime() + seconds
        if not is_there(self._path):
            make(self._path)
        with self._connection() as connection:
            if not self._is_free(connection, key, value, replaces):
                return False
            with _writing(connection):
                if not self._is_free(connection, key, value, replaces):
                    return False
                connection.execute(_CREATE)
                connection.execute(_CLEAR, (self._clock.wall(), self._clock.boottime()))
                connection.execute(_PUT, (key, value, wall, boot))
        return True

    def delete(self, key: str, value: bytes) -> None:
        """Remove `value`; a lock is asked for only if it is there."""
        if not is_there(self._path):
            return
        with self._connection() as connection:
            if self._holds(connection, key, value):
                with _writing(connection):
                    if self._holds(connection, key, value):
                        connection.execute(_DELETE, (key,))

    def close(self) -> None:
        """Nothing: each operation has closed what it opened."""

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        # mode=rw: a file that has gone meanwhile is not made anew by SQLite. isolation_level: BEGIN is ours to say.
        connection = sqlite3.connect(f"{self._path.as_uri()}?mode=rw", timeout=_BUSY, isolation_level=None, uri=True)
        until = self._clock.monotonic() + _LIMIT
        try:
            connection.set_progress_handler(lambda: self._clock.monotonic() > until, _STEPS)
            connection.execute("PRAGMA synchronous = NORMAL")
            yield connection
        except sqlite3.OperationalError as error:
            # The lowest byte is the primary code, whatever it is about.
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoreBusy from error
            raise
        finally:
            connection.close()

    def _find(self, connection: sqlite3.Connection, key: str) -> Found | None:
        if connection.execute(_THERE).fetchone() is None:
            return None
        for value, wall, boot in connection.execute(_GET, (MAX_VALUE + 1, key)):
            left = min(_left(wall, self._clock.wall()), _left(boot, self._clock.boottime()))
            return Found(value, left) if left > 0 else None
        return None

    def _is_free(self, connection: sqlite3.Connection, key: str, value: bytes, replaces: bytes | None) -> bool:
        found = self._find(connection, key)
        return found is None or found.value in (value, replaces)

    def _holds(self, connection: sqlite3.Connection, key: str, value: bytes) -> bool:
        found = self._find(connection, key)
        return found is not None and found.value == value


def _left(until: object, now: float) -> float:
    """Seconds until that moment; none if it is no number, which somebody else wrote."""
    return until - now if isinstance(until, int | float) else 0.0


@contextmanager
def _writing(connection: sqlite3.Connection) -> Generator[None]:
    """A transaction that nobody else writes beside."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
