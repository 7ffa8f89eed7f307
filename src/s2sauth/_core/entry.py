"""A cached token, its age and what that means. Two clocks, because each one alone would serve dead tokens."""

from enum import Enum
from math import inf
from typing import NamedTuple, final

from .once import Once
from .policy import RenewalPolicy
from .values import AccessToken


class Instant(NamedTuple):
    """One moment, by the wall clock and by the clock since boot (seconds)."""

    wall: float
    boot: float


def elapsed(since: Instant, now: Instant) -> float:
    """Seconds from `since` to `now`: the larger of what the two clocks say.

    The wall clock may step back, the boot clock may miss a restored snapshot; a suspended system stops neither.
    """
    return max(now.wall - since.wall, now.boot - since.boot)


def surely_elapsed(since: Instant, now: Instant) -> float:
    """Seconds that have passed whatever was done to the clocks: the smaller of what the two say, and 0 or more."""
    return max(0.0, min(now.wall - since.wall, now.boot - since.boot))


STEP = 1.0
"""Seconds by which the two clocks must have come apart for a step; less is an adjustment."""
SLEW = 0.001
"""The part of the time passed that an adjustment may make: NTP slews by 0.0005 at most (adjtimex)."""
LARGE_STEP = 60.0
"""Seconds beyond which an operator should look at the machine's clock: every margin here is shorter."""


def clock_step(before: Instant, now: Instant) -> float | None:
    """Seconds by which the wall clock was set between two moments, against the clock since boot; None if it was not.

    Negative when it was set back. A restored snapshot looks the same, and so does a suspended machine where the clock
    since boot misses suspended time.
    """
    passed = now.boot - before.boot
    apart = now.wall - before.wall - passed
    return apart if abs(apart) > STEP + SLEW * abs(passed) else None


class Freshness(Enum):
    """What a cached token is good for."""

    FRESH = "fresh"
    """Handed out as it is."""
    STALE = "stale"
    """Handed out while one caller's flight renews it."""
    EXPIRED = "expired"
    """Not handed out: it has expired, or will within the margin; or there is no token."""


@final
class Entry:
    """A cached token with the instants at which it changes, computed once, when it arrives.

    After that, three things may happen to it, each at most once and from any thread: it is suspected, it is accepted,
    and a later entry follows it. None of them can be lost or undone, so no lock is needed.
    """

    __slots__ = (
        "accepted",
        "asked_at",
        "forced",
        "fresh_until_boot",
        "fresh_until_wall",
        "issued_life",
        "life",
        "longest",
        "next",
        "number",
        "renew_after",
        "suspected",
        "token",
        "usable_for",
    )

    def __init__(
        self,
        token: AccessToken,
        *,
        asked_at: Instant,
        life: float,
        policy: RenewalPolicy,
        chance: float,
        number: int,
        forced: bool = False,
        issued_life: float | None = None,
        longest: float | None = None,
        margin: float | None = None,
    ) -> None:
        """`chance` from [0, 1) places its renewal point; `margin` replaces that of the policy."""
        self.token = token
        self.asked_at = asked_at
        """The moment before its request was sent: its life counts from here."""
        self.life = life
        self.issued_life = life if issued_life is None else issued_life
        """The life with which the server issued it: more than `life` when a caching proxy returns it later."""
        self.longest = life if longest is None else longest
        """Its life by the longest reading of its answer, which counts once the purchase budget is spent."""
        self.usable_for = policy.usable_for(life) if margin is None else life - margin
        self.renew_after = min(policy.renew_after(life, chance), self.usable_for)
        self.number = number
        """The number of the flight that brought it: a higher one was asked for later."""
        self.forced = forced
        """It replaced a token that was suspected or rejected."""
        self.suspected = False
        """An API rejected it, or `invalidate()` was called: still handed out, but no longer by the cached path."""
        self.accepted = False
        """The API that rejected the previous token has accepted this one."""
        self.next: Once[Entry] = Once()
        """The entry that followed it in the cache."""
        self.fresh_until_wall = asked_at.wall + self.renew_after
        self.fresh_until_boot = asked_at.boot + self.renew_after

    @classmethod
    def nothing(cls, number: int) -> "Entry":
        """Ends the tokens of this flight and all earlier ones: it has no token, and is never fresh."""
        entry = object.__new__(cls)
        entry.number, entry.life, entry.usable_for = number, 0.0, 0.0
        entry.next = Once()
        entry.fresh_until_wall = entry.fresh_until_boot = -inf
        return entry

    def follow_with(self, entry: "Entry") -> bool:
        """Let `entry` follow this one, which the cached path no longer hands out; False if another already does."""
        if first := self.next.set(entry):
            self.fresh_until_wall = -inf
        return first

    def suspect(self) -> None:
        """Mark it as suspected; the cached path no longer hands it out."""
        self.suspected = True
        self.fresh_until_wall = -inf

    def left(self, now: Instant) -> float:
        """Seconds of its life that are left."""
        return self.life - elapsed(self.asked_at, now)

    def usable_left(self, now: Instant) -> float:
        """Seconds until it is EXPIRED; 0 or less when it is."""
        return self.usable_for - elapsed(self.asked_at, now)


def is_alive_by_longest(entry: Entry, now: Instant) -> bool:
    """Whether it is alive by the longest reading of its life alone, to the last second."""
    return entry.usable_left(now) <= 0 < entry.longest - elapsed(entry.asked_at, now)


def freshness(entry: Entry | None, now: Instant) -> Freshness:
    """Which of the three `entry` is at `now`. It only ever moves forward."""
    if entry is None:
        return Freshness.EXPIRED
    age = elapsed(entry.asked_at, now)
    if age >= entry.usable_for:
        return Freshness.EXPIRED
    return Freshness.STALE if age >= entry.renew_after else Freshness.FRESH


UNSEEN = 1.0
"""Seconds of its life that a token may lose before its answer's Date: `iat` and Date are whole seconds."""


def cut_margin(life: float, policy: RenewalPolicy, issued_life: float | None = None) -> float | None:
    """The expiry margin of a token in seconds, if the short life that it was issued with cuts it down; else None.

    The rest of a longer life, as a caching proxy returns it, is not the app client's token expiration.
    """
    whole = life + UNSEEN if issued_life is None else issued_life
    return policy.margin(life) if policy.margin(whole) < policy.expiry_margin else None


def is_short(entry: Entry, min_ttl: float, now: Instant) -> bool:
    """Whether a new token would have the life that this one lacks; not if no token lives that long."""
    return entry.left(now) < min_ttl < entry.life
