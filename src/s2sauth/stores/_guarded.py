"""A store that can neither hold up nor fail a renewal: each operation has its time, a store that fails is let alone.

One that is busy has not failed: `StoreBusy` goes through to the flight, which waits and asks again.
"""

import _thread
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, cast, final

from .._clock import Clock
from .._core.entry import Instant
from .._core.search import StoreBusy
from .._core.sharing import Circuit, opened
from .._fork_guard import hold_off_forks, thread_ends
from .._process import Process, this_process
from ..events import Reporter
from .base import Store, UnsafeFile

T = TypeVar("T")

TRIES = 4
"""Of one operation whose connection is cut: one that was cut says nothing about the store, nor do three."""
MAX_HANGING = 4
"""Operations that were given up and still hang; with so many the store is left alone until one of them ends."""


class StoreUnusable(Exception):
    """The store cannot be used now; the token is fetched without it."""


class StoreTimeout(Exception):
    """An operation took too long; its name stands in the event."""


@final
class Guarded:
    """The store of one credentials object."""

    def __init__(self, store: Store, *, clock: Clock, report: Reporter) -> None:
        self._store = store
        self._clock = clock
        self._report = report
        self._circuit: Circuit | None = None
        self._under_way: dict[_UnderWay, None] = {}

    @property
    def peeks(self) -> bool:
        """Whether it has a cheaper way to read."""
        return hasattr(self._store, "peek")

    def call(self, operation: Callable[[Store], T], *, seconds: float, key: str) -> T:
        """Do it within `seconds`, or raise StoreUnusable, or StoreBusy; `key` is for the events."""
        circuit = self._circuit
        if circuit is not None and circuit.left(self._now()) > 0:
            raise StoreUnusable
        done, error = self._within(seconds, operation)
        if isinstance(error, StoreBusy):
            self._report("store_busy", key, error=_name(error))
            del error  # its traceback has this frame
            raise StoreBusy
        if error is not None:
            advice = str(error) if isinstance(error, UnsafeFile) else None  # other texts may hold a password
            self.leave_alone(key, _name(error), advice)
            del error
            raise StoreUnusable
        if circuit is not None:
            self._circuit = None
            self._report("store_recovered", key)
        return cast(T, done)

    def leave_alone(self, key: str, error: str, advice: str | None = None) -> None:
        """For some seconds, unless it is left alone already; `error` is for the event, `advice` for the log."""
        before, now = self._circuit, self._now()
        if before is not None and before.left(now) > 0:
            return
        self._circuit = circuit = opened(before, now=now, chance=self._clock.random())
        self._report("store_failed", key, seconds=circuit.pause, error=error, advice=advice)

    def _now(self) -> Instant:
        return Instant(self._clock.wall(), self._clock.boottime())

    def _within(self, seconds: float, operation: Callable[[Store], T]) -> tuple[T | None, BaseException | None]:
        """What it gives, or why it gives nothing.

        On a thread of its own: no client library can be relied on to give up in time, least of all a user's.
        """
        if sum(under_way.given_up_in == this_process() for under_way in list(self._under_way)) >= MAX_HANGING:
            return None, StoreTimeout()
        under_way = _UnderWay()
        outcome: list[tuple[T | None, BaseException | None]] = []

        def work() -> None:
            try:
                outcome.append((self._tried(operation, seconds), None))
            except BaseException as error:  # noqa: BLE001  # sys.exit() in a user's store is a failure like any other
                outcome.append((None, error))
            finally:
                self._under_way.pop(under_way, None)
                with suppress(RuntimeError):  # released by a clock that was set, for whoever no longer waits
                    under_way.ended.release()
                thread_ends()

        self._under_way[under_way] = None
        with hold_off_forks():
            try:
                _thread.start_new_thread(work, ())  # looked up when used, as in _flight
            except RuntimeError:
                work()
            self._clock.wait(under_way.ended, seconds)
        if not outcome:
            under_way.given_up_in = this_process()
            return None, StoreTimeout()
        return outcome[0]

    def _tried(self, operation: Callable[[Store], T], seconds: float) -> T:
        """Again if its connection was cut, while half of its time is left."""
        began = self._clock.monotonic()
        for _ in range(TRIES - 1):
            try:
                return operation(self._store)
            except ConnectionError:
                if self._clock.monotonic() - began > seconds / 2:
                    raise
        return operation(self._store)


def _name(error: BaseException) -> str:
    """The class of what the store's library raised."""
    wrapped = type(error) in (StoreBusy, ConnectionError)
    return type(error.__cause__ if wrapped and error.__cause__ is not None else error).__name__


@final
class _UnderWay:
    """One operation on its thread."""

    __slots__ = ("ended", "given_up_in")

    def __init__(self) -> None:
        self.ended = _thread.allocate_lock()
        self.ended.acquire()
        self.given_up_in: Process | None = None
        """The process in which it was given up, or None: it may still end in time."""
