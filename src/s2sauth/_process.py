"""What belongs to the process: its clocks and chance, which process it is, whether it runs in Lambda.

Everything that a platform may lack is looked up, never assumed.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from contextvars import Context, ContextVar
from functools import partial
from typing import Protocol

begun_by: ContextVar[Context] = ContextVar("s2sauth.begun_by")
"""In a flight, and in what hears of its events: the context of the caller who began it. For tracing, which links to it;
the flight itself goes by nobody's context."""


class Lock(Protocol):
    """What is used of `_thread.lock`."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...  # noqa: FBT001, FBT002  # as _thread.lock

    def release(self) -> None: ...

    def locked(self) -> bool: ...


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


Process = tuple[int, int]
"""A process's id, and a number for what is another process under the same id."""

_generation = 0


def this_process() -> Process:
    """Which process this is: what was made in another one may belong to a thread that does not exist here.

    The id tells a child that C code forked, where Python's fork hooks do not run (uWSGI's workers). The number tells a
    clone of a snapshot, and a child that got the id of a process that has ended.
    """
    return os.getpid(), _generation


def next_generation() -> None:
    """Called in a forked child and after a restore."""
    global _generation  # noqa: PLW0603  # the process's own state
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=next_generation)


_FIRST_PID = os.getpid()


def may_end_at_once() -> bool:
    """Whether this process usually ends by `os._exit()`, which waits for no thread: a child of a fork, or one that
    multiprocessing has started."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return os.getpid() != _FIRST_PID or (multiprocessing is not None and multiprocessing.parent_process() is not None)


def in_lambda() -> bool:
    """Whether this is a Lambda function, whose threads stand still between invocations."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ
