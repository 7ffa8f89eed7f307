"""`ManualClock`: time that passes when a test says so."""

import itertools
import threading
from collections.abc import Iterable, Iterator
from typing import final

from .._clock import Lock


@final
class _Sleeper:
    """A thread inside `wait`."""

    __slots__ = ("due", "lock")

    def __init__(self, due: float, lock: Lock) -> None:
        self.due = due
        self.lock = lock


@final
class ManualClock:
    """A clock for `CognitoClientCredentials(clock=...)` that stands still until it is moved.

        clock = ManualClock()
        credentials = CognitoClientCredentials(..., clock=clock)
        clock.advance(3_000)    # fifty minutes later

    All seconds are floats. `wall` is the moment at which it starts, in seconds since the epoch. `random` is the
    number, or the numbers in turn and then over again, that `random()` returns. For any number of threads; not for
    use after a fork.
    """

    def __init__(self, *, wall: float = 1_790_000_000.25, random: float | Iterable[float] = 0.5) -> None:
        self._wall = wall
        self._monotonic = 5_000.0
        self._boottime = 7_000.0
        self._changed = threading.Condition()
        self._sleepers: list[_Sleeper] = []
        self._random = _numbers(random)

    def wall(self) -> float:
        """Seconds since the epoch."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds since some moment, without what `suspend` added."""
        return self._monotonic

    def boottime(self) -> float:
        """Seconds since some moment, with what `suspend` added."""
        return self._boottime

    def random(self) -> float:
        """The next of the numbers that were set."""
        return next(self._random)

    def set_random(self, random: float | Iterable[float]) -> None:
        """Set what `random()` returns: one number, or some in turn and then over again.

        Raises ValueError for a number outside [0, 1), or none at all.
        """
        self._random = _numbers(random)

    def wait(self, lock: Lock, seconds: float, /) -> None:
        """Block until `lock` could be acquired or `boottime()` has moved on by `seconds`; never if that is 0 or less.

        When the time has come the clock releases `lock`, which the waiting thread then acquires. Somebody else who
        releases the same lock in that instant gets the RuntimeError of an unlocked lock.
        """
        if seconds <= 0:
            lock.acquire(blocking=False)
            return
        with self._changed:
            sleeper = _Sleeper(self._boottime + seconds, lock)
            self._sleepers.append(sleeper)
            self._changed.notify_all()
        try:
            lock.acquire()
        finally:
            with self._changed:
                if sleeper in self._sleepers:
                    self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Let time pass on all clocks, and wake every waiter whose time has come.

        Raises ValueError for negative seconds: `step_wall` is what goes back.
        """
        self._move(seconds, wall=seconds, monotonic=seconds, boottime=seconds)

    def suspend(self, seconds: float) -> None:
        """Let time pass as in a suspended machine: on `wall()` and `boottime()`, not on `monotonic()`.

        Wakes every waiter whose time has come. Raises ValueError for negative seconds.
        """
        self._move(seconds, wall=seconds, monotonic=0.0, boottime=seconds)

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock forward, or back with negative seconds, as NTP does; no time passes."""
        with self._changed:
            self._wall += seconds

    def wait_for_sleepers(self, n: int = 1, timeout: float = 5.0) -> None:
        """Block until at least `n` threads are inside `wait`, so that a test can advance the clock under them.

        `timeout` is in real seconds; raises TimeoutError after it.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._sleepers) >= n, timeout):
                raise TimeoutError(f"{len(self._sleepers)} of {n} threads wait on the clock after {timeout:g} s")

    def _move(self, seconds: float, *, wall: float, monotonic: float, boottime: float) -> None:
        if not seconds >= 0:
            raise ValueError(f"seconds: 0 or more, got {seconds!r}; step_wall() can go back")
        with self._changed:
            self._wall += wall
            self._monotonic += monotonic
            self._boottime += boottime
            due = [sleeper for sleeper in self._sleepers if sleeper.due <= self._boottime]
            self._sleepers = [sleeper for sleeper in self._sleepers if sleeper.due > self._boottime]
            for sleeper in due:
                try:
                    sleeper.lock.release()
                except RuntimeError:
                    pass  # somebody else has just released it: the sleeper is awake


def _numbers(random: float | Iterable[float]) -> Iterator[float]:
    numbers = [random] if isinstance(random, (int, float)) else list(random)
    if not numbers or not all(0 <= number < 1 for number in numbers):
        raise ValueError(f"random: a number from [0, 1) or some of them, got {random!r}")
    return itertools.cycle(numbers)
