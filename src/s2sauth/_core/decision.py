"""What a caller gets: the one decision behind get_token()."""

from enum import Enum, auto
from typing import final

from .entry import Entry, Freshness, Instant, freshness, is_short
from .policy import RenewalPolicy
from .retry import Cooldowns, ForcedBudget, in_force, is_spent, may_force


class Decision(Enum):
    """What to do for one caller, now."""

    SERVE = auto()
    """Hand out the cached token."""
    RENEW = auto()
    """Hand out the cached token and start its renewal."""
    REPLACE = auto()
    """Wait for a token other than the cached one, which is suspected; if none comes, hand out the cached one."""
    FETCH = auto()
    """Wait for a token: there is none to hand out."""
    FAIL = auto()
    """Raise the remembered failure: there is no token, and it is too early for another try."""


@final
class Known:
    """What is known of a key."""

    __slots__ = ("budget", "cooldowns", "entry", "flying", "policy")

    def __init__(
        self,
        policy: RenewalPolicy,
        *,
        flying: bool,
        entry: Entry | None,
        cooldowns: Cooldowns = (None, None),
        budget: ForcedBudget | None = None,
    ) -> None:
        self.policy = policy
        self.flying = flying
        """A flight is in progress."""
        self.entry = entry
        """The cached token."""
        self.cooldowns = cooldowns
        """The remembered failures of the key and of the client."""
        self.budget = budget
        """Of forced renewals; None before the first."""


@final
class Asked:
    """What one caller asks for."""

    __slots__ = ("min_ttl", "rejected")

    def __init__(self, rejected: str | None = None, min_ttl: float = 0.0) -> None:
        self.rejected = rejected
        """The token that an API answered 401 to."""
        self.min_ttl = min_ttl
        """Seconds of life that the token must have."""


def next_step(known: Known, asked: Asked, now: Instant) -> Decision:
    """Decide for one caller."""
    entry, state = known.entry, freshness(known.entry, now)
    if entry is None or state is Freshness.EXPIRED:
        may_ask = known.flying or in_force(known.cooldowns, now, with_token=False) is None
        return Decision.FETCH if may_ask else Decision.FAIL
    due = state is Freshness.STALE and in_force(known.cooldowns, now, with_token=True) is None
    by_force = not is_spent(known.cooldowns, now) and may_force(known.budget, entry, now=now, policy=known.policy)
    if asked.rejected == entry.token.access_token or is_short(entry, asked.min_ttl, now):
        return Decision.REPLACE if known.flying or due or by_force else Decision.SERVE
    if known.flying:
        return Decision.SERVE
    if entry.suspected and by_force:
        return Decision.REPLACE
    return Decision.RENEW if due else Decision.SERVE
