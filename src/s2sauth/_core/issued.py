"""What is believed in a 200 of the token endpoint (RFC 6749 5.1).

How long a token is valid is said by `expires_in`, less the answer's Age, and by the JWT's `exp`, less server time: the
answer's Date plus its Age (RFC 9111). The shorter reading counts. A Date ahead of the token's `iat` means either that a
cache has kept the token, or that the clock behind Date is wrong. The next token tells them apart: if its `iat` has
advanced with our clock, tokens are new when they arrive, so Date is wrong, and `exp - iat` counts.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, cast

from . import cognito
from .bearer import MAX_TOKEN, is_b64token
from .entry import Instant, clock_step, elapsed, surely_elapsed
from .policy import LONGEST_LIFE, SHORTEST_LIFE
from .record import Record
from .retry import MOST_PURCHASES, Purchase
from .settings import Settings
from .values import is_scope_token

ROUNDING = 2.0
"""Seconds that whole seconds may hide: Date and Age are rounded down, each by less than one."""
APART = 3.0
"""Seconds by which readings of one moment may differ: whole seconds, and the time that the answers took."""
DRIFT = 0.0002
"""The part of the time passed by which two clocks that nobody sets may come apart besides."""


class Finding(Record):
    """Something odd about a token that was issued all the same."""

    event: Literal["scope_narrowed", "client_mismatch", "clocks_disagree", "expires_in_missing"]
    text: str


class Issued:
    """A usable token, which no repr shows."""

    __slots__ = ("access_token", "findings", "issued_life", "lifetime", "longest", "rounding", "scopes")

    def __init__(
        self,
        access_token: str,
        lifetime: float,
        scopes: tuple[str, ...] | None,
        findings: tuple[Finding, ...] = (),
        issued_life: float | None = None,
        *,
        longest: float | None = None,
        rounding: float = 0.0,
    ) -> None:
        self.access_token = access_token
        self.lifetime = lifetime
        """Seconds from the moment before the request was sent."""
        self.issued_life = lifetime if issued_life is None else max(lifetime, issued_life)
        """Seconds that it was valid for when it was issued: more than `lifetime` when a cache has returned it."""
        self.longest = lifetime if longest is None else longest
        """The longest reading of its life, which counts once the purchase budget is spent."""
        self.rounding = rounding
        """How many of its last seconds may not be there: more than 0 when a cache has returned it."""
        self.scopes = scopes
        """Those that the answer says were granted, else those in the JWT, else those asked for, else None."""
        self.findings = findings

    def __repr__(self) -> str:
        return f"<Issued for {self.lifetime:g} s>"


Members = Mapping[str, object]
"""Of the answer's JSON object, or of the JWT's payload."""


class Unusable(Record):
    """Why there is no token in the answer."""

    what: str
    likely_cause: str | None = None
    cached_for: float | None = None
    """A cache returned the token, which has so many seconds left at most; None without a cache."""


class Source(NamedTuple):
    """Where a token comes from: when its answer was sent, and what came before it."""

    date: float | None = None
    """The answer's Date, in seconds since the epoch."""
    age: float = 0.0
    """The answer's Age, in seconds."""
    asked_at: Instant = Instant(0.0, 0.0)
    """The moment before the request was sent."""
    at: Instant = Instant(0.0, 0.0)
    """When the answer came."""
    bought: list[Purchase] | None = None
    """The latest purchases, in order; None if they do not matter."""


class Trace(NamedTuple):
    """What the tokens before this one say about it."""

    known_for: float
    """Seconds that have surely passed since it came for the first time."""
    date_is_wrong: bool
    """Date and Age of the answer cannot be right."""
    news: str | None = None
    """What they say and what the JWT says, if they could be right for the token before."""


def note_purchase(token: str | bytes, members: Members, source: Source) -> None:
    """Add a token that is of no use to the purchases, or a body that could not be read; not if it has come before."""
    trace(token, members, cognito.claims(token) or {} if isinstance(token, str) else {}, source)


