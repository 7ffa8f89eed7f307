"""Tokens and entries as the pure decisions take them."""

from s2sauth._core.config import Settings
from s2sauth._core.errors import Cause, Failure, TokenUnavailable
from s2sauth._core.freshness import Entry, Instant, new_entry
from s2sauth._core.policy import RenewalPolicy
from s2sauth._core.values import AccessToken
from s2sauth._slots import Client, Slot

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
    return new_entry(
        token(value, life),
        asked_at=asked_at,
        life=life,
        policy=policy,
        chance=chance,
        number=number,
        forced=forced,
        suspected=suspected,
        issued_life=issued_life,
    )


def failure(cause: Cause = Cause.UNREACHABLE, retry_after: float | None = None) -> Failure:
    """A failed token request."""
    return Failure(cause, TokenUnavailable, ("down", None), retry_after)


def settings(scopes: str = "a") -> Settings:
    """Settings that differ by their scopes."""
    return Settings(
        token_url="https://auth.example.com/oauth2/token",
        client_id="abc",
        auth_method="auto",
        scopes=(scopes,),
        client_metadata=None,
        strict=False,
    )


def empty_slot() -> Slot:
    """A slot that nobody has used."""
    return Slot(settings(), Client())
