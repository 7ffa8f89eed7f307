"""The stores of the simulation: one key of each, and what its engine can do."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf, log
from random import Random
from typing import Generic, TypeVar

import simpy
from _world import Books, Span

from s2sauth._core.entry import Entry

T = TypeVar("T")

READS, WRITES = 3_000.0, 1_000.0
"""DynamoDB: units a second for one key. A consistent read of up to 4 KB takes one, another one a half, a write one for
each KB; also one whose condition fails. As of September 2026: its developer guide, "Best practices for designing and
using partition keys effectively"; bursts and what `adaptive capacity` may lend are left out."""
BURST = 0.1
"""Seconds of units that one key may have saved up."""
ENTRY_UNITS = 2.0
"""To write a sealed token of 1.3 KB."""
LAG = (0.02, 1.0)
"""For how long an eventually consistent read may miss a write: the median in seconds and the sigma of a log-normal
distribution. AWS says "usually one second or less"."""
CONNECTIONS = 10_000
"""Redis: `maxclients` of its default configuration."""
OPERATIONS = 40_000.0
"""Redis: looks a second, each with a connection of its own. Its documentation ("Redis benchmark") shows well over
100,000 commands a second for connections that stay; this is an assumption of ours below that."""
WRITING, LOCKED = 0.005, 0.1
"""SQLite: seconds for which a write keeps others from writing, and for which they wait before they are told."""


class Operation(Enum):
    """Of a store."""

    PEEK = "peek"
    GET = "get"
    PUT = "put"


class Part(Enum):
    """What lies in a store."""

    ENTRY = "entry"
    LEASE = "lease"


class Busy(Exception):
    """It cannot do this now."""


class Engine:
    """What a store can do."""

    latency = (0.002, 0.5)
    lag: tuple[float, float] | None = None

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        """Of its limits."""

    def takes(self, now: float, operation: Operation, part: Part) -> float:  # noqa: ARG002  # for those with limits
        """Seconds that this takes beside the latency; raises Busy."""
        return 0.0

    def connect(self, connections: int) -> None:
        """One more connection; raises Busy."""


class DynamoDB(Engine):
    """Units for each key."""

    latency = (0.005, 0.5)
    lag = LAG

    def __init__(self, share: float = 1.0) -> None:
        super().__init__(share)
        self._units: dict[tuple[Part, bool], tuple[float, float]] = {}

    def takes(self, now: float, operation: Operation, part: Part) -> float:
        """Nothing, or it is throttled."""
        writes = operation is Operation.PUT
        rate = self.share * (WRITES if writes else READS)
        needs = {Operation.PEEK: 0.5, Operation.GET: 1.0}.get(operation, ENTRY_UNITS if part is Part.ENTRY else 1.0)
        units, at = self._units.get((part, writes), (rate * BURST, now))
        units = min(rate * BURST, units + (now - at) * rate)
        admitted = units > 0  # what it takes is taken, and missing afterwards
        self._units[part, writes] = (units - needs if admitted else units, now)
        if not admitted:
            raise Busy
        return 0.0


class Redis(Engine):
    """One thread, and so many connections."""

    def __init__(self, share: float = 1.0) -> None:
        super().__init__(share)
        self._free = 0.0

    def takes(self, now: float, operation: Operation, part: Part) -> float:  # noqa: ARG002  # all cost the same
        """Its turn comes after those before it."""
        self._free = max(self._free, now) + 1 / (OPERATIONS * self.share)
        return self._free - now

    def connect(self, connections: int) -> None:
        """Up to its limit."""
        if connections >= CONNECTIONS * self.share:
            raise Busy


class SQLite(Engine):
    """One writer."""

    latency = (0.0005, 0.5)

    def __init__(self, share: float = 1.0) -> None:
        super().__init__(share)
        self._free = 0.0

    def takes(self, now: float, operation: Operation, part: Part) -> float:  # noqa: ARG002  # writes lock the file
        """A write waits for the writer before it."""
        if operation is not Operation.PUT:
            return 0.0
        if self._free - now > LOCKED:
            raise Busy
        self._free = max(self._free, now) + WRITING
        return self._free - now


class History(Generic[T]):
    """What lay there, and since when."""

    def __init__(self) -> None:
        self._since = [-inf]
        self._values: list[T | None] = [None]

    def set(self, value: T | None, now: float) -> None:
        """From now on."""
        self._since, self._values = [*self._since[-9:], now], [*self._values[-9:], value]

    def at(self, moment: float) -> T | None:
        """What a reader of that moment sees."""
        return self._values[max(0, bisect_right(self._since, moment) - 1)]


@dataclass(frozen=True, slots=True)
class Held:
    """A lease."""

    owner: bytes
    until: float


class Store:
    """One key of a shared store, and its lease."""

    def __init__(
        self, env: simpy.Environment, books: Books, luck: Random, engine: Engine, outages: tuple[Span, ...] = ()
    ) -> None:
        self._env = env
        self._books = books
        self._luck = luck
        self._engine = engine
        self._outages = outages
        self._entry: History[Entry] = History()
        self._lease: History[Held] = History()
        self._connections = 0
        self.writes_first = engine.lag is None
        """It has no cheaper way to read."""

    def connect(self) -> None:
        """One more process."""
        self._engine.connect(self._connections)
        self._connections += 1

    def disconnect(self) -> None:
        """One less."""
        self._connections -= 1

    def operation(self, operation: Operation, part: Part, limit: float) -> tuple[bool, float]:
        """Whether it works within `limit`, and the seconds until that is known. Down, it hangs; raises Busy."""
        now = self._env.now
        self._books.store[int(now)] += 1
        if any(began <= now < ended for began, ended in self._outages):
            return False, limit
        took = self._engine.takes(now, operation, part) + self._drawn(self._engine.latency)
        return took <= limit, min(took, limit)

    def token(self, operation: Operation) -> Entry | None:
        """What lies there, if its life is not over."""
        found = self._entry.at(self._moment(operation))
        return found if found is not None and self._env.now < found.asked_at.boot + found.life else None

    def lease(self, operation: Operation) -> Held | None:
        """The same of the lease."""
        held = self._lease.at(self._moment(operation))
        return held if held is not None and self._env.now < held.until else None

    def put(self, entry: Entry, replaces: Entry | None) -> None:
        """Compare and write."""
        if self.token(Operation.GET) in (None, replaces):
            self._entry.set(entry, self._env.now)

    def take_lease(self, owner: bytes, seconds: float, replaces: bytes | None) -> bool:
        """If nobody has it, or `replaces` has."""
        held = self.lease(Operation.GET)
        if held is not None and held.owner != replaces:
            return False
        self._lease.set(Held(owner, self._env.now + seconds), self._env.now)
        return True

    def release(self, owner: bytes) -> None:
        """Give it back, if it is this owner's still."""
        held = self.lease(Operation.GET)
        if held is not None and held.owner == owner:
            self._lease.set(None, self._env.now)

    def _moment(self, operation: Operation) -> float:
        lag = self._engine.lag
        behind = self._drawn(lag) if lag is not None and operation is Operation.PEEK else 0.0
        return self._env.now - behind

    def _drawn(self, distribution: tuple[float, float]) -> float:
        median, sigma = distribution
        return self._luck.lognormvariate(log(median), sigma)


Make = Callable[[float], Engine]
"""An engine with this part of its limits."""
