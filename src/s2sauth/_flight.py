"""How threads, asyncio tasks and trio tasks wait for one flight: one renewal under way on a thread of its own.

There is no Python-level lock here, because a signal handler may ask for a token while the frame that it interrupted
waits for one. What must happen once is decided by `dict.setdefault`, which is one step:

1. Who flies next: `succeed()` on the latest flight. Callers read the latest flight *before* they look at anything else;
   a flight writes what it brings before it settles. So whoever decided on old news finds a successor and joins it.
2. Who does the work: threads that were started for the same flight; all but one leave at once. A caller that finds a
   flight not begun starts a thread for it: nothing is lost when its owner is interrupted between deciding and starting.
3. What came out: `settle()`. The outcome is published before anybody is woken, and a waiter enlists before it looks.
"""

import _thread
import contextvars
import sys
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, final

from ._core.errors import Cause, ConfigurationError, Failure, TokenUnavailable
from ._core.freshness import Entry, Instant, elapsed
from ._gate import leave
from ._process import Clock, Lock, begun_by, generation

if TYPE_CHECKING:
    import asyncio

Outcome = Entry | Failure


class _Room(Protocol):
    """All tasks of one event loop that wait for a flight."""

    def wake(self) -> None:
        """Called from any thread; wakes them all with one call into the loop."""
        ...


@final
class Flight:
    """One renewal and everybody who waits for it. Belongs to the process generation in which it was made."""

    __slots__ = (
        "_claim",
        "_locks",
        "_outcome",
        "_rooms",
        "_successor",
        "abort",
        "begun",
        "generation",
        "limit",
        "min_ttl",
        "number",
        "pause",
        "replaces",
        "thread",
        "waited_for",
    )

    def __init__(
        self,
        number: int,
        *,
        limit: tuple[Instant, float],
        replaces: Entry | None = None,
        min_ttl: float = 0.0,
        waited_for: bool = False,
    ) -> None:
        self.number = number
        self.replaces = replaces
        """The token that it replaces by force: suspected, rejected, or of too short a life."""
        self.min_ttl = min_ttl
        """The life in seconds that whoever began it needs; more than 0 says that nothing is wrong with `replaces`."""
        self.waited_for = waited_for
        """Somebody has no token to go on with: more than one attempt is worth while."""
        self.limit = limit
        """From when, and for how many seconds, it may last."""
        self.generation = generation()
        self.begun = False
        self.thread: int | None = None
        self.pause = _thread.allocate_lock()
        """Held by the flight while it pauses between attempts; released to cut the pause short."""
        self.pause.acquire()
        self.abort: Callable[[], object] | None = None
        """Closes the connection of the request under way."""
        self._claim: dict[None, object] = {}
        self._outcome: dict[None, Outcome] = {}
        self._successor: dict[None, Flight] = {}
        self._locks: list[Lock] = []
        self._rooms: dict[Hashable, _Room] = {}

    @classmethod
    def none_yet(cls) -> "Flight":
        """What stands before the first flight of a key: settled, and nobody gets its outcome."""
        return cls.ended(0, Failure(Cause.MISUSE, TokenUnavailable, ("no token was asked for yet", None)))

    @classmethod
    def ended(cls, number: int, outcome: Outcome) -> "Flight":
        """One that nobody has to fly: its outcome is known."""
        flight = cls(number, limit=(Instant(0.0, 0.0), 0.0))
        flight.begun = True
        flight.settle(outcome)
        return flight

    @property
    def outcome(self) -> Outcome | None:
        """What came out, or None while it is under way."""
        return self._outcome.get(None)

    @property
    def flying(self) -> bool:
        """Under way, in this process."""
        return not self._outcome and self.generation == generation()

    def left(self, now: Instant) -> float:
        """Seconds until its deadline."""
        since, seconds = self.limit
        return seconds - elapsed(since, now)

    def succeed(self, candidate: "Flight") -> "Flight":
        """The flight that follows this one: `candidate`, unless another was first."""
        return self._successor.setdefault(None, candidate)

    def settle(self, outcome: Outcome) -> bool:
        """Publish the outcome and wake everybody; False if there was one already."""
        if self._outcome.setdefault(None, outcome) is not outcome:
            return False
        while self._locks:
            _release(self._locks.pop())
        while self._rooms:
            _, room = self._rooms.popitem()
            room.wake()
        return True

    def interrupt(self) -> None:
        """End the pause or the request that it is in; for whoever settled it from outside."""
        _release(self.pause)
        abort = self.abort
        if abort is not None:
            abort()

    def launch(self, work: Callable[["Flight"], Outcome]) -> bool:
        """Do the work on a daemon thread, or here when none can be started: False. At most one thread does it."""
        started = True
        caller, nobodys = contextvars.copy_context(), contextvars.Context()
        try:
            # Looked up when used, so that gevent's patch holds; Thread.start() would wait for the new thread to run.
            _thread.start_new_thread(lambda: nobodys.run(self._fly, work, caller), ())
        except RuntimeError:
            started = False
            nobodys.run(self._fly, work, caller, here=True)
        self.begun = True
        return started

    def _fly(self, work: Callable[["Flight"], Outcome], caller: contextvars.Context, *, here: bool = False) -> None:
        mine = object()
        if self._claim.setdefault(None, mine) is not mine:
            return
        self.thread = _thread.get_ident()
        begun_by.set(caller)
        try:
            self.settle(work(self))
        except BaseException as error:  # sys.exit() in a secret source must not leave the waiters waiting
            text = f"The renewal ended unexpectedly with {type(error).__name__}; the next call starts another one."
            self.settle(Failure(Cause.UNREACHABLE, TokenUnavailable, (text, None)))
            if here and not isinstance(error, Exception):
                raise  # Ctrl-C while the caller did the work
        finally:
            self.thread = None
            if not here:
                leave()

    def wait_in_thread(self, clock: Clock, seconds: float) -> None:
        """Return when there is an outcome, or after `seconds`. A flight cannot wait for itself."""
        self._check_not_inside()
        lock = _thread.allocate_lock()
        lock.acquire()
        self._locks.append(lock)
        if not self._outcome:
            clock.wait(lock, seconds)

    async def wait_in_task(self, seconds: float) -> None:
        """The same for a task of asyncio or trio, without blocking its loop."""
        self._check_not_inside()
        trio = sys.modules.get("trio")
        if trio is not None and _in_trio_task(trio):
            await self._wait_in_trio(trio, seconds)
            return
        asyncio = sys.modules.get("asyncio")
        try:
            loop = None if asyncio is None else asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None:
            raise ConfigurationError(
                "aget_token() needs a running asyncio or trio event loop; use get_token() elsewhere"
            )
        await self._wait_in_asyncio(loop, seconds)

    def _check_not_inside(self) -> None:
        if self.thread == _thread.get_ident():
            raise ConfigurationError(
                "a token was asked for inside its own renewal: the secret source, on_event or a log handler uses the "
                "same credentials object. Give it a way of its own to authenticate."
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
        with suppress(RuntimeError):  # that loop is closed, and nobody waits in it any more
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
        with suppress(RuntimeError):  # trio.RunFinishedError: nobody waits in it any more
            self._token.run_sync_soon(self.event.set)


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _release(lock: Lock) -> None:
    with suppress(RuntimeError):  # released already: by the clock, or by another caller who saw the deadline pass
        lock.release()


def _in_trio_task(trio: Any) -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
