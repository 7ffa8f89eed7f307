"""What a caller gets: the one decision behind get_token()."""

from enum import Enum, auto

from .freshness import Entry, Freshness, Instant, elapsed, freshness
from .policy import RenewalPolicy
from .retry import Forced, Memory, holding, may_force


class Step(Enum):
    """What to do for one caller, now."""

    SERVE = auto()
    """Hand out the cached token."""
    RENEW = auto()
    """Hand out the cached token and start its renewal."""
    REPLACE = auto()
    """Wait for another token than the cached one, which is suspected; if none comes, hand out the cached one."""
    FETCH = auto()
    """Wait for a token: there is none to hand out."""
    FAIL = auto()
    """Raise the remembered failure: there is no token, and it is not time for another try."""


def is_short(entry: Entry, min_ttl: float, now: Instant) -> bool:
    """Whether a new token would have the life that this one lacks; one that lives shorter anyhow would not."""
    return entry.left(now) < min_ttl < entry.life


def next_step(
    entry: Entry | None,
    *,
    now: Instant,
    policy: RenewalPolicy,
    memories: tuple[Memory | None, ...],
    forced: Forced | None,
    flying: bool,
    rejected: str | None,
    min_ttl: float = 0.0,
) -> Step:
    """Decide for one caller.

    `memories` are the failures remembered of the key and of the client, `flying` says that a flight is under way,
    `rejected` is the token that this caller saw rejected by an API (401), `min_ttl` the seconds of life that it needs.
    """
    state = freshness(entry, now)
    if entry is None or state is Freshness.EXPIRED:
        return Step.FETCH if flying or holding(memories, now, in_hand=False) is None else Step.FAIL
    due = state is Freshness.STALE and holding(memories, now, in_hand=True) is None
    by_force = may_force(forced, age=elapsed(entry.asked_at, now), life=entry.life, now=now, policy=policy)
    if rejected == entry.token.access_token or is_short(entry, min_ttl, now):
        return Step.REPLACE if flying or due or by_force else Step.SERVE
    if flying:
        return Step.SERVE
    if entry.suspected and by_force:
        return Step.REPLACE
    return Step.RENEW if due else Step.SERVE
