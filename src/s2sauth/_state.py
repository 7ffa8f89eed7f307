"""What is known of one key, for people."""

from ._core.entry import Freshness, elapsed, freshness
from ._core.record import Record
from ._core.retry import force_wait, in_force
from ._engine import Engine
from ._slots import Slot


class State(Record):
    """A snapshot for people: what is cached, what comes next, what went wrong, what it cost."""

    freshness: Freshness
    """FRESH, STALE or EXPIRED; EXPIRED also when there is no token yet."""
    expires_in: float | None
    """Seconds until the token is no longer handed out, or None without a token; never below 0."""
    next_renewal_in: float | None
    """Seconds until the next call starts a renewal: 0.0 means the next call does; None while one is in progress."""
    last_error: str | None
    """Class name or OAuth code of the latest failure, or None since the latest success."""
    token_requests: int
    """Token requests sent for this scope set, successful or not."""
    tokens_billed: int
    """Tokens received, which is what Cognito charges for."""
    scopes: tuple[str, ...] | None
    """The scopes asked for, or None: all of the app client's."""


def state(engine: Engine, slot: Slot) -> State:
    """The snapshot of one slot."""
    now, entry = engine.now(), slot.newest
    level = freshness(entry, now)
    cooldown = in_force((slot.cooldown, engine.refused), now, with_token=level is not Freshness.EXPIRED)
    pause = 0.0 if cooldown is None else cooldown.left(now)
    if entry is not None and level is not Freshness.EXPIRED:
        pause = max(pause, entry.renew_after - elapsed(entry.asked_at, now))
        if entry.suspected:
            pause = max(0.0, min(pause, force_wait(slot.budget, entry, now=now, policy=engine.policy)))
    return State(
        freshness=level,
        expires_in=None if entry is None else max(0.0, entry.usable_left(now)),
        next_renewal_in=None if slot.latest.flying else pause,
        last_error=slot.last_error,
        token_requests=slot.token_requests,
        tokens_billed=slot.tokens_billed,
        scopes=slot.settings.scopes,
    )
