"""What is tried again, when, and for how long a failure is remembered. All times in seconds, `chance` from [0, 1)."""

from .errors import Cause, Failure
from .freshness import Instant, elapsed
from .policy import RenewalPolicy
from .record import Record

CONNECT_TIMEOUT = 2.0
READ_TIMEOUT = 4.0
UNREACHABLE_BASE = 0.2
THROTTLED_BASE = 0.5
THROTTLED_CAP = 4.0
STALE_BASE = 5.0
STALE_CAP = 60.0
REFUSAL_FIRST = (1.0, 5.0)
REFUSAL_CAP = 60.0
OUTAGE_BASE = 0.5
OUTAGE_CAP = 30.0
BACKGROUND_LIMIT = 2.0
SHORTEST_LIMIT = 0.05
"""An attempt is given at least this long; 0 would mean another thing to an HTTP client."""


class Timeouts(Record):
    """The limits of one attempt."""

    connect: float
    read: float


def timeouts(left: float) -> Timeouts:
    """The limits of an attempt when `left` seconds remain until the deadline."""
    left = max(left, SHORTEST_LIMIT)
    return Timeouts(min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left))


def background_limit(usable_left: float) -> float:
    """How long a flight may take while the token in hand is good for `usable_left` seconds."""
    return max(BACKGROUND_LIMIT, usable_left / 2)


def next_delay(
    failure: Failure, attempt: int, *, waited_for: bool, left: float, policy: RenewalPolicy, chance: float
) -> float | None:
    """Seconds until the next attempt of a flight, or None: it has failed.

    `attempt` counts from 1; `left` is the time until the flight's deadline.
    """
    if not waited_for:
        return None
    match failure.cause:
        case Cause.UNREACHABLE if attempt < policy.attempts:
            delay = UNREACHABLE_BASE * _doubled(attempt - 1) * chance
        case Cause.THROTTLED:
            delay = min(THROTTLED_CAP, THROTTLED_BASE * _doubled(attempt - 1)) * chance
        case _:
            return None
    if failure.retry_after is not None:
        delay = max(delay, failure.retry_after)
    return delay if delay < left else None


class Memory(Record):
    """A failure that is remembered, so that the next caller does not repeat it at once."""

    failure: Failure
    at: Instant
    pause: float
    repeated: int
    """How many of its kind came before it, without a success."""
    in_hand: bool
    """A usable token was in hand: says nothing to a caller who has none."""

    def left(self, now: Instant) -> float:
        """Seconds for which it still holds; 0 or less when it no longer does."""
        return self.pause - elapsed(self.at, now)


class Failed(Record):
    """The latest failure of a key."""

    number: int
    """Of its flight: a token of this flight or a later one makes it void."""
    error: str | None
    """Class name or OAuth code."""
    memory: Memory | None
    """For how long no token request is made."""


def holding(memories: tuple[Memory | None, ...], now: Instant, *, in_hand: bool) -> Memory | None:
    """The memory that holds longest, or None: a token request may be made.

    To a caller without a usable token (`in_hand` false) a failure met with one in hand says nothing: nobody waited.
    """
    held = [m for m in memories if m is not None and m.left(now) > 0 and (in_hand or not m.in_hand)]
    return max(held, key=lambda memory: memory.left(now), default=None)


def remember_in_hand(
    failure: Failure, before: Memory | None, *, now: Instant, window: float, usable_left: float, chance: float
) -> Memory:
    """Memory of a failed renewal while a usable token is in hand: the window is the outage budget."""
    repeated = _repeated(before, in_hand=True)
    pause = min(STALE_BASE * _doubled(repeated), STALE_CAP, window / 8) * (0.5 + chance / 2)
    if failure.retry_after is not None:
        pause = max(pause, min(failure.retry_after, usable_left / 2))
    return Memory(failure, now, pause, repeated, in_hand=True)


def remember_outage(failure: Failure, before: Memory | None, *, now: Instant, chance: float) -> Memory:
    """Memory of an outage with no usable token, per key."""
    repeated = _repeated(before, in_hand=False)
    pause = min(OUTAGE_BASE * _doubled(repeated), OUTAGE_CAP) * (0.5 + chance / 2)
    if failure.retry_after is not None:
        pause = max(pause, min(failure.retry_after, OUTAGE_CAP))
    return Memory(failure, now, pause, repeated, in_hand=False)


def remember_refusal(failure: Failure, before: Memory | None, *, now: Instant, chance: float) -> Memory:
    """Memory of a refusal: a wrong secret must not become a storm of requests."""
    repeated = _repeated(before, in_hand=False)
    low, high = REFUSAL_FIRST
    pause = min((low + (high - low) * chance) * _doubled(repeated), REFUSAL_CAP)
    return Memory(failure, now, pause, repeated, in_hand=False)


def _repeated(before: Memory | None, *, in_hand: bool) -> int:
    return before.repeated + 1 if before is not None and before.in_hand is in_hand else 0


def _doubled(times: int) -> float:
    return float(2 ** min(times, 32))  # beyond every cap, and never an overflow


class Forced(Record):
    """The latest forced renewal of a key: 401, `invalidate()`."""

    at: Instant
    interval: float
    """Seconds until the next one may start."""
    number: int
    """The flight's number."""
    base: float
    """The interval without doubling."""
    passed: bool = False
    """An API has accepted the replacement."""

    def accepted(self) -> "Forced":
        """The same after the first answer that is not 401."""
        return Forced(self.at, self.base, self.number, self.base, passed=True)


def forced_now(
    last: Forced | None, *, now: Instant, number: int, life: float, replaced_forced: bool, policy: RenewalPolicy
) -> Forced:
    """The record of a forced renewal that starts now.

    `replaced_forced`: the token that it replaces came from a forced renewal itself, so the interval doubles.
    """
    base = min(policy.forced_renewal_every, policy.window(life))
    rejected_again = last is not None and replaced_forced and not last.passed
    interval = max(base, min(2 * last.interval, 0.75 * life)) if last is not None and rejected_again else base
    return Forced(now, interval, number, base)


def may_force(last: Forced | None, *, age: float, life: float, now: Instant, policy: RenewalPolicy) -> bool:
    """Whether a token of this age and life may be renewed by force now: a misconfigured API asks at every call."""
    return force_wait(last, age=age, life=life, now=now, policy=policy) <= 0


def force_wait(last: Forced | None, *, age: float, life: float, now: Instant, policy: RenewalPolicy) -> float:
    """Seconds until a token of this age and life may be renewed by force; 0 or less when it may."""
    too_young = min(policy.forced_renewal_every / 2, life / 10) - age
    return too_young if last is None else max(too_young, last.interval - elapsed(last.at, now))
