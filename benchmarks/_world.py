"""The world of the simulation: a day with deploys and outages, and Cognito. Nothing here decides about tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, log
from random import Random

from _price import QUOTA

from s2sauth._core.retry import Timeouts

Span = tuple[float, float]
"""From when to when, in seconds of the day."""

LATENCY = (0.08, 0.4)
"""Of the token endpoint: the median in seconds and the sigma of a log-normal distribution."""
REFUSAL = 0.05
"""Seconds until an answer without a token: 429, 503."""
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
    kills: bool = False
    """The first process that asks for a token with the lease is killed in mid-request."""
    share: float = 1.0
    """What is left of the stores' limits."""
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
    store: list[int] = field(init=False)
    """Operations of all stores."""
    minted: list[int] = field(init=False)
    """Tokens issued, which is what is paid for."""
    throttled: int = 0
    """Token requests over the quota."""
    busy: int = 0
    """Operations that a store could not do at once."""
    longest: float = 0.0
    """The longest that a caller waited, in seconds."""

    def __post_init__(self) -> None:
        self.requests = [0] * self.seconds
        self.failed = [0] * self.seconds
        self.store = [0] * self.seconds
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


NEVER = inf