def trace(token: str | bytes, members: Members, claims: Members, source: Source) -> Trace:
    """Look for this token among the purchases; add it if it is new."""
    mark, bought = hash(token), [] if source.bought is None else source.bought
    for known in tuple(bought):
        if known.mark == mark:
            return Trace(surely_elapsed(known.at, source.asked_at), known.date_is_wrong)
    life = _issued_life(members, claims)
    exp, iat = _instant(claims.get("exp")), _instant(claims.get("iat"))
    wrong, news = False, None
    if exp is not None and iat is not None:
        date = iat if source.date is None else source.date
        left, whole = exp - date - source.age, exp - iat
        shortened = min(whole, _expires_in(members) or whole) - left
        # Either it expired before it was sent, and there is nothing to wait for; or no cache can have kept it.
        wrong = exp - date <= 0 < whole or (shortened > APART and _has_advanced(iat, bought, source.at))
        if wrong and not (bought and bought[-1].date_is_wrong):
            said = f"expired {-left:.0f} s before" if left <= 0 else f"expires {left:.0f} s after"
            news = f"the JWT {said} the answer's Date, but lives {whole:.0f} s by its own iat"
    bought.append(Purchase(source.at, mark, life if life is not None and life > 0 else SHORTEST_LIFE, iat, wrong))
    del bought[:-MOST_PURCHASES]
    return Trace(0.0, wrong, news)


def _has_advanced(iat: float, bought: Sequence[Purchase], now: Instant) -> bool:
    """Whether this `iat` has advanced with our clock since an earlier token: then no cache has kept either of them."""
    earlier = next((each for each in reversed(bought) if elapsed(each.at, now) > 2 * APART), None)
    if earlier is None or earlier.iat is None:
        return False
    if clock_step(earlier.at, now) is not None:
        return earlier.date_is_wrong  # our clock was set, so the two cannot be compared
    passed = elapsed(earlier.at, now)
    return abs(iat - earlier.iat - passed) <= APART + DRIFT * passed


def read_token(members: Members, source: Source, settings: Settings) -> Issued | Unusable:
    """The token in these members of the answer.

    Never raises, and no text holds a part of the token. Unknown members do not matter (RFC 6749 5.1).
    """
    token = members.get("access_token")
    if not isinstance(token, str) or not token:
        return Unusable("access_token is missing or no text")
    if wrong := _wrong_with_token(token, members.get("token_type")):
        return Unusable(wrong)
    findings: list[Finding] = []
    claims = cognito.claims(token) or {}
    past = trace(token, members, claims, source)
    lives = _lives(members, claims, source, past)
    if lives is None:
        return Unusable("expires_in is no number of seconds")
    lifetime, longest = lives
    if past.news is not None:
        findings.append(Finding("clocks_disagree", past.news))
    if "expires_in" not in members:
        findings.append(Finding("expires_in_missing", "the answer has no expires_in"))
    is_cached = not past.date_is_wrong and (source.age > 0 or (past.known_for > 0 and "exp" in claims))
    rounding = ROUNDING if is_cached else 0.0
    if lifetime <= rounding:
        return Unusable("the token is already expired", cognito.DEAD_ON_ARRIVAL, lifetime if is_cached else None)
    if claims.get("client_id", settings.client_id) != settings.client_id:
        findings.append(Finding("client_mismatch", "the token was issued to another client_id"))
    scopes = _scopes((members.get("scope"), claims.get("scope"), claims.get("scp")), settings.scopes, findings)
    return Issued(
        token, lifetime, scopes, tuple(findings), _issued_life(members, claims), longest=longest, rounding=rounding
    )


def _wrong_with_token(token: str, token_type: object) -> str | None:
    if len(token) > MAX_TOKEN:
        return f"access_token is longer than {MAX_TOKEN} characters"
    if not is_b64token(token):
        return "access_token holds a character that RFC 6750 2.1 does not allow in a header"
    # RFC 6749 7.1: a token whose type is not understood must not be used.
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        return 'token_type is not "Bearer"'
    return None


