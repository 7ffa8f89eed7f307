"""What the engine gets instead of locks, threads, clocks and an event loop of the system: those of the scheduler.

Private modules: the explorer stops at reads and writes of the engine's own state, which nothing public shows.
"""

import _thread
import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest

from s2sauth import _clock as clocks
from s2sauth import _flight, _slots, _waiting
from s2sauth.stores import _guarded

from .scheduler import Scheduler

START = 1_000_000.0
"""Both clocks at the beginning."""


class Lock:
    """`_thread.lock`. Each call is a step."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `_thread.lock.acquire()`."""
        until = self._scheduler.now + (timeout if timeout >= 0 else inf)
        while self._held and blocking and self._scheduler.now < until:
            self._scheduler.wait(lambda: not self._held, until - self._scheduler.now, "acquire()")
        if self._held:
            return False
        self._held = True
        return True

    def release(self) -> None:
        """As `_thread.lock.release()`."""
        self._scheduler.step("release()")
        self.unlock()

    def unlock(self) -> None:
        """Release it without a step."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False

    def locked(self) -> bool:
        """As `_thread.lock.locked()`."""
        return self._held


class RLock:
    """`threading.RLock`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._lock = Lock(scheduler)
        self._owner: int | None = None
        self._count = 0

    def __enter__(self) -> bool:
        if self._owner != _thread.get_ident():
            self._scheduler.step("acquire()")
            self._lock.acquire()
            self._owner = _thread.get_ident()
        self._count += 1
        return True

    def __exit__(self, *_: object) -> None:
        self._scheduler.step("release()")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._lock.unlock()  # no step: the real one does all of this at once


class Clock:
    """The engine's clock: time is the scheduler's."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def wall(self) -> float:
        """Seconds since some beginning."""
        return START + self._scheduler.now

    monotonic = boottime = wall

    def random(self) -> float:
        """The same in each order."""
        return 0.5

    def wait(self, lock: clocks.Lock, seconds: float, /) -> None:
        """Wait until the lock is free, or for so many seconds."""
        lock.acquire(timeout=seconds)


class Loop(asyncio.BaseEventLoop):
    """An event loop whose waiting is the scheduler's: no socket, no selector of the system."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._woken = False
        self._selector = SimpleNamespace(select=self._select)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """The scheduler's."""
        return self._scheduler.now

    def _select(self, timeout: float | None) -> list[object]:
        if timeout is None or timeout > 0:
            self._scheduler.wait(lambda: self._woken, inf if timeout is None else timeout, "the loop's select()")
        self._woken = False
        return []

    def _write_to_self(self) -> None:
        self._woken = True

    def _process_events(self, event_list: list[object]) -> None:
        """There are none."""


@contextmanager
def in_place(scheduler: Scheduler) -> Iterator[pytest.MonkeyPatch]:
    """Let the engine use the stand-ins while this block runs."""
    numbers: dict[str, int] = {}

    def starter(kind: str) -> Callable[..., int]:
        def start_new_thread(function: Callable[..., object], arguments: tuple[object, ...] = ()) -> int:
            if scheduler.current is None:
                function(*arguments)  # while a scenario is prepared, one thing happens after the other
            else:
                scheduler.step("start_new_thread()")
                numbers[kind] = numbers.get(kind, 0) + 1
                scheduler.add(f"{kind}{numbers[kind]}", lambda: function(*arguments))
            return 0

        return start_new_thread

    def threads(kind: str) -> Any:
        return SimpleNamespace(
            start_new_thread=starter(kind), allocate_lock=lambda: Lock(scheduler), get_ident=_thread.get_ident
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_flight, "_thread", threads("flight"))
        patch.setattr(_waiting, "_thread", threads("waiting"))
        patch.setattr(_guarded, "_thread", threads("store"))
        patch.setattr(_slots, "threading", SimpleNamespace(RLock=lambda: RLock(scheduler)))
        patch.setattr(logging.getLogger("s2sauth"), "disabled", True)
        yield patch
