"""What is known of one key, for people."""

from ._core.freshness import Freshness, Instant, freshness
from ._core.policy import RenewalPolicy
from ._core.record import Record
from ._core.retry import force_wait, holding
from ._slots import Slot


class State(Record):
    """A snapshot for people: what is cached, what comes next, what went wrong, what it cost."""

    freshness: Freshness
    """FRESH, STALE or EXPIRED; EXPIRED also when there is no token yet."""
    expires_in: float | None
    """Seconds until the token is no longer handed out, or None without a token; never below 0."""
    next_renewal_in: float | None
    """Seconds until the next call starts a renewal: 0.0 means the next call does; None while one is under way."""
    last_error: str | None
    """Class name or OAuth code of the latest failure, or None since the latest success."""
    token_requests: int
    """Token requests sent for this scope set, whatever came of them."""
    tokens_billed: int
    """Tokens received, which is what Cognito charges for."""
    scopes: tuple[str, ...] | None
    """The scopes asked for, or None: all of the app client's."""


def state(slot: Slot, now: Instant, policy: RenewalPolicy) -> State:
    """The snapshot of one slot."""
    entry = slot.newest
    level = freshness(entry, now)
    held = holding((slot.memory, slot.client.memory), now, in_hand=level is not Freshness.EXPIRED)
    pause = 0.0 if held is None else held.left(now)
    if entry is not None and level is not Freshness.EXPIRED:
        age = entry.usable_for - entry.usable_left(now)
        pause = max(pause, entry.renew_after - age)
        if entry.suspected:
            by_force = force_wait(slot.forced, age=age, life=entry.life, now=now, policy=policy)
            pause = max(0.0, min(pause, by_force))
    return State(
        freshness=level,
        expires_in=None if entry is None else max(0.0, entry.usable_left(now)),
        next_renewal_in=None if slot.latest.flying else pause,
        last_error=slot.last_error,
        token_requests=slot.token_requests,
        tokens_billed=slot.tokens_billed,
        scopes=slot.settings.scopes,
    )
