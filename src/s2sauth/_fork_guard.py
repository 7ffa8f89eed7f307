"""Keeps forks and the end of the process away from imports and from a flight's work in OpenSSL.

A thread that holds one of OpenSSL's locks during a fork leaves it locked in the child for ever: 3 of 40 children that
were forked during a flight hung in their own TLS handshake, and 1 of 100 when a fork waited for connecting and the
handshake only (benchmarks/sanity.py). At the end of the process OpenSSL frees what a daemon thread may still use: each
of 10 processes that ended while one read CA certificates crashed (tests/test_fork_guard.py). A child that is forked
while another thread imports a module finds that module locked for ever. And a thread that has used OpenSSL takes one of
its locks again when Python is done with it, in the destructor of what OpenSSL keeps for each thread: 1 of 500 children
hung there on a busy machine (benchmarks/sanity.py).
"""

import _thread
import atexit
import logging  # noqa: F401  # pyright: ignore[reportUnusedImport]  # its hook takes its lock after ours has waited
import os
import time
from collections import deque
from contextlib import suppress
from typing import final

from ._clock import Lock

FORK_WAIT = 1.0
"""Seconds that a fork waits for work in progress, which may wait for the network, and that work waits for a fork."""
IMPORT_WAIT = 10.0
"""Seconds that a fork waits for an import, which does end; a child would wait for ever for half a module."""
EXIT_WAIT = 0.5
"""Seconds that the end of the process waits for work in progress."""
LATE_WAIT = 0.05
"""Seconds that later work is held back: after that the process is gone, or an exit handler wants its token."""

LAST_STEPS_WAIT = 0.25
"""Seconds that a fork and the end of the process wait for a thread that only has to end."""
LOOK_EVERY = 0.0005
"""Seconds between two checks whether it has ended."""

_closed: Lock = _thread.allocate_lock()
"""Locked while no work may begin."""
_patience = FORK_WAIT
_working: dict[Lock, tuple[int, float]] = {}
"""The work in progress: on which thread, and for how long a fork waits for it."""
_ending: deque[int] = deque(maxlen=16)
"""The kernel's numbers of the latest threads that ended as far as Python is concerned."""
_pid = os.getpid()
"""The process that this state belongs to."""
_number = getattr(_thread, "get_native_id", _thread.get_ident)


def hold_off_forks(seconds: float = FORK_WAIT) -> "_Work":
    """For a `with` around imports, OpenSSL, name resolution and users' code.

    A fork on another thread waits for the block for so many seconds at most, the end of the process for EXIT_WAIT.
    """
    return _Work(seconds)


def hold_off_exit() -> "_Work":
    """The same for the end of the process alone: a fork does not wait."""
    return _Work(0.0)


@final
class _Work:
    __slots__ = ("_fork_waits", "_lock")

    def __init__(self, fork_waits: float) -> None:
        self._fork_waits = fork_waits
        self._lock = _thread.allocate_lock()

    def __enter__(self) -> None:
        """Begin; waits for a fork in progress."""
        _start_over_in_a_child()
        self._enlist()
        if _closed.locked():  # checked after enlisting, as a fork looks for work after closing: one sees the other
            self.__exit__()
            _pass_through(_closed, _patience)
            self._enlist()

    def _enlist(self) -> None:
        self._lock.acquire()
        _working[self._lock] = (_thread.get_ident(), self._fork_waits)

    def __exit__(self, *_: object) -> None:
        _working.pop(self._lock, None)
        self._lock.release()


def _pass_through(lock: Lock, seconds: float) -> None:
    if lock.acquire(timeout=max(0.0, seconds)):
        lock.release()


def thread_ends() -> None:
    """The last step of a thread that did such work."""
    _ending.append(_number())


def _wait_for_ending_threads() -> None:
    """Wait until the system has ended them, too, where that can be seen (Linux)."""
    until = time.monotonic() + LAST_STEPS_WAIT
    with suppress(IndexError):  # there is none left
        while True:
            _wait_until_gone(_ending.popleft(), until)


def _wait_until_gone(number: int, until: float) -> None:
    mine = number == _number()  # gevent's threads are all of this one
    while not mine and time.monotonic() < until and os.path.exists(f"/proc/self/task/{number}"):  # noqa: PTH110  # no import
        time.sleep(LOOK_EVERY)


def stop_work(seconds: float, *, for_fork: bool = False) -> None:
    """Let no work begin, and wait for the work in progress on other threads, for so many seconds at most."""
    _start_over_in_a_child()
    began = time.monotonic()
    _closed.acquire(timeout=min(FORK_WAIT, seconds))
    for lock, (thread, fork_waits) in list(_working.items()):
        if thread != _thread.get_ident():
            patience = min(fork_waits, seconds) if for_fork else seconds
            _pass_through(lock, began + patience - time.monotonic())
    _wait_for_ending_threads()


def resume_work() -> None:
    """Let work begin again."""
    with suppress(RuntimeError):  # two threads forked at the same time, and the first has already done this
        _closed.release()


def _at_exit() -> None:
    global _patience  # noqa: PLW0603  # the process's own state
    _patience = LATE_WAIT
    stop_work(EXIT_WAIT)


def _start_over_in_a_child() -> None:
    """For a child that C code forked: none of Python's fork hooks has run there."""
    if _pid != os.getpid():
        _start_over()


def _start_over() -> None:
    """Called in a forked child: a lock that a thread of the parent holds would never be released here."""
    global _closed, _pid  # noqa: PLW0603  # the process's own state
    _pid = os.getpid()
    _closed = _thread.allocate_lock()
    _working.clear()
    _ending.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: stop_work(IMPORT_WAIT, for_fork=True), after_in_parent=resume_work, after_in_child=_start_over
    )
atexit.register(_at_exit)
