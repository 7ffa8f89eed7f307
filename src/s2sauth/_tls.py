"""The CA certificates for token requests: read ahead on a thread, and again when they have changed on disk."""

import _thread
import errno
import os
import ssl
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, final
from weakref import WeakValueDictionary

from ._core.errors import ConfigurationError, TokenUnavailable
from ._fork_guard import hold_off_forks, thread_ends
from ._process import this_process

Library = Any
"""The module `httpx` or `httpx2`; both have the names that are used here."""

READ_AHEAD_WAIT: Final = 1.0
"""Seconds that a flight waits for the thread that reads ahead; after that it reads by itself."""

FORKS_IN_C: Final = frozenset({"cffi", "ctypes", "uwsgi"})
"""Modules of processes in which C code may fork without Python's fork hooks."""

_contexts: Final = WeakValueDictionary[tuple[object, ...], ssl.SSLContext]()
"""The contexts in use, by what they were read from. The certificates of one take 0.7 MB and up to 20 ms; credentials
objects of one process share nothing else (`scripts/peers --row "Memory per object"`)."""

_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@final
class Certificates:
    """The TLS context of one credentials object.

    `defaults` are the files and folders that the library reads when neither SSL_CERT_FILE nor SSL_CERT_DIR is set.
    """

    def __init__(self, library: Library, defaults: Iterable[str]) -> None:
        self._library = library
        self._defaults = tuple(defaults)
        self._process = this_process()
        self._reading = _thread.allocate_lock()
        """Locked while a thread reads ahead."""
        self._kept: tuple[tuple[object, ...], ssl.SSLContext] | None = None

    def read_ahead(self) -> None:
        """Read while the caller goes on, usually to make a client that reads the same file.

        That takes 15 to 20 ms of a fresh process's first call, three times as long as importing this package
        (benchmarks/cold_start.py). Not where C code may fork, as uWSGI does right after it has imported the
        application: a thread that then waits for the GIL or is inside OpenSSL leaves its locks locked in the child for
        ever (2 of 14 children hung).
        """
        if not sys.modules.keys().isdisjoint(FORKS_IN_C):
            return
        self._reading.acquire()
        try:
            _thread.start_new_thread(self._read, ())
        except RuntimeError:  # no thread can be started: the first flight reads it
            self._reading.release()

    def _read(self) -> None:
        try:
            with (
                hold_off_forks(),
                suppress(Exception),
            ):  # the next flight finds nothing, tries again, and reports what is wrong
                self._current()
        finally:
            self._reading.release()
            thread_ends()

    def context(self) -> ssl.SSLContext:
        """The context for one flight. Raises ConfigurationError, which names the variable; TokenUnavailable if there is
        no file descriptor left."""
        # No hold_off_forks() here: a fork would wait for this thread, this for the reader, the reader for the fork.
        if self._process == this_process() and self._reading.acquire(timeout=READ_AHEAD_WAIT):
            self._reading.release()  # in a forked child there is no such thread, and its lock stays locked
        try:
            with hold_off_forks():
                return self._current()
        except OSError as error:  # ssl.SSLError is one too
            raise unreadable(error) from None

    def _current(self) -> ssl.SSLContext:
        # gevent's patch makes ssl.SSLContext another class.
        variable = next(filter(os.environ.get, _VARIABLES), None)
        paths = self._defaults if variable is None else (os.environ[variable],)
        source = (self._library.__name__, ssl.SSLContext, variable, *map(_as_it_is, paths))
        kept = self._kept
        if kept is None or kept[0] != source:
            context = _contexts.get(source) or _contexts.setdefault(source, self._library.create_ssl_context())
            self._kept = kept = source, context
        return kept[1]


def _as_it_is(path: str) -> object:
    """A value that changes when the file, or one in the folder, is replaced or written to."""
    try:
        with os.scandir(path) as folder:
            return path, tuple(sorted((file.name, _version(file.path)) for file in folder))
    except OSError:  # not a folder
        return path, _version(path)


def _version(path: str) -> tuple[int, ...]:
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def unreadable(error: OSError) -> ConfigurationError | TokenUnavailable:
    """The error to raise when a context cannot be made: it says which variable is unusable, and what to do."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return TokenUnavailable(TOO_MANY_FILES)
    said = f"{type(error).__name__}: {error.strerror or error}"
    if not _keys_can_be_logged():
        return ConfigurationError(
            f"SSLKEYLOGFILE: the file that it names cannot be written, {said}. Unset it, or name a file that can be."
        )
    variable = next(filter(os.environ.get, _VARIABLES), None)
    if variable is None:
        return ConfigurationError(
            f"The CA certificates of the HTTP library cannot be read, {said}. Install them again (package certifi), or "
            "set SSL_CERT_FILE to a PEM file with CA certificates."
        )
    return ConfigurationError(
        f"{variable}: the CA certificates that it names cannot be read, {said}. Name a PEM file with CA certificates, "
        "or unset it."
    )


def _keys_can_be_logged() -> bool:
    path = os.environ.get("SSLKEYLOGFILE")
    if not path:
        return True
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename = path
    except OSError:
        return False
    return True


TOO_MANY_FILES: Final = (
    "The token request could not be sent: this process has too many open files (EMFILE). Likely cause: clients or "
    "responses that are never closed. Close them, or raise the limit (ulimit -n)."
)
