"""What is believed in a 200 of the token endpoint (RFC 6749 5.1)."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Literal, cast

from . import cognito
from .bearer import MAX_TOKEN, is_b64token
from .policy import LONGEST_LIFE, SHORTEST_LIFE
from .record import Record
from .settings import Settings
from .values import is_scope_token


class Finding(Record):
    """Something odd about a token that was issued all the same."""

    event: Literal["scope_narrowed", "client_mismatch", "clocks_disagree", "expires_in_missing"]
    text: str


class Issued:
    """A usable token, which no repr shows."""

    __slots__ = ("access_token", "findings", "issued_life", "lifetime", "scopes")

    def __init__(
        self,
        access_token: str,
        lifetime: float,
        scopes: tuple[str, ...] | None,
        findings: tuple[Finding, ...] = (),
        issued_life: float | None = None,
    ) -> None:
        self.access_token = access_token
        self.lifetime = lifetime
        """Seconds from the moment before the request was sent."""
        self.issued_life = lifetime if issued_life is None else max(lifetime, issued_life)
        """Seconds that it was valid for when it was issued: more than `lifetime` when a cache has returned it."""
        self.scopes = scopes
        """Those that the answer says were granted, else those in the JWT, else those asked for, else None."""
        self.findings = findings

    def __repr__(self) -> str:
        return f"<Issued for {self.lifetime:g} s>"


class Unusable(Record):
    """Why there is no token in the answer."""

    what: str
    likely_cause: str | None = None


def read_token(members: Mapping[str, object], date: float | None, settings: Settings) -> Issued | Unusable:
    """The token in these members of the answer; `date` is the answer's Date in seconds since the epoch.

    Never raises, and no text holds a part of the token. Unknown members do not matter (RFC 6749 5.1).
    """
    token = members.get("access_token")
    if not isinstance(token, str) or not token:
        return Unusable("access_token is missing or no text")
    if wrong := _wrong_with_token(token, members.get("token_type")):
        return Unusable(wrong)
    findings: list[Finding] = []
    claims = cognito.claims(token) or {}
    lifetime = _lifetime(members, claims, date, findings)
    if lifetime is None:
        return Unusable("expires_in is no number of seconds")
    if lifetime <= 0:
        return Unusable("the token is already expired", cognito.DEAD_ON_ARRIVAL)
    if claims.get("client_id", settings.client_id) != settings.client_id:
        findings.append(Finding("client_mismatch", "the token was issued to another client_id"))
    scopes = _scopes((members.get("scope"), claims.get("scope"), claims.get("scp")), settings.scopes, findings)
    return Issued(token, lifetime, scopes, tuple(findings), _issued_life(members, claims))


def _wrong_with_token(token: str, token_type: object) -> str | None:
    if len(token) > MAX_TOKEN:
        return f"access_token is longer than {MAX_TOKEN} characters"
    if not is_b64token(token):
        return "access_token holds a character that RFC 6750 2.1 does not allow in a header"
    # RFC 6749 7.1: a token whose type is not understood must not be used.
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        return 'token_type is not "Bearer"'
    return None


def _lifetime(
    members: Mapping[str, object], claims: Mapping[str, object], date: float | None, findings: list[Finding]
) -> float | None:
    """The smallest of what the answer says, the JWT says and LONGEST_LIFE, or 0; None if expires_in makes no sense."""
    lives: list[float] = [LONGEST_LIFE]
    by_jwt = _jwt_life(claims, date, findings)
    if by_jwt is not None:
        lives.append(by_jwt)
    # RFC 6749 5.1: expires_in is RECOMMENDED, so it may be missing.
    if "expires_in" in members:
        expires_in = _seconds(members["expires_in"])
        if expires_in is None:
            return None
        lives.append(expires_in)
    else:
        findings.append(Finding("expires_in_missing", "the answer has no expires_in"))
        if by_jwt is None:
            lives.append(SHORTEST_LIFE)  # "never expires" is the wrong guess
    return float(max(0, min(lives)))  # a negative life may be beyond every float


_DECIMAL = r"-?[0-9]{1,18}(\.[0-9]{1,18})?"


def _seconds(value: object) -> int | None:
    """Whole seconds; the numeric text that some servers send is fine, bool and infinity are not."""
    if isinstance(value, str) and re.fullmatch(_DECIMAL, value):
        value = float(value)
    if isinstance(value, float) and math.isfinite(value):
        return math.floor(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _jwt_life(claims: Mapping[str, object], date: float | None, findings: list[Finding]) -> float | None:
    """What the JWT itself says, by the server's own clock: a caching proxy repeats an outdated expires_in."""
    exp, iat = _instant(claims.get("exp")), _instant(claims.get("iat"))
    if exp is None:
        return None
    by_iat = None if iat is None else exp - iat
    by_date = None if date is None else exp - date
    if by_date is None:
        return by_iat
    if by_date <= 0 and by_iat is not None and by_iat > 0:
        text = f"the JWT expired {-by_date:.0f} s before the answer's Date, but lives {by_iat:.0f} s by its own iat"
        findings.append(Finding("clocks_disagree", text))
        return by_iat
    return by_date


def _issued_life(members: Mapping[str, object], claims: Mapping[str, object]) -> float | None:
    """The life that the JWT says it was issued with, else the answer's expires_in; None if neither says one."""
    exp, iat = _instant(claims.get("exp")), _instant(claims.get("iat"))
    if exp is not None and iat is not None:
        return exp - iat
    expires_in = _seconds(members.get("expires_in"))
    return None if expires_in is None else float(min(expires_in, LONGEST_LIFE))


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
