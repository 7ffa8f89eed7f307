"""The store of one machine's processes: an SQLite file. Nothing but the standard library."""

import os
import sqlite3
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import final

from .._clock import Clock, SystemClock
from .base import MAX_VALUE, Found

_BUSY = 1.0
"""Seconds for which SQLite itself waits for another process's lock."""

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

    It is made with mode 0600 when it is first written to; its folder has to be there. PermissionError for a file that
    others can read, or that belongs to another user. Nothing stays open between operations, so a fork does no harm.
    Not for several machines on one network file system: they do not have the same boot-time clock.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock | None = None) -> None:
        self._path = Path(os.path.abspath(path))  # noqa: PTH100  # the working directory may change; symlinks stay
        self._clock = SystemClock() if clock is None else clock

    def get(self, key: str) -> Found | None:
        """What lies under `key`; takes no lock that keeps others from writing."""
        if not self._is_there():
            return None
        with self._connection() as connection:
            return self._find(connection, key)

    def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
        """Write `value`; a lock is asked for only if that could succeed."""
        wall, boot = self._clock.wall() + seconds, self._clock.boottime() + seconds
        if not self._is_there():
            self._make()
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
        if not self._is_there():
            return
        with self._connection() as connection:
            if self._holds(connection, key, value):
                with _writing(connection):
                    if self._holds(connection, key, value):
                        connection.execute(_DELETE, (key,))

    def close(self) -> None:
        """Nothing: each operation has closed what it opened."""

    def _is_there(self) -> bool:
        """Whether there is a file. PermissionError if it is not this user's alone."""
        try:
            infos = os.lstat(self._path), os.stat(self._path)  # noqa: PTH116  # a link must be ours, and what it leads to
        except FileNotFoundError:
            return False
        if hasattr(os, "geteuid"):
            if any(info.st_uid != os.geteuid() for info in infos):
                raise PermissionError(f"{self._path} belongs to another user; give the store a file of its own")
            if stat.S_IMODE(infos[-1].st_mode) & 0o077:
                raise PermissionError(f"{self._path} can be used by other users; chmod 600 {self._path}")
        return True

    def _make(self) -> None:
        """Make an empty file with mode 0600, unless another process was quicker.

        Under another name first: closing a file drops all locks that this process holds on it, those of SQLite in
        another thread, too. And SQLite would make it with the mode that the umask allows.
        """
        new = self._path.with_name(f"{self._path.name}.{os.urandom(8).hex()}")
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            new.chmod(0o600)  # whatever the umask
            os.link(new, self._path)
        except FileExistsError:
            pass
        finally:
            new.unlink()

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        # mode=rw: a file that has gone meanwhile is not made anew by SQLite. isolation_level: BEGIN is ours to say.
        connection = sqlite3.connect(f"{self._path.as_uri()}?mode=rw", timeout=_BUSY, isolation_level=None, uri=True)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            yield connection
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
