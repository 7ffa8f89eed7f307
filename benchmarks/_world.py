"""The world of the simulation: a day with deploys and outages, Cognito, stores. Nothing here decides about tokens."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf, log
from random import Random
from typing import Any

import simpy
from _price import QUOTA

from s2sauth._core.entry import Entry
from s2sauth._core.policy import RenewalPolicy
from s2sauth._core.retry import Timeouts
from s2sauth._core.sharing import lease_seconds, may_wait, poll_delay

Span = tuple[float, float]
"""From when to when, in seconds of the day."""
Waiting = Iterator[Any]
"""A part of a SimPy process."""

LATENCY = (0.08, 0.4)
"""Of the token endpoint: the median in seconds and the sigma of a log-normal distribution."""
REFUSAL = 0.05
"""Seconds until an answer without a token: 429, 503."""
STORE_LATENCY = (0.002, 0.5)
FILE_LATENCY = (0.0005, 0.5)
SPARE = 0.001
"""Seconds after an instant at which something changes: then it has changed."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The token endpoint gives no token."""

    began: float
    ended: float
    hangs: bool
    """Connections time out; else it answers 503 at once."""


@dataclass(frozen=True, slots=True)
class Deploy:
    """Every process is replaced: machine after machine in waves, or all at once."""

    at: float
    waves: int = 1
    apart: float = 0.0
    spread: float = 5.0
    """Seconds within which the processes of one wave come up."""

    def span(self) -> Span:
        """From the first replacement to the last."""
        return self.at, self.at + (self.waves - 1) * self.apart + self.spread


@dataclass(frozen=True, slots=True)
class Day:
    """What happens."""

    seconds: float
    deploys: tuple[Deploy, ...]
    """The first one starts the fleet."""
    outages: tuple[Outage, ...] = ()
    store_outages: tuple[Span, ...] = ()
    stands_for: tuple[Span, int] | None = None
    """A quiet part that stands for so many more of its kind, which are left out."""

    def in_all(self, counts: Sequence[float]) -> int:
        """The sum of what was counted by the second, with what was left out."""
        total = sum(counts)
        if self.stands_for is not None:
            (began, ended), times = self.stands_for
            total += times * sum(counts[int(began) : int(ended)])
        return round(total)


@dataclass(slots=True)
class Books:
    """What is counted, by the second."""

    seconds: int
    requests: list[int] = field(init=False)
    """Token requests that arrived, whatever came of them."""
    failed: list[int] = field(init=False)
    """Calls that got no token."""
    store: list[float] = field(init=False)
    """Operations of all stores."""
    minted: list[int] = field(init=False)
    """Tokens issued, which is what is paid for."""
    throttled: int = 0
    """Token requests over the quota."""
    longest: float = 0.0
    """The longest that a caller waited, in seconds."""

    def __post_init__(self) -> None:
        self.requests = [0] * self.seconds
        self.failed = [0] * self.seconds
        self.store = [0.0] * self.seconds
        self.minted = [0] * self.seconds


class Cognito:
    """The token endpoint: a latency, a quota, outages."""

    def __init__(self, outages: tuple[Outage, ...], books: Books, luck: Random) -> None:
        self._outages = outages
        self._books = books
        self._luck = luck
        self._tokens = float(QUOTA)
        self._filled = 0.0

    def answer(self, now: float, limits: Timeouts) -> tuple[int | None, float]:
        """The status, None if it cannot be reached, and the seconds until then."""
        connect, read = limits
        books = self._books
        books.requests[int(now)] += 1
        for outage in self._outages:
            if outage.began <= now < outage.ended:
                return (None, connect) if outage.hangs else (503, min(REFUSAL, read))
        self._tokens = min(QUOTA, self._tokens + (now - self._filled) * QUOTA)
        self._filled = now
        if self._tokens < 1:
            books.throttled += 1
            return 429, REFUSAL
        self._tokens -= 1
        books.minted[int(now)] += 1
        median, sigma = LATENCY
        return 200, min(self._luck.lognormvariate(log(median), sigma), 0.9 * read)


class Waiter:
    """A flight that waits for the holder of the lease."""

    __slots__ = ("chosen", "event", "place", "since")

    def __init__(self, event: simpy.Event, since: float) -> None:
        self.event = event
        self.since = since
        self.place = 0
        self.chosen = False
        """It is to come first, now that the lease is free."""


def polls_in(seconds: float) -> int:
    """How many polls a flight makes in so long a wait."""
    polls, next_at = 0, poll_delay(0, 0.5)
    while next_at <= seconds and polls < 10:  # by then the pauses no longer grow
        polls += 1
        next_at += poll_delay(polls, 0.5)
    return polls if seconds < next_at else polls + 1 + int((seconds - next_at) / poll_delay(polls, 0.5))


