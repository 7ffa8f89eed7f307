"""What is tried again, when, how long a failure is remembered, and how many tokens are requested at most.

All times in seconds, `chance` from [0, 1).
"""

from collections.abc import Sequence
from math import ceil, inf
from typing import Final

from .entry import Entry, Instant, elapsed
from .errors import Cause, Failure
from .policy import HOUR, RenewalPolicy
from .record import Record


class Backoff(Record):
    """A pause that grows with each failure in a row."""

    base: float
    cap: float
    growth: float = 2.0

    def after(self, failures: int) -> float:
        """The pause after this many earlier failures, without jitter."""
        return min(self.cap, self.base * self.growth ** min(failures, 32))  # beyond every cap, and never an overflow


UNREACHABLE: Final = Backoff(0.2, inf)
"""Between two attempts of one flight; `attempts` ends them."""
THROTTLED: Final = Backoff(0.5, 4.0)
"""The same when the server throttles; the deadline ends them."""
STALE: Final = Backoff(5.0, 60.0)
"""Between two flights while a usable token is cached."""
OUTAGE: Final = Backoff(0.5, 30.0)
"""Between two flights when no usable token is cached."""
REFUSED: Final = Backoff(1.0, 60.0)
"""Between two flights when the request was refused; the first pause is up to REFUSED_SPREAD times as long."""
REFUSED_SPREAD: Final = 5.0

CONNECT_TIMEOUT: Final = 2.0
READ_TIMEOUT: Final = 4.0
BACKGROUND_LIMIT: Final = 2.0
SHORTEST_LIMIT: Final = 0.05
"""An attempt gets at least this long; 0 would mean something else to an HTTP client."""


Timeouts = tuple[float, float]
"""The limits of one attempt, in seconds: to connect, and to read."""


def timeouts(left: float) -> Timeouts:
    """The limits of an attempt when `left` seconds remain until the deadline."""
    left = max(left, SHORTEST_LIMIT)
    return min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)


def background_limit(usable_left: float) -> float:
    """How long a flight may take while the cached token can be used for `usable_left` seconds."""
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
        case Cause.UNREACHABLE | Cause.OUTDATED if attempt < policy.attempts:
            delay = UNREACHABLE.after(attempt - 1) * chance
        case Cause.THROTTLED:
            delay = THROTTLED.after(attempt - 1) * chance
        case _:
            return None
    if failure.retry_after is not None:
        delay = max(delay, failure.retry_after)
    return delay if delay < left else None


class Cooldown(Record):
    """A failure that is remembered, so that the next caller does not repeat it at once."""

    failure: Failure
    at: Instant
    pause: float
    repeated: int
    """How many failures of its kind came before it without a success between them."""
    with_token: bool
    """A usable token was cached, so this does not apply to a caller without one."""

    def left(self, now: Instant) -> float:
        """Seconds for which it is still in force; 0 or less when it is over."""
        return self.pause - elapsed(self.at, now)

    def retry_after(self, now: Instant) -> float:
        """Seconds after which a token request may be made; a spent budget is looked at before that, for a store."""
        spent = self.failure.retry_after if self.failure.cause is Cause.SPENT else None
        return self.left(now) if spent is None else spent - elapsed(self.at, now)


class LastFailure(Record):
    """The latest failure of a key."""

    number: int
    """The number of its flight: once this flight or a later one has brought a token, it no longer counts."""
    error: str | None
    """Class name or OAuth code."""
    cooldown: Cooldown | None
    """The pause in which no token request is made."""


Cooldowns = tuple[Cooldown | None, Cooldown | None]
"""The cooldown of the key and that of the client."""


def in_force(cooldowns: Cooldowns, now: Instant, *, with_token: bool) -> Cooldown | None:
    """The cooldown that lasts longest, or None if a token request may be made.

    For a caller without a usable token (`with_token` is false), a failure that came while there was one does not count:
    no caller waited for that flight.
    """
    held = [
        each for each in cooldowns if each is not None and each.left(now) > 0 and (with_token or not each.with_token)
    ]
    return max(held, key=lambda cooldown: cooldown.left(now), default=None)


