"""Decisions of processes that share a store: which token to take, which one asks for it, how long the others wait.

All times in seconds, `chance` from [0, 1).
"""

from enum import Enum, auto

from .entry import Entry, Instant, elapsed, is_short
from .errors import Cause, Failure
from .policy import RenewalPolicy
from .record import Record
from .retry import SHORTEST_LIMIT, Backoff, Cooldown

LEASE_PART = 0.25
"""The lease lasts this part of the policy's deadline: long enough for nearly every token request. Two holders in a row
may die before the other processes stop waiting, which would then all ask at once."""
RESERVED_PART = 0.4
"""The last part of a flight's time is not spent on waiting for the holder of a lease: it is for its own request."""
POLL = Backoff(0.1, 0.25, growth=1.5)
"""Between two looks into the store while another process has the lease."""
LOOK_AGAIN = 1.0
"""While a usable token is cached, no flight waits for the lease's holder; it looks for the holder's token after this
time, or after an eighth of the renewal window."""
CONNECTING = 1.0
"""The first operation of a flight may have to connect. And while a caller waits for a token, a slow store may still be
faster than the token endpoint, and it is cheaper."""
CIRCUIT = Backoff(5.0, 60.0)
"""How long a store that failed is skipped."""


class Verdict(Enum):
    """What to do with a token from the store."""

    TAKE = auto()
    """Use it; no request is needed."""
    RETIRE = auto()
    """It is the one that an API rejected: mark it in the store, and request another."""
    FALL_BACK = auto()
    """It is suspected: use it only until a better one comes."""
    PASS = auto()
    """Ignore it: it has expired, or is no newer than the cached one."""


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
    """Whether a flight with `left` of its `limit` goes on waiting for the lease's holder, instead of asking itself."""
    return left > RESERVED_PART * limit


def poll_delay(polls: int, chance: float) -> float:
    """The time until the next look into the store, after this many."""
    return POLL.after(polls) * (0.5 + chance / 2)


def left_to_another(now: Instant, *, window: float, chance: float) -> Cooldown:
    """The pause when another process has the lease and a usable token is cached."""
    failure = Failure.unavailable(Cause.ELSEWHERE, "another process is renewing this token")
    return Cooldown(failure, now, min(LOOK_AGAIN, window / 8) * (0.5 + chance / 2), repeated=0, with_token=True)


def store_limit(left: float, *, first: bool, waited_for: bool, policy: RenewalPolicy) -> float:
    """How long one operation of the store may take in a flight that has `left` until its deadline."""
    limit = max(policy.store_timeout, CONNECTING) if first or waited_for else policy.store_timeout
    # A flight past its deadline only writes what it still has: no caller waits for it.
    return limit if left <= 0 else max(SHORTEST_LIMIT, min(limit, left / 2))


class Circuit(Record):
    """The store failed: it is skipped for a while."""

    at: Instant
    pause: float
    repeated: int
    """How many failures came before it without a success between them."""

    def left(self, now: Instant) -> float:
        """Seconds for which it is skipped; 0 or less when it may be tried again."""
        return self.pause - elapsed(self.at, now)


def opened(before: Circuit | None, *, now: Instant, chance: float) -> Circuit:
    """The circuit after one more failure."""
    repeated = 0 if before is None else before.repeated + 1
    return Circuit(now, CIRCUIT.after(repeated) * (0.5 + chance / 2), repeated)
