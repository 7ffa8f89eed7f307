"""The pool behind `FakeCognito`: one app client, its secrets and scopes, and every token it was given."""

import base64
import os
import secrets
import string
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, final

from ._replies import dump

POOL_ID = "eu-central-1_Ex4mpl3Ab"
_ISSUER = f"https://cognito-idp.eu-central-1.amazonaws.com/{POOL_ID}"
_HEADER = {"kid": "q8Vb0TqY1uJ4mF3Zk9sX2w7cR5nH6dLp0aEoGiUtKxM=", "alg": "RS256"}


class WallClock(Protocol):
    """What `FakeCognito` tells time by."""

    def wall(self) -> float:
        """Seconds since the epoch."""
        ...


@dataclass(slots=True)
class Issued:
    """A token as its issuer remembers it."""

    token_id: str
    scopes: tuple[str, ...]
    expires_at: float
    """To the fraction of a second, while the claims show whole seconds as JWTs do."""
    revoked: bool = False


@final
class Pool:
    """Decides who gets a token, for which scopes, and what became of it. Thread-safe."""

    def __init__(
        self,
        *,
        client_id: str | None,
        client_secret: str | None,
        scopes: Iterable[str],
        expires_in: float,
        clock: WallClock,
    ) -> None:
        self.client_id: str = _letters(26) if client_id is None else client_id
        self.secrets: list[str] = [_letters(52) if client_secret is None else client_secret]
        """Newest first."""
        self.scopes: tuple[str, ...] = tuple(scopes)
        self.expires_in = expires_in
        self.clock = clock
        self.offset: float = 0.0
        self.restore()
        self._issued: dict[str, Issued] = {}
        self._repeated: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Issue proper tokens again."""
        self.narrowed_to: tuple[str, ...] | None = None
        self.claims: dict[str, object] = {}
        self.repeats = False

    @property
    def issued(self) -> int:
        """How many tokens there are."""
        return len(self._issued)

    def now(self) -> float:
        """The server's wall clock, right or wrong."""
        return self.clock.wall() + self.offset

    def rotate(self, new: str | None, *, keep_old: bool) -> str:
        """Replace the secret, or put a second one beside it."""
        secret = _letters(52) if new is None else new
        self.secrets = [secret, self.secrets[0]] if keep_old else [secret]
        return secret

    def token(self, scopes: tuple[str, ...]) -> tuple[str, str]:
        """A new token and its id, or with `repeats` the latest one for the same scopes."""
        with self._lock:
            if not self.repeats or scopes not in self._repeated:
                self._repeated[scopes] = self._issue(scopes)
            token = self._repeated[scopes]
            return token, self._issued[token].token_id

    def _issue(self, scopes: tuple[str, ...]) -> str:
        now = self.now()
        granted = tuple(scope for scope in scopes if self.narrowed_to is None or scope in self.narrowed_to)
        token_id = str(uuid.uuid4())
        claims: Mapping[str, object] = {
            "sub": self.client_id,
            "token_use": "access",
            "scope": " ".join(granted),
            "auth_time": int(now),
            "iss": _ISSUER,
            "exp": int(now) + whole(self.expires_in),
            "iat": int(now),
            "version": 2,
            "jti": token_id,
            "client_id": self.client_id,
            **self.claims,
        }
        token = f"{_part(dump(_HEADER))}.{_part(dump(claims))}.{_part(os.urandom(256))}"
        self._issued[token] = Issued(token_id, granted, now + self.expires_in)
        return token

    def find(self, token: str) -> Issued | None:
        """What is known about a token."""
        return self._issued.get(token)

    def revoke(self, token: str | None) -> None:
        """Take back one token, or all there are. LookupError for one that was not issued here."""
        with self._lock:
            if token is None:
                taken = list(self._issued.values())
            elif token in self._issued:
                taken = [self._issued[token]]
            else:
                raise LookupError("revoke: no such token was issued here")
        for issued in taken:
            issued.revoked = True


def whole(seconds: float) -> float:
    """An int where the number is one, for JSON that looks as Cognito's does."""
    return int(seconds) if seconds == int(seconds) else seconds


def _letters(length: int) -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
