"""Decisions of processes that share a store: which token to take, which one asks for it, how long the others wait.

All times in seconds, `chance` from [0, 1).
"""

import re
from enum import Enum, auto
from typing import Final

from .entry import Entry, Instant, elapsed, is_short
from .errors import Cause, Failure
from .policy import RenewalPolicy
from .record import Record
from .retry import SHORTEST_LIMIT, Backoff, Cooldown

LEASE_PART = 0.25
"""The lease lasts this part of the policy's deadline: long enough for nearly every token request. Two holders in a row
may die before the other processes stop waiting, which would then all ask at once."""
LONGEST_LEASE = 60.0
"""And never longer, whatever the policy: what would last longer is no lease of ours."""
RESERVED_PART = 0.4
"""The last part of a flight's time is not spent on waiting for the holder of a lease: it is for its own request."""
RESERVED_WHILE_BUSY = 0.2
"""The same while the store is busy: most of a crowd is then still to be served."""
POLL: Final = Backoff(0.1, 1.0)
"""Between two looks into the store while another process has the lease: about as long as the flight has waited, so that
ten thousand of them do not keep a store busy."""
BUSY = 0.75
"""Before a busy store is asked again."""
AFTER_LEASE = 0.5
"""Those who wait for the end of a lease spread over so long: the first of them writes, and the others see that."""
LOOK_AGAIN: Final = Backoff(1.0, 60.0)
"""While a usable token is cached, no flight waits for the lease's holder, nor for a busy store; it looks again after
this, or after an eighth of the renewal window."""
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
    return min(LEASE_PART * policy.deadline, LONGEST_LEASE)


_OWNER: Final = re.compile(rb"[0-9a-f]{32}")


class Lease(Record):
    """What lies under a lease's key."""

    owner: bytes
    seen_at: Instant
    """When a flight saw it first."""
    left: float
    """The seconds that it had left then. It cannot get more: one of ours is never made longer."""

    @property
    def is_ours(self) -> bool:
        """Whether a process of ours can have written it. What cannot be a lease is none, and may be replaced."""
        return 0 <= self.left <= LONGEST_LEASE and _OWNER.fullmatch(self.owner) is not None

    def lasts(self, now: Instant) -> float:
        """The seconds for which it is waited for; 0 when it may be written."""
        return max(0.0, self.left - elapsed(self.seen_at, now)) if self.is_ours else 0.0


def seen_lease(owner: bytes, left: float, before: Lease | None, now: Instant) -> Lease:
    """What a look at the lease shows; `before` is what the look before it showed."""
    lease = Lease(owner, now, left)
    return before if before is not None and before.owner == owner and before.is_ours and lease.is_ours else lease


def time_to_wait(left: float, limit: float, *, busy: bool = False) -> float:
    """For how long a flight with `left` of its `limit` may wait for the lease's holder; then it asks itself.

    Whole microseconds: a pause that is too short for a clock to show would never end the wait.
    """
    return round(left - (RESERVED_WHILE_BUSY if busy else RESERVED_PART) * limit, 6)


def poll_delay(polls: int, lease: Lease | None, now: Instant, chance: float) -> float:
    """The time until the next look into the store, after this many; `lease` is what the last one showed."""
    pause, lasts = POLL.after(polls) * (0.5 + chance / 2), 0.0 if lease is None else lease.lasts(now)
    return lasts + AFTER_LEASE * chance if 0 < lasts < pause else pause


def busy_delay(chance: float) -> float:
    """The time until a store that is busy is asked again."""
    return BUSY * (0.5 + chance / 2)


def may_leave(cached: Entry | None, lease: Lease | None, now: Instant) -> bool:
    """Whether a flight that no caller waits for leaves the renewal to another: as long as it sees a lease. And while
    the store is busy, for the first half of the time that its own token is STALE: nobody may be renewing it.
    """
    if cached is None or (lease is not None and lease.lasts(now) > 0):
        return True
    return cached.usable_left(now) > (cached.usable_for - cached.renew_after) / 2


def left_to_another(before: Cooldown | None, now: Instant, *, window: float, chance: float) -> Cooldown:
    """The pause when another process has the lease, or the store is busy, and a usable token is cached."""
    repeated = 1 + before.repeated if before is not None and before.failure.cause is Cause.ELSEWHERE else 0
    failure = Failure.unavailable(Cause.ELSEWHERE, "another process is renewing this token")
    pause = min(LOOK_AGAIN.after(repeated), window / 8) * (0.5 + chance / 2)
    return Cooldown(failure, now, pause, repeated, with_token=True)


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
