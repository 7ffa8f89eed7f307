"""A token as bytes for the shared store and back, and the name under which it is stored.

Both change together with FORMAT, which is part of the name: versions of the library with different formats do not see
each other's entries, so neither can damage the other's.
"""

import hmac
import json

from .issued import Issued, Source, Unusable, read_token
from .policy import is_number
from .settings import Settings, key
from .strict_json import json_object

FORMAT = "s2sauth:1"
"""What entries are like: the members of `dump`, encrypted as `stores._sealed` says."""


class Stored:
    """A token as it is stored; no repr shows it."""

    __slots__ = ("asked_at", "issued", "suspected")

    def __init__(self, issued: Issued, *, asked_at: float, suspected: bool) -> None:
        self.issued = issued
        """Its lifetime counts from `asked_at`."""
        self.asked_at = asked_at
        """The moment before its request, in seconds since the epoch, by the clock of the machine that sent it."""
        self.suspected = suspected
        """An API rejected it, or `invalidate()` was called."""

    def age(self, now: float, left: float) -> float:
        """Its age when the wall clock says `now` and the store says that the entry stays for `left` seconds.

        The larger of what the two clocks say: neither a wrong clock, of the reader or the writer, nor an entry that was
        put back makes a token younger.
        """
        return max(0.0, now - self.asked_at, self.issued.lifetime - left)

    def __repr__(self) -> str:
        return f"<Stored token, {'suspected' if self.suspected else 'good'}>"


def associated_data(settings: Settings) -> bytes:
    """What an entry is bound to, and cannot be decrypted without: no entry of another key is ever used."""
    return f"{FORMAT} {key(settings)}".encode()


def name(naming_key: bytes, settings: Settings) -> str:
    """The store's key for the tokens of these settings; without `naming_key` it reveals nothing."""
    return f"{FORMAT}:{hmac.digest(naming_key, associated_data(settings), 'sha256').hex()}"


def dump(stored: Stored) -> bytes:
    """The bytes to encrypt."""
    members = {
        "access_token": stored.issued.access_token,
        "asked_at": stored.asked_at,
        "expires_in": stored.issued.lifetime,
        "suspected": stored.suspected,
        **({} if stored.issued.scopes is None else {"scope": " ".join(stored.issued.scopes)}),
    }
    return json.dumps(members, separators=(",", ":")).encode()


def load(data: bytes, settings: Settings) -> Stored | None:
    """What was dumped, checked like an answer of the token endpoint; None for anything else. Never raises."""
    members = json_object(data) or {}
    asked_at, suspected = members.get("asked_at"), members.get("suspected")
    if not isinstance(asked_at, float) or not is_number(asked_at) or not isinstance(suspected, bool):
        return None
    issued = read_token({**members, "token_type": "Bearer"}, Source(), settings)
    if isinstance(issued, Unusable) or "expires_in" not in members or (settings.strict and issued.findings):
        return None
    return Stored(issued, asked_at=asked_at, suspected=suspected)
