"""One flight: a renewal in progress on its own thread, which any number of threads and tasks wait for.

There is no Python-level lock here, because a signal handler may ask for a token while the frame that it interrupted
waits for one. What must happen once is decided by a `Once`, which is set in a single step:

1. Who flies next: the flight's successor. Callers read the latest flight *before* they look at anything else; a flight
   writes what it brings before it settles. So a caller that decided on outdated facts finds a successor, and looks
   again.
2. Who does the work: if several threads were started for the same flight, all but one return at once. A caller that
   finds a flight that has not begun starts a thread for it, so nothing is lost when its owner is interrupted between
   deciding and starting.
3. What came out: the outcome is published before the waiters are woken, and a waiter enlists before it looks. Before a
   flight sends a token request, it checks whether it was settled from outside; once it was, it sends none.
"""

import _thread
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, final

from ._clock import Clock
from ._core.entry import Entry, Instant, elapsed
from ._core.errors import ConfigurationError, Failure
from ._core.once import Once
from ._core.steps import Step, too_long, unforeseen
from ._fork_guard import thread_ends
from ._process import begun_by, this_process
from ._waiting import Waiters, release

if TYPE_CHECKING:
    from ._sender import Sender

Outcome = Entry | Failure


@final
class Flight:
    """One renewal and all its waiters. It belongs to the process in which it was made."""

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
        """The token that it replaces by force: suspected, rejected, or one that expires too soon."""
        self.min_ttl = min_ttl
        """The life in seconds that the caller that began it needs; if more than 0, nothing is wrong with `replaces`."""
        self.waited_for = waited_for
        """A caller has no usable token and waits: more than one attempt is worthwhile."""
        self.limit = limit
        """Its start, and for how many seconds it may last."""
        self.process = this_process()
        self.begun = False
        self.thread: int | None = None
        self.pause = _thread.allocate_lock()
        """Held by the flight while it pauses between attempts; released to cut the pause short."""
        self.pause.acquire()
        self.step = Step.START
        """What it does now, for the error message if that takes too long or fails."""
        self.sender: Sender | None = None
        """The client of the token request."""
        self._landed = _thread.allocate_lock()
        """Held until its thread has finished."""
        self._landed.acquire()
        self._claim: Once[object] = Once()
        self._outcome: Once[tuple[Outcome]] = Once()
        self.next: Once[Flight] = Once()
        """The flight that follows this one: the first of several candidates."""
        self._waiters = Waiters(self._outcome)

    @classmethod
    def ended(cls, number: int, outcome: Outcome) -> "Flight":
        """A flight without any work to do: its outcome is known."""
        flight = cls(number, limit=(Instant(0.0, 0.0), 0.0))
        flight.begun = True
        flight.settle(outcome)
        return flight

    @property
    def outcome(self) -> Outcome | None:
        """The outcome, or None while it is in progress."""
        settled = self._outcome.get(None)
        return None if settled is None else settled[0]

    @property
    def flying(self) -> bool:
        """In progress, in this process."""
        return not self._outcome and self.process == this_process()

    def too_long(self, seconds: float) -> Failure:
        """The failure for a caller that has waited for so many seconds; it names what the flight waits for."""
        sender = self.sender
        return too_long(self.step, seconds, None if sender is None else sender.proxy)

    def left(self, now: Instant) -> float:
        """Seconds until its deadline."""
        since, seconds = self.limit
        return seconds - elapsed(since, now)

    def settle(self, outcome: Outcome) -> bool:
        """Publish the outcome and wake all waiters; False if there was one already."""
        if first := self._outcome.set((outcome,)):  # a tuple, so that two calls with the same outcome are told apart
            self._waiters.wake()
        return first

    def interrupt(self) -> None:
        """End the pause or the request that it is in; for a caller that settled it from outside."""
        release(self.pause)
        sender = self.sender
        if sender is not None:
            sender.abort()

    def launch(self, work: Callable[["Flight"], Outcome]) -> bool:
        """Do the work on a daemon thread; or here, if none can be started: then False. At most one thread does it."""
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
        if not self._claim.set(object()):
            return
        self.thread = _thread.get_ident()
        begun_by.set(caller)
        try:
            self.settle(work(self))
        except BaseException as error:  # sys.exit() in a secret source must not leave the waiters waiting
            self.settle(unforeseen(self.step, error))
            if here and not isinstance(error, Exception):
                raise  # Ctrl-C while the caller did the work
        finally:
            self.thread = None
            if not here:
                thread_ends()
            self._landed.release()

    def landed_within(self, seconds: float) -> bool:
        """Whether its thread has finished, including its work after settling; waits for so many seconds at most."""
        if landed := self._landed.acquire(timeout=seconds):
            self._landed.release()
        return landed

    def wait_in_thread(self, clock: Clock, seconds: float) -> None:
        """Return when there is an outcome, or after `seconds`. A flight cannot wait for itself."""
        self._check_not_inside()
        self._waiters.wait_in_thread(clock, seconds)

    async def wait_in_task(self, seconds: float) -> None:
        """The same for a task of asyncio or trio, without blocking its loop."""
        self._check_not_inside()
        await self._waiters.wait_in_task(seconds)

    def _check_not_inside(self) -> None:
        if self.thread == _thread.get_ident():
            raise ConfigurationError(
                "a token was asked for inside its own renewal: the secret source, on_event or a log handler uses the "
                "same credentials object. Give it a way of its own to authenticate."
            )
