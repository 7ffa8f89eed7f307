"""Tokens and entries as the pure decisions take them.

Private modules, for all tests of decisions and slots: no public name makes an entry, a failure or settings.
"""

from typing import Any

from s2sauth._core.entry import Entry, Instant
from s2sauth._core.errors import Cause, Failure, TokenUnavailable
from s2sauth._core.policy import RenewalPolicy
from s2sauth._core.settings import Settings
from s2sauth._core.values import AccessToken
from s2sauth._engine import Engine
from s2sauth._flight import Flight
from s2sauth._slots import Slot

START = Instant(1_790_000_000.0, 7_000.0)
POLICY = RenewalPolicy()


def after(seconds: float, start: Instant = START) -> Instant:
    """So many seconds later, by both clocks."""
    return Instant(start.wall + seconds, start.boot + seconds)


def token(value: str = "abc", life: float = 3600.0) -> AccessToken:
    """A token issued at START; its own clock stands still."""
    return AccessToken(value, expires_in=life, issued_at=START.wall, left=lambda: life)


def entry(
    *,
    life: float = 3600.0,
    number: int = 1,
    chance: float = 0.5,
    policy: RenewalPolicy = POLICY,
    asked_at: Instant = START,
    forced: bool = False,
    suspected: bool = False,
    value: str = "abc",
    issued_life: float | None = None,
) -> Entry:
    """An entry asked for at START."""
    made = Entry(
        token(value, life),
        asked_at=asked_at,
        life=life,
        policy=policy,
        chance=chance,
        number=number,
        forced=forced,
        issued_life=issued_life,
    )
    if suspected:
        made.suspect()
    return made


def failure(cause: Cause = Cause.UNREACHABLE, retry_after: float | None = None) -> Failure:
    """A failed token request."""
    return Failure(cause, TokenUnavailable, ("down", None), retry_after)


def settings(scopes: str | tuple[str, ...] | None = "a", **changes: Any) -> Settings:
    """Settings that differ by their scopes, or by whatever else is given."""
    usual: dict[str, Any] = {
        "token_url": "https://auth.example.com/oauth2/token",
        "client_id": "abc",
        "auth_method": "auto",
        "scopes": (scopes,) if isinstance(scopes, str) else scopes,
        "client_metadata": None,
        "strict": False,
    }
    return Settings(**{**usual, **changes})


def empty_slot() -> Slot:
    """A slot that nobody has used."""
    return Slot(settings())


class Still:
    """A clock that stands still until a test says what time it is; half of every chance."""

    def __init__(self) -> None:
        self.now = START

    def wall(self) -> float:
        """As `now` says."""
        return self.now.wall

    def boottime(self) -> float:
        """As `now` says."""
        return self.now.boot

    monotonic = boottime

    def wait(self, *_: object) -> None:
        """Nothing to wait for."""

    def random(self) -> float:
        """Always the same."""
        return 0.5


class Held:
    """An engine without a network, and a slot of it."""

    def __init__(self) -> None:
        self.clock = Still()
        self.engine = Engine(
            policy=POLICY, clock=self.clock, on_event=None, secrets="s" * 40, http_client=None, store=None
        )
        self.slot = self.engine.slots.slot(settings())
        self.failures = 1

    def keep(self, entry: Entry) -> Entry:
        """Cache it."""
        self.slot.keep(entry)
        return entry

    def fail(self, failure: Failure, at: Instant = START, *, number: int = 0, waited_for: bool = True) -> int:
        """A flight ends so, one later than all others unless it has a number; its number."""
        self.failures += 1
        self.clock.now = at
        flight = Flight(number or self.failures, limit=(at, 8.0), waited_for=waited_for)
        self.engine.remember(self.slot, flight, failure)
        return flight.number
