"""Clocks beside `ManualClock`, made as `clock=` asks for them."""

import random
import time
from pathlib import Path
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


class FileClock:
    """Its time is the number in a file: a test moves it, and a program sees it too. Chance is always a half."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        if not self._path.exists():
            self._path.write_text("1e9")

    def monotonic(self) -> float:
        return float(self._path.read_text())

    wall = boottime = monotonic

    def wait(self, lock: Any, seconds: float, /) -> None:
        until = self.monotonic() + seconds
        while not lock.acquire(timeout=0.01) and self.monotonic() < until:
            pass

    def random(self) -> float:
        return 0.5

    def advance(self, seconds: float) -> None:
        """It is so much later."""
        later = self._path.with_suffix(".later")
        later.write_text(str(self.monotonic() + seconds))
        later.replace(self._path)  # at once: the program may be reading it