POLL = poll_delay(1_000, 0.5)
"""Seconds between two polls of one flight that has been waiting for some time, on average."""


class Store:
    """One key of a shared store, and its lease.

    A poll that finds nothing changed has no effect, so flights that wait are not woken for each. When the lease becomes
    free one of them comes first, after the shortest of their pauses; when a token comes, each comes at the end of its
    own. What they ask the store meanwhile is counted as so many a second.
    """

    def __init__(
        self,
        env: simpy.Environment,
        books: Books,
        luck: Random,
        latency: tuple[float, float],
        outages: tuple[Span, ...] = (),
    ) -> None:
        self._env = env
        self._books = books
        self._luck = luck
        self._median, self._sigma = log(latency[0]), latency[1]
        self._outages = outages
        self._token: Entry | None = None
        self._lease: tuple[object, float] | None = None
        self._waiting: list[Waiter] = []
        self._counted = 0.0
        for began, _ in outages:
            self._later(began + SPARE, self._wake_all)

    def operation(self, limit: float) -> tuple[bool, float]:
        """Whether it works within `limit`, and the seconds until that is known. Down, it hangs."""
        now = self._env.now
        self._books.store[int(now)] += 1
        for began, ended in self._outages:
            if began <= now < ended:
                return False, limit
        took = self._luck.lognormvariate(self._median, self._sigma)
        return took <= limit, min(took, limit)

    def token(self) -> Entry | None:
        """What lies there, if its life is not over."""
        found = self._token
        return found if found is not None and self._env.now < found.asked_at.boot + found.life else None

    def put(self, entry: Entry, replaces: Entry | None) -> bool:
        """Compare and write."""
        if (there := self.token()) is not None and there is not replaces:
            return False
        self._token = entry
        self._wake_all()
        return True

    def lease(self, owner: object, policy: RenewalPolicy) -> bool:
        """Take the lease if nobody has it."""
        if not self._free():
            return False
        until = self._env.now + lease_seconds(policy)
        self._lease = owner, until
        self._later(until + SPARE, self.look_after_lease)
        return True

    def release(self, owner: object) -> None:
        """Give it back, if it is this owner's still."""
        if self._lease is not None and self._lease[0] is owner:
            self._lease = None
            self.look_after_lease()

    def look_after_lease(self) -> None:
        """If the lease is free, one of those who wait comes first."""
        waiting = self._waiting
        if not waiting or not self._free() or waiting[0].chosen:
            return
        waiter = waiting[self._luck.randrange(len(waiting))]
        pause = self._pause(waiter) * (1 - self._luck.random() ** (1 / len(waiting)))
        # The chosen one stands in front, where the next look finds it.
        first = waiting[0]
        waiting[waiter.place], waiting[0] = first, waiter
        first.place, waiter.place = waiter.place, 0
        waiter.chosen = True
        self._later(self._env.now + pause, partial(_wake, waiter))

    def wait(self, seen: Entry | None, until: float) -> Waiting:
        """Wait for a poll that finds another token than `seen`, or the lease free, or for `until`."""
        self._count()
        waiter = Waiter(self._env.event(), self._env.now)
        waiter.place = len(self._waiting)
        self._waiting.append(waiter)
        if self.token() is not seen:
            until = min(until, self._env.now + self._pause(waiter))
        self._later(until, partial(_wake, waiter))
        self.look_after_lease()
        try:
            yield waiter.event
        finally:
            self._count()
            last = self._waiting.pop()
            if last is not waiter:
                self._waiting[waiter.place], last.place = last, waiter.place

    def _free(self) -> bool:
        return self._lease is None or self._env.now >= self._lease[1]

    def _wake_all(self) -> None:
        for waiter in self._waiting:
            self._later(self._env.now + self._pause(waiter) * self._luck.random(), partial(_wake, waiter))

    def _pause(self, waiter: Waiter) -> float:
        return poll_delay(polls_in(self._env.now - waiter.since), self._luck.random())

    def _count(self) -> None:
        """Add what those who wait have asked since the last time: what lies there, and for the lease."""
        since, now = self._counted, self._env.now
        self._counted = now
        rate = 2 * len(self._waiting) / POLL
        if rate:
            while since < now:
                second = int(since)
                upto = min(now, second + 1)
                self._books.store[second] += rate * (upto - since)
                since = upto

    def _later(self, at: float, do: Callable[[], None]) -> None:
        event = self._env.timeout(max(0.0, at - self._env.now))
        assert event.callbacks is not None  # as long as it has not happened
        event.callbacks.append(lambda _: do())


def _wake(waiter: Waiter) -> None:
    if not waiter.event.triggered:
        waiter.event.succeed()


def _reserved() -> float:
    """The part of a flight's time at which it no longer waits, found by asking `may_wait`."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if may_wait(middle, 1.0) else (middle, high)
    return high


RESERVED = _reserved()
NEVER = inf