def _lives(members: Members, claims: Members, source: Source, past: Trace) -> tuple[float, float] | None:
    """The shortest and the longest reading of the life, 0 to LONGEST_LIFE; None if expires_in makes no sense."""
    exp, iat = _instant(claims.get("exp")), _instant(claims.get("iat"))
    age = 0.0 if past.date_is_wrong else source.age
    date = iat if source.date is None or past.date_is_wrong else source.date
    by_date = None if exp is None or date is None else exp - date - age
    by_iat = None if exp is None or iat is None else exp - iat - max(age, past.known_for)
    readings = [by_date, by_iat if past.known_for else None]  # a cache may repeat an outdated Date as well
    # RFC 6749 5.1: expires_in is RECOMMENDED, so it may be missing.
    if "expires_in" in members:
        if (expires_in := _expires_in(members)) is None:
            return None
        readings.append(expires_in - age)
    else:
        readings.append(by_iat)
    lives = [life for life in readings if life is not None] or [SHORTEST_LIFE - age]  # "never" is the wrong guess
    shortest = min(LONGEST_LIFE, *lives)
    longest = max(lives) if by_iat is None else max(shortest, by_iat)
    return max(0.0, shortest), max(0.0, min(LONGEST_LIFE, longest))


def _expires_in(members: Members) -> float | None:
    """The answer's expires_in, 0 or more, and no more than a float can take; None if it is no number of seconds."""
    seconds = _seconds(members.get("expires_in"))
    return None if seconds is None else float(max(0, min(seconds, _FAR)))


_FAR = 10**11
_DECIMAL = r"-?[0-9]{1,18}(\.[0-9]{1,18})?"


def _seconds(value: object) -> int | None:
    """Whole seconds; the numeric text that some servers send is fine, bool and infinity are not."""
    if isinstance(value, str) and re.fullmatch(_DECIMAL, value):
        value = float(value)
    if isinstance(value, float) and math.isfinite(value):
        return math.floor(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _issued_life(members: Members, claims: Members) -> float | None:
    """The life that the JWT says it was issued with, else the answer's expires_in; None if neither says one."""
    exp, iat = _instant(claims.get("exp")), _instant(claims.get("iat"))
    if exp is not None and iat is not None:
        return exp - iat
    expires_in = _expires_in(members)
    return None if expires_in is None else min(expires_in, LONGEST_LIFE)


def _instant(claim: object) -> float | None:
    """A NumericDate (RFC 7519 2) before the year 5138, so that sums of two stay exact; None for anything else."""
    if not isinstance(claim, int | float) or isinstance(claim, bool):
        return None
    return float(claim) if 0 <= claim < 1e11 else None


def _scopes(said: Iterable[object], asked: tuple[str, ...] | None, findings: list[Finding]) -> tuple[str, ...] | None:
    """What was granted, by the first that says it: the answer's `scope`, the JWT's `scope`, its `scp`."""
    names = next((found for value in said if (found := _names(value)) is not None), None)
    if names is None:
        return asked  # RFC 6749 5.1: an answer without `scope` grants what was asked for
    # What can be no scope is left out: it would stand in the token's repr, control characters and all.
    granted = tuple(sorted(filter(is_scope_token, names)))
    if missing := sorted(set(asked or ()).difference(granted)):
        # Cognito grants less without a word, and without the `scope` member that RFC 6749 5.1 then requires.
        findings.append(Finding("scope_narrowed", f"the token lacks {', '.join(missing)}"))
    return granted


def _names(value: object) -> set[str] | None:
    """Scopes in a text, separated by blanks (RFC 6749 3.3), or in a list of such texts, as some servers write them."""
    if not isinstance(value, str | list):
        return None
    texts = cast(list[object], value) if isinstance(value, list) else [value]
    return {name for text in texts if isinstance(text, str) for name in text.split()}
