"""Decisions of processes that share a store: which token to take, who asks for one, how long the others wait.

All times in seconds, `chance` from [0, 1).
"""

from enum import Enum, auto

from .entry import Entry, Instant, elapsed, is_short
from .errors import Cause, Failure
from .policy import RenewalPolicy
from .record import Record
from .retry import SHORTEST_LIMIT, Backoff, Cooldown

LEASE_PART = 0.25
"""The lease lasts this part of the policy's deadline: long enough for nearly every token request, and two holders may
die one after the other before all others stop waiting, and would ask at once."""
RESERVED_PART = 0.4
"""The last part of a flight's time is not spent on waiting for a lease's holder: it is for a request of its own."""
POLL = Backoff(0.1, 0.25, growth=1.5)
"""Between two looks into the store while another process has the lease."""
LOOK_AGAIN = 1.0
"""With a token in hand nobody waits for the lease's holder; what it brought is looked for after this time, or after an
eighth of the renewal window."""
CONNECTING = 1.0
"""The first operation of a flight may have to connect; and while somebody waits for a token, a slow store may still be
quicker than the token endpoint, and is cheaper."""
CIRCUIT = Backoff(5.0, 60.0)
"""How long a store that failed is skipped."""


class Verdict(Enum):
    """What a token that lies in the store is good for."""

    TAKE = auto()
    """It is used, and nobody is asked."""
    RETIRE = auto()
    """It is the one that an API rejected: the store is told, and a new one is asked for."""
    FALL_BACK = auto()
    """It is suspected: used only while nothing better comes."""
    PASS = auto()
    """It is over, or no newer than the one in hand."""


def judge(found: Entry, *, cached: Entry | None, replaces: Entry | None, now: Instant, min_ttl: float = 0.0) -> Verdict:
    """Judge `found` for a flight; `replaces` is the token that an API rejected, `min_ttl` the life that is needed."""
    if found.usable_left(now) <= 0 or is_short(found, min_ttl, now):
        return Verdict.PASS
    if replaces is not None and replaces.token.access_token == found.token.access_token:
        return Verdict.PASS if found.suspected else Verdict.RETIRE
    in_hand = cached is not None and cached.usable_left(now) > 0
    if found.suspected:
        return Verdict.PASS if in_hand else Verdict.FALL_BACK
    if cached is None or not in_hand:
        return Verdict.TAKE
    newer = elapsed(found.asked_at, now) < elapsed(cached.asked_at, now)
    return Verdict.TAKE if newer and found.token.access_token != cached.token.access_token else Verdict.PASS


def lease_seconds(policy: RenewalPolicy) -> float:
    """How long a lease lasts."""
    return LEASE_PART * policy.deadline


def may_wait(left: float, limit: float) -> bool:
    """Whether a flight with `left` of its `limit` waits on for the lease's holder, rather than ask for itself."""
    return left > RESERVED_PART * limit


def poll_delay(polls: int, chance: float) -> float:
    """Until the next look into the store, after so many."""
    return POLL.after(polls) * (0.5 + chance / 2)


def left_to_another(now: Instant, *, window: float, chance: float) -> Cooldown:
    """What is remembered when another process has the lease and a usable token is cached."""
    failure = Failure.unavailable(Cause.ELSEWHERE, "another process is renewing this token")
    return Cooldown(failure, now, min(LOOK_AGAIN, window / 8) * (0.5 + chance / 2), repeated=0, with_token=True)


def store_limit(left: float, *, first: bool, waited_for: bool, policy: RenewalPolicy) -> float:
    """How long one operation of the store may take in a flight that has `left` until its deadline."""
    limit = max(policy.store_timeout, CONNECTING) if first or waited_for else policy.store_timeout
    # A late flight only hands in what it still has: nobody waits for it.
    return limit if left <= 0 else max(SHORTEST_LIMIT, min(limit, left / 2))


class Circuit(Record):
    """The store failed: it is left alone for a while."""

    at: Instant
    pause: float
    repeated: int
    """How many failures came before it, without a success."""

    def left(self, now: Instant) -> float:
        """Seconds for which it is left alone; 0 or less when it may be tried again."""
        return self.pause - elapsed(self.at, now)


def opened(before: Circuit | None, *, now: Instant, chance: float) -> Circuit:
    """The circuit after one more failure."""
    repeated = 0 if before is None else before.repeated + 1
    return Circuit(now, CIRCUIT.after(repeated) * (0.5 + chance / 2), repeated)
