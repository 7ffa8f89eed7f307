"""Keeps imports, and what a flight does in OpenSSL, away from forks and from the end of the process.

A thread that holds one of OpenSSL's locks while another one forks leaves it locked in the child for ever: 3 of 40
children that were forked in mid-flight hung at their own TLS handshake, and 1 of 100 when a fork waited for connecting
and the handshake only (benchmarks/sanity.py). And OpenSSL cleans up at the end of the process under the hands of
whoever is still inside: each of 10 processes that ended while a daemon thread read CA certificates died of it
(tests/test_gate.py). A child that is forked while another thread imports a module finds that module locked for ever.
A thread that has used OpenSSL takes a lock of it once more when it is over for Python, in the destructor of what
OpenSSL keeps for each thread: 1 of 500 children hung at it on a busy machine (benchmarks/sanity.py).
"""

import _thread
import atexit
import logging  # noqa: F401  # pyright: ignore[reportUnusedImport]  # its hook takes its lock after ours has waited
import os
import time
from collections import deque
from contextlib import suppress
from typing import final

from ._process import Lock

FORK_WAIT = 1.0
"""Seconds that a fork waits for work under way, which may be waiting for the network, and work for a fork."""
IMPORT_WAIT = 10.0
"""Seconds that a fork waits for an import, which does end: a child waits for ever for what it has half of."""
EXIT_WAIT = 0.5
"""Seconds that the end of the process waits for work under way."""
NOT_FOR_A_FORK = 0.0
"""What is left to do for others once the token is there: the end of the process waits for it, a fork does not."""
LATE_WAIT = 0.05
"""Seconds that work which begins after that is held back: by then the process is gone, or a handler wants its token."""

LEAVE_WAIT = 0.25
"""Seconds that a fork and the end of the process wait for a thread that has nothing left to do but to end."""
LOOK_EVERY = 0.0005
"""Seconds between two looks whether it has."""

_gate: Lock = _thread.allocate_lock()
_patience = FORK_WAIT
_at_work: dict[Lock, tuple[int, float]] = {}
"""What is under way: on which thread, and for how long a fork waits for it."""
_leaving: deque[int] = deque(maxlen=16)
"""The kernel's numbers of the threads that ended last, as far as Python sees it."""
_pid = os.getpid()
"""The process that all of this is of."""
_number = getattr(_thread, "get_native_id", _thread.get_ident)


@final
class Work:
    """Imports, and what a flight does in OpenSSL, name resolution and other people's code."""

    __slots__ = ("_fork_waits", "_lock")

    def __init__(self, fork_waits: float = FORK_WAIT) -> None:
        self._fork_waits = fork_waits
        self._lock = _thread.allocate_lock()

    def __enter__(self) -> None:
        """Begin; waits for a fork under way."""
        _begin_anew_in_a_child()
        self._enlist()
        if _gate.locked():  # looked at after enlisting, as a fork looks for work after closing it: one sees the other
            self.__exit__()
            _pass_through(_gate, _patience)
            self._enlist()

    def _enlist(self) -> None:
        self._lock.acquire()
        _at_work[self._lock] = (_thread.get_ident(), self._fork_waits)

    def __exit__(self, *_: object) -> None:
        _at_work.pop(self._lock, None)
        self._lock.release()


def _pass_through(lock: Lock, seconds: float) -> None:
    if lock.acquire(timeout=max(0.0, seconds)):
        lock.release()


def leave() -> None:
    """The last step of a thread that did such work."""
    _leaving.append(_number())


def _see_off() -> None:
    """Wait until the threads that are leaving are gone for the system, too, where it can be seen (Linux)."""
    until = time.monotonic() + LEAVE_WAIT
    with suppress(IndexError):  # there is none left
        while True:
            _wait_until_gone(_leaving.popleft(), until)


def _wait_until_gone(number: int, until: float) -> None:
    mine = number == _number()  # gevent's threads are all of this one
    while not mine and time.monotonic() < until and os.path.exists(f"/proc/self/task/{number}"):  # noqa: PTH110  # no import
        time.sleep(LOOK_EVERY)


def close_gate(seconds: float, *, for_fork: bool = False) -> None:
    """Let no work begin, and wait for what is under way on other threads, for so many seconds at most."""
    _begin_anew_in_a_child()
    began = time.monotonic()
    _gate.acquire(timeout=min(FORK_WAIT, seconds))
    for lock, (thread, fork_waits) in list(_at_work.items()):
        if thread != _thread.get_ident():
            patience = min(fork_waits, seconds) if for_fork else seconds
            _pass_through(lock, began + patience - time.monotonic())
    _see_off()


def open_gate() -> None:
    """Let work begin again."""
    with suppress(RuntimeError):  # two threads forked at once, and the first one has opened it
        _gate.release()


def _at_exit() -> None:
    global _patience  # noqa: PLW0603  # the process's own state
    _patience = LATE_WAIT
    close_gate(EXIT_WAIT)


def _begin_anew_in_a_child() -> None:
    """In a child that C code forked no hook of Python has run."""
    if _pid != os.getpid():
        _renew_gate()


def _renew_gate() -> None:
    """Called in a forked child: a lock that a thread of the parent holds would never be released here."""
    global _gate, _pid  # noqa: PLW0603  # the process's own state
    _pid = os.getpid()
    _gate = _thread.allocate_lock()
    _at_work.clear()
    _leaving.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: close_gate(IMPORT_WAIT, for_fork=True), after_in_parent=open_gate, after_in_child=_renew_gate
    )
atexit.register(_at_exit)