def is_spent(cooldowns: Cooldowns, now: Instant) -> bool:
    """Whether the latest renewal found the purchase budget spent, a moment ago."""
    cooldown = in_force(cooldowns, now, with_token=True)
    return cooldown is not None and cooldown.failure.cause is Cause.SPENT


def cooldown_while_usable(
    failure: Failure, before: Cooldown | None, *, now: Instant, window: float, usable_left: float, chance: float
) -> Cooldown:
    """After a failed renewal while a usable token is cached: the renewal window is the outage budget."""
    repeated = _repeated(before, with_token=True)
    pause = min(STALE.after(repeated), window / 8) * (0.5 + chance / 2)
    if failure.retry_after is not None:
        pause = max(pause, min(failure.retry_after, usable_left / 2))
    return Cooldown(failure, now, pause, repeated, with_token=True)


def cooldown_after_outage(failure: Failure, before: Cooldown | None, *, now: Instant, chance: float) -> Cooldown:
    """After an outage with no usable token, for one key."""
    repeated = _repeated(before, with_token=False)
    pause = OUTAGE.after(repeated) * (0.5 + chance / 2)
    if failure.retry_after is not None:
        pause = max(pause, min(failure.retry_after, OUTAGE.cap))
    return Cooldown(failure, now, pause, repeated, with_token=False)


def cooldown_after_refusal(failure: Failure, before: Cooldown | None, *, now: Instant, chance: float) -> Cooldown:
    """After a refusal: a wrong secret must not become a storm of requests."""
    repeated = _repeated(before, with_token=False)
    pause = min(REFUSED.cap, REFUSED.after(repeated) * (1 + (REFUSED_SPREAD - 1) * chance))
    return Cooldown(failure, now, pause, repeated, with_token=False)


def cooldown_of_key(
    failure: Failure,
    before: Cooldown | None,
    cached: Entry | None,
    *,
    waited_for: bool,
    now: Instant,
    policy: RenewalPolicy,
    chance: float,
) -> Cooldown | None:
    """The cooldown that a failed flight leaves for its key; the one before it, if it leaves no new one.

    A flight that no caller waited for began with a usable token, which may have expired since.
    """
    usable_left = 0.0 if cached is None else max(0.0, cached.usable_left(now))
    if failure.cause is Cause.SPENT and failure.retry_after is not None:
        pause = min(failure.retry_after, OUTAGE.cap)  # until then, for another process may put a token into the store
        return Cooldown(failure, now, pause, repeated=0, with_token=usable_left > 0)
    if cached is not None and (usable_left > 0 or not waited_for):
        window = policy.window(cached.life)
        return cooldown_while_usable(failure, before, now=now, window=window, usable_left=usable_left, chance=chance)
    if failure.cause in (Cause.REQUEST_REFUSED, Cause.OUTDATED):
        return cooldown_after_refusal(failure, before, now=now, chance=chance)
    if failure.cause in _OUTAGES:
        return cooldown_after_outage(failure, before, now=now, chance=chance)
    return before


_OUTAGES: Final = frozenset({Cause.UNREACHABLE, Cause.THROTTLED, Cause.UNTRUSTED, Cause.MISUSE})


def _repeated(before: Cooldown | None, *, with_token: bool) -> int:
    if before is None or before.with_token is not with_token or before.failure.cause is Cause.ELSEWHERE:
        return 0
    return before.repeated + 1


PURCHASES: Final = ((3600.0, 8), (900.0, 10), (300.0, 20), (120.0, 44), (60.0, 84))
"""The purchase budget: the most tokens that one process requests for a key in any hour, by the life in seconds that
they are issued with. It holds whatever a header, a clock, an answer, an API or a caller does, because tokens are paid
for. A life between two rows has the number of the shorter one. Renewing in time takes fewer."""
MOST_PURCHASES: Final = PURCHASES[-1][1]
"""For lives that are shorter still as well."""


class Purchase(Record):
    """A token that a token request was answered with.

    It counts when it comes for the first time, whether it can be used or not. A cache that repeats a token sells
    nothing, and a lost answer does not count.
    """

    at: Instant
    """When the answer came."""
    mark: int
    """Python's keyed hash of the token, which reveals nothing about it."""
    life: float
    """The life that it was issued with: never what a Date or an Age makes of it."""
    iat: float | None
    """When it was issued, by its own claim."""
    date_is_wrong: bool
    """Date and Age of its answer cannot be right, so they do not count for this token."""


