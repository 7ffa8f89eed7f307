"""What belongs to the process: its clocks and chance, its generation, whether it runs in Lambda.

Everything that a platform may lack is looked up, never assumed.
"""

import _thread
import os
import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Protocol


class Lock(Protocol):
    """The two calls of `_thread.lock` that a clock needs."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...  # noqa: FBT001, FBT002  # as _thread.lock

    def release(self) -> None: ...


class Clock(Protocol):
    """The only way time and chance enter. `s2sauth.testing.ManualClock` is the other implementation."""

    def wall(self) -> float:
        """Seconds since the epoch; may step."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back; may stand still while the system is suspended."""
        ...

    def boottime(self) -> float:
        """Like `monotonic`, but counts suspended time where the platform can."""
        ...

    def wait(self, lock: Lock, seconds: float, /) -> None:
        """Return when `lock` could be acquired or `seconds` have passed, whichever is first."""

    def random(self) -> float:
        """A number from [0, 1) that no other process or clone of a snapshot shares."""
        ...


def _boottime() -> Callable[[], float]:
    """The clock that counts suspended time, where there is one (Linux); a partial, since a function costs a frame."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    return time.monotonic


class SystemClock:
    """The machine's clocks and the operating system's randomness (clones of a snapshot share `random`'s state)."""

    wall = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    boottime = staticmethod(_boottime())
    random = staticmethod(random.SystemRandom().random)

    @staticmethod
    def wait(lock: Lock, seconds: float, /) -> None:
        lock.acquire(timeout=seconds)


FORK_WAIT = 1.0
"""Seconds that a fork waits for token requests under way, and a token request for a fork."""

_generation = 0
_forking: Lock = _thread.allocate_lock()
_at_work: dict[Lock, int] = {}


def generation() -> int:
    """A number that differs between a process and its forked children."""
    return _generation


def next_generation() -> None:
    """Called in a forked child: no thread of the parent lives here."""
    global _generation, _forking  # noqa: PLW0603  # the process's own state
    _generation += 1
    _forking = _thread.allocate_lock()
    _at_work.clear()


@contextmanager
def at_work() -> Generator[None]:
    """Around what a flight does in OpenSSL and in other people's code: a fork waits until it is over.

    A thread that holds one of OpenSSL's locks while another one forks leaves it locked in the child for ever: without
    this, 3 of 40 children that were forked in mid-flight hung at their own TLS handshake (benchmarks/sanity.py).
    """
    _pass_through(_forking, FORK_WAIT)
    lock = _thread.allocate_lock()
    lock.acquire()
    _at_work[lock] = _thread.get_ident()
    try:
        yield
    finally:
        _at_work.pop(lock, None)
        lock.release()


def _pass_through(lock: Lock, seconds: float) -> None:
    if lock.acquire(timeout=max(0.0, seconds)):
        lock.release()


def _before_fork() -> None:
    until = time.monotonic() + FORK_WAIT
    _forking.acquire(timeout=FORK_WAIT)
    for lock, thread in list(_at_work.items()):
        if thread != _thread.get_ident():
            _pass_through(lock, until - time.monotonic())


def _after_fork() -> None:
    with suppress(RuntimeError):  # two threads forked at once, and the first one has opened it
        _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=next_generation)


def in_lambda() -> bool:
    """Whether this is a Lambda function, whose threads stand still between invocations."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ
