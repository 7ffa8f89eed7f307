"""How a flight gets a token through the shared store, step by step: one that lies there, one that another brings, or
the lease, with which it asks for one itself.

The steps are a generator's. Whoever runs it does what each step says, sends what came of it, and throws StoreBusy if
the store is busy. So the engine and the simulation of fleets go the same way, each with its own store and clock.
"""

from collections.abc import Callable, Generator
from enum import Enum, auto
from typing import Any, final

from .entry import Entry, Instant
from .record import Record
from .sharing import Lease, busy_delay, may_leave, poll_delay, seen_lease, time_to_wait


class StoreBusy(Exception):
    """The store cannot do this now and may in a moment: it throttles, it is loading, another writer has it.

    An engine raises it `from` its library's exception. The operation is asked for again after a pause, as long as a
    caller has time; no token is bought meanwhile.
    """

    __module__ = "s2sauth.stores"


IN_VAIN = 3
"""A store that refuses a lease so often, and shows none, is asked no more: the flight goes on without the lease."""


SURE_LOOKS = 16
"""So often at most the lease's winner looks into a busy store before it asks: for most of its lease."""


class Do(Enum):
    """What to do, and what to send back."""

    LOOK = auto()
    """Look for a token: the entry to use, or None."""
    LOOK_AT_LEASE = auto()
    """What lies under the lease's key, and for how many seconds; or None."""
    WRITE_LEASE = auto()
    """Write the lease in the place of `replaces`: whether it was written."""
    PAUSE = auto()
    """Wait for so many `seconds`: None."""


class Step(Record):
    """One step."""

    do: Do
    surely: bool = False
    """The read has to show what was written by now; else it may be a moment behind, which is cheaper."""
    replaces: bytes | None = None
    seconds: float = 0.0


class End(Enum):
    """How it ends without a token from the store."""

    ASK = auto()
    """Ask for a token."""
    ASK_TOO_BUSY = auto()
    """Ask for one: the store was busy for as long as there was time."""
    LEAVE = auto()
    """Leave it to another: no caller waits here."""


class Circumstances(Record):
    """A flight at this moment."""

    now: Instant
    cached: Entry | None
    waited_for: bool
    ended: bool
    """It was settled from outside."""
    left: float
    """Seconds until its deadline."""
    limit: float
    """Seconds that it may last in all."""
    chance: float
    """Drawn anew, from [0, 1)."""


Steps = Generator[Step, Any, Entry | End]


@final
class Search:
    """Of one flight."""

    def __init__(self, circumstances: Callable[[], Circumstances], *, writes_first: bool) -> None:
        self._circumstances = circumstances
        self._writes_first = writes_first
        """A write that is refused costs the store no more than a look, so the first look at the lease is left out."""
        self._leased = False
        self._looked = False
        self._lease: Lease | None = None
        """Another's, as the last look showed it."""
        self._in_vain = 0
        """How often in a row the lease was refused, and no lease was there."""

    def steps(self) -> Steps:
        """From the first look to the token, or to the reason to ask for one."""
        looks = 0
        while True:
            try:
                found, busy = (yield from self._round()), False
            except StoreBusy:
                found, busy = None, True
            if found is not None:
                return found
            here = self._circumstances()
            if not here.waited_for and may_leave(here.cached, self._lease, here.now):
                return End.LEAVE
            time = time_to_wait(here.left, here.limit, busy=busy)
            if not here.waited_for or here.ended or time <= 0:
                return End.ASK_TOO_BUSY if busy else End.ASK
            pause = busy_delay(here.chance) if busy else poll_delay(looks, self._lease, here.now, here.chance)
            yield Step(Do.PAUSE, seconds=min(pause, time))
            looks += 1

    def _round(self) -> Generator[Step, Any, Entry | End | None]:
        """A token that is there by now, or that this flight has to ask for one; None: neither yet.

        Whoever waits looks at the lease alone, so that each of the two keys is read about as often as the other.
        """
        if (first := self._lease_ended()) and (entry := (yield from self._look())) is not None:
            return entry
        at_once = first and self._lease is None and self._writes_first
        if not at_once and (yield from self._look_at_lease()):
            return None
        if not first and (entry := (yield from self._look())) is not None:
            return entry
        yield from self._try_for_lease()
        if self._leased:
            return (yield from self._look_surely())
        return End.ASK if self._in_vain >= IN_VAIN else None

    def _look_surely(self) -> Generator[Step, Any, Entry | End]:
        """With the lease: its last holder may have stored a token since."""
        for _ in range(SURE_LOOKS):
            try:
                entry: Entry | None = yield Step(Do.LOOK, surely=True)
            except StoreBusy:
                if (here := self._circumstances()).ended:
                    break
                yield Step(Do.PAUSE, seconds=poll_delay(0, None, here.now, here.chance))
            else:
                return entry or End.ASK
        return End.ASK

    def _lease_ended(self) -> bool:
        """Whether a token is likelier to be there than a lease: at first, and when the lease that was seen is over."""
        return not self._looked if self._lease is None else not self._lasts(self._circumstances().now)

    def _look(self) -> Generator[Step, Any, Entry | None]:
        entry: Entry | None = yield Step(Do.LOOK)
        self._looked = True
        return entry

    def _try_for_lease(self) -> Generator[Step, Any, None]:
        """Write the lease; if that is refused, see why."""
        yield from self._write_lease(self._no_lease())
        if self._leased or (yield from self._look_at_lease()):
            return
        self._in_vain += 1
        if (replaces := self._no_lease()) is not None:
            yield from self._write_lease(replaces)

    def _no_lease(self) -> bytes | None:
        """What lies there and can be no lease, or would have ended and is refused all the same."""
        lease = self._lease
        return None if lease is None or (lease.is_ours and self._in_vain < IN_VAIN) else lease.owner

    def _write_lease(self, replaces: bytes | None) -> Generator[Step, Any, None]:
        self._leased = yield Step(Do.WRITE_LEASE, replaces=replaces)

    def _look_at_lease(self) -> Generator[Step, Any, bool]:
        """Whether another's lasts."""
        found: tuple[bytes, float] | None = yield Step(Do.LOOK_AT_LEASE, surely=self._in_vain > 0)
        now = self._circumstances().now
        self._lease = None if found is None else seen_lease(*found, self._lease, now)
        if lasts := self._lasts(now):
            self._in_vain = 0
        return lasts

    def _lasts(self, now: Instant) -> bool:
        return self._lease is not None and self._lease.lasts(now) > 0