def purchases_allowed(life: float) -> int:
    """How many tokens with this issued life one process requests in any hour."""
    return next((number for shortest, number in PURCHASES if life >= shortest), MOST_PURCHASES)


def purchase_wait(bought: Sequence[Purchase], now: Instant, cached: Entry | None, *, policy: RenewalPolicy) -> float:
    """Seconds until the budget allows another token request; 0 when it does.

    `bought` are the latest purchases, in order. The row of the table is that of the latest one. While a usable token is
    `cached`, a new one can wait, so as many purchases are reserved as it takes to buy one whenever a token has expired.
    """
    if not bought:
        return 0.0
    allowed = purchases_allowed(bought[-1].life)
    ages = sorted(elapsed(purchase.at, now) for purchase in bought)
    every = policy.usable_for(bought[-1].life)
    reserved = ceil(HOUR / every) - 1 if cached is not None and cached.usable_left(now) > 0 else 0
    if reserved >= allowed:
        reserved = 0  # tokens that are so short cannot be had all the time anyway
    # After `later` more purchases, one `every` so many seconds, the next one must find its place in the latest hour.
    waits = [
        HOUR - later * every - ages[allowed - later - 1]
        for later in range(reserved + 1)
        if allowed - later <= len(ages)
    ]
    return max(0.0, *waits) if waits else 0.0


def budget_spent(bought: Sequence[Purchase], wait: float) -> Failure:
    """The failure when the budget allows no token request for `wait` seconds."""
    life, seconds = bought[-1].life, ceil(wait * 1000) / 1000
    return Failure.unavailable(
        Cause.SPENT,
        f"this process got {purchases_allowed(life)} tokens with a life of {life:g} s within an hour, the most that it "
        f"requests, and has none that it can use. The next token request may be made in {seconds:.1f} s. Likely cause: "
        "an API rejects the tokens, a clock or the Date of a proxy is wrong, or the answers cannot be used. Look for "
        "the events before purchase_budget_spent",
        seconds,
    )


class ForcedBudget(Record):
    """When the next forced renewal of a key (401, `invalidate()`, `min_ttl`) may start."""

    at: Instant
    """When the latest one started."""
    interval: float
    """Seconds from then until the next one may start."""
    number: int
    """The flight's number."""
    base: float
    """The interval without doubling."""

    def wait(self, cached: Entry, now: Instant) -> float:
        """Seconds until the next one may start; once the replacement was accepted, the undoubled interval counts."""
        accepted = cached.accepted and cached.number == self.number
        return (self.base if accepted else self.interval) - elapsed(self.at, now)


def forced_now(
    last: ForcedBudget | None, *, now: Instant, number: int, replaced: Entry, for_life: bool, policy: RenewalPolicy
) -> ForcedBudget:
    """The record of a forced renewal that starts now, of flight `number`.

    If the token that it replaces came from a forced renewal itself and no API accepted it, the interval doubles; but
    not `for_life`, when nothing is wrong with that token except that it expires too soon for a caller.
    """
    base = min(policy.forced_renewal_every, policy.window(replaced.life))
    rejected_again = last is not None and replaced.forced and not for_life and not replaced.accepted
    interval = max(base, min(2 * last.interval, 0.75 * replaced.life)) if last is not None and rejected_again else base
    return ForcedBudget(now, interval, number, base)


def may_force(budget: ForcedBudget | None, cached: Entry, *, now: Instant, policy: RenewalPolicy) -> bool:
    """Whether the cached token may be renewed by force now: a misconfigured API asks at every call."""
    return force_wait(budget, cached, now=now, policy=policy) <= 0


def force_wait(budget: ForcedBudget | None, cached: Entry, *, now: Instant, policy: RenewalPolicy) -> float:
    """Seconds until the cached token may be renewed by force; 0 or less when it may."""
    too_young = min(policy.forced_renewal_every / 2, cached.life / 10) - elapsed(cached.asked_at, now)
    return too_young if budget is None else max(too_young, budget.wait(cached, now))
