"""Clocks beside `ManualClock`, made as `clock=` asks for them."""

import random
import time
from typing import Any

from s2sauth.testing import ManualClock


class RealClock:
    """The machine's: what credentials have without `clock=`, as an object of a test's own."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime(self) -> float:
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()

    def wait(self, lock: Any, seconds: float, /) -> None:
        lock.acquire(timeout=seconds)

    def random(self) -> float:
        return random.random()


class MovedClock(RealClock):
    """The machine's clocks, which a test can put on: for what really waits, and tokens that grow old meanwhile.

    Chance is always a half.
    """

    def __init__(self) -> None:
        self._moved = 0.0

    def wall(self) -> float:
        return super().wall() + self._moved

    def boottime(self) -> float:
        return super().boottime() + self._moved

    def monotonic(self) -> float:
        return self.boottime()

    def random(self) -> float:
        return 0.5

    def advance(self, seconds: float) -> None:
        """It is so much later."""
        self._moved += seconds


class WrongClock(RealClock):
    """The wall clock of a host is so many seconds ahead."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def wall(self) -> float:
        return super().wall() + self._seconds


class Passing(ManualClock):  # type: ignore[misc]  # final for users; one of its clocks is another here
    """A manual clock whose monotonic time is the machine's: what a drain is measured by."""

    def monotonic(self) -> float:
        return time.monotonic()
