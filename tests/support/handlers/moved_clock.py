"""A clock that a test moves while programs run: the machine's, plus what a file says."""

import os
import random
import time
from pathlib import Path
from typing import Any

_chance = random.SystemRandom()
"""Clones of a snapshot share the state of `random`."""


class MovedClock:
    """The machine's clocks, plus the seconds that the file says for each of them; without a file none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def move(self, *, wall: float = 0.0, boottime: float = 0.0) -> None:
        """Let these seconds pass for everybody who reads the file."""
        before = self._offsets()
        new = self._path.with_suffix(".new")
        new.write_text(f"{before[0] + wall} {before[1] + boottime}")
        new.replace(self._path)  # who reads it meanwhile gets the old text or the new one

    def wall(self) -> float:
        return time.time() + self._offsets()[0]

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self._offsets()[1]

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, lock: Any, seconds: float, /) -> None:
        lock.acquire(timeout=seconds)

    def random(self) -> float:
        return _chance.random()

    def _offsets(self) -> tuple[float, float]:
        try:
            wall, boottime = self._path.read_text().split()
        except FileNotFoundError:
            return 0.0, 0.0
        return float(wall), float(boottime)


class HandlersClock(MovedClock):
    """The one that the test moves, by its variables; `CHANCE`, if it is set, is every number drawn."""

    def __init__(self) -> None:
        super().__init__(Path(os.environ["MOVED_CLOCK"]))

    def random(self) -> float:
        chance = os.environ.get("CHANCE")
        return super().random() if chance is None else float(chance)
