"""Time and chance: the machine's clocks and its randomness, and the Protocol that a test's clock follows."""

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol


class Lock(Protocol):
    """The part of `_thread.lock` that is used here."""

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
    """The clock that counts suspended time, where there is one (Linux). A partial: a function would cost a frame."""
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
