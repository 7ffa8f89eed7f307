"""How threads, asyncio tasks and trio tasks wait for one outcome, without a Python-level lock.

A waiter enlists before it checks for the outcome; the outcome is published before the waiters are woken. So a waiter
either sees it or is woken. Each thread waits on its own bare lock. The tasks of an event loop share a room, and one
call into their loop wakes them all. If that loop is closed, the call fails, and no other waiter is affected.
"""

import _thread
import sys
from collections.abc import Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, final

from ._clock import Clock, Lock
from ._core.errors import ConfigurationError
from ._core.once import Once

if TYPE_CHECKING:
    import asyncio


class _Room(Protocol):
    """All waiting tasks of one event loop."""

    def wake(self) -> None:
        """Called from any thread; wakes them all with one call into the loop."""
        ...


@final
class Waiters:
    """All threads and tasks that wait for `outcome`, which is empty until then."""

    __slots__ = ("_locks", "_outcome", "_rooms")

    def __init__(self, outcome: Once[Any]) -> None:
        self._outcome = outcome
        self._locks: list[Lock] = []
        self._rooms: dict[Hashable, _Room] = {}

    def wake(self) -> None:
        """Wake them all, once the outcome is there."""
        while self._locks:
            release(self._locks.pop())
        while self._rooms:
            _, room = self._rooms.popitem()
            room.wake()

    def wait_in_thread(self, clock: Clock, seconds: float) -> None:
        """Return when the outcome is there, or after `seconds`."""
        lock = _thread.allocate_lock()
        lock.acquire()
        self._locks.append(lock)
        if not self._outcome:
            clock.wait(lock, seconds)

    async def wait_in_task(self, seconds: float) -> None:
        """The same for a task of asyncio or trio, without blocking its loop. ConfigurationError in neither."""
        trio = sys.modules.get("trio")
        loop, in_a_task = _asyncio_loop()
        # Either library may run inside the other's loop (trio-asyncio, trio's guest mode): what counts is whose task
        # this is.
        if not in_a_task and trio is not None and _in_trio_task(trio):
            await self._wait_in_trio(trio, seconds)
        elif loop is not None:
            await self._wait_in_asyncio(loop, seconds)
        else:
            raise ConfigurationError(
                "aget_token() needs a running asyncio or trio event loop; use get_token() elsewhere"
            )

    async def _wait_in_asyncio(self, loop: "asyncio.AbstractEventLoop", seconds: float) -> None:
        room = self._rooms.setdefault(loop, _AsyncioRoom(loop))
        assert isinstance(room, _AsyncioRoom)  # a loop is never a trio token
        future = loop.create_future()
        room.futures.append(future)
        if self._outcome:
            return
        timer = loop.call_later(seconds, _finish, future)
        try:
            await future
        finally:
            timer.cancel()

    async def _wait_in_trio(self, trio: Any, seconds: float) -> None:
        token = trio.lowlevel.current_trio_token()
        room = self._rooms.setdefault(token, _TrioRoom(token, trio.Event()))
        assert isinstance(room, _TrioRoom)
        if not self._outcome:
            with trio.move_on_after(seconds):
                await room.event.wait()


@final
class _AsyncioRoom:
    def __init__(self, loop: "asyncio.AbstractEventLoop") -> None:
        self._loop = loop
        self.futures: list[asyncio.Future[None]] = []

    def wake(self) -> None:
        with suppress(RuntimeError):  # that loop is closed, so no task waits in it any more
            self._loop.call_soon_threadsafe(self._finish_all)

    def _finish_all(self) -> None:
        for future in self.futures:
            _finish(future)


@final
class _TrioRoom:
    def __init__(self, token: Any, event: Any) -> None:
        self._token = token
        self.event = event

    def wake(self) -> None:
        with suppress(RuntimeError):  # trio.RunFinishedError: no task waits in it any more
            self._token.run_sync_soon(self.event.set)


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def release(lock: Lock) -> None:
    """Release it if it is locked."""
    with suppress(RuntimeError):  # released already: by the clock, or by another caller that saw the deadline pass
        lock.release()


def _asyncio_loop() -> "tuple[asyncio.AbstractEventLoop | None, bool]":
    """The running loop of asyncio, and whether one of its tasks runs."""
    asyncio = sys.modules.get("asyncio")
    try:
        loop = None if asyncio is None else asyncio.get_running_loop()
    except RuntimeError:
        return None, False
    return loop, asyncio is not None and asyncio.current_task() is not None


def _in_trio_task(trio: Any) -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
