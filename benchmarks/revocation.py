"""What callers notice when an API stops taking a token that has not expired, and what it costs."""

import asyncio
import time
from dataclasses import dataclass

import httpx
from _load import MODES, Barrier, Call, Mode, Service, SkippingClock, Way, failed, outcomes, together
from _support import Report, command, progress

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock

LATENCY = 0.1
PER_SECOND = 50
CALLS = 200
REVOKED_AT = 50
"""The number of the call before which all tokens are revoked."""
AGE = 600.0
"""Of the token then. One of less than 30 s would not be renewed for a 401: it has just been bought."""
REDIRECTED = "/redirect?to=/files"
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Revoked:
    """What became of the calls under which all tokens were revoked."""

    renewals: int
    failed: int
    failed_after: int
    """Of those begun after the next call, the first one that got through, was answered."""
    unauthorized: int
    """Answers 401 of the API, those included that no caller saw."""
    slowest: float
    """Milliseconds, of the calls that began after the tokens were revoked."""
    outcomes: str


def revoked(way: Way, mode: Mode | None, path: str, start: Barrier) -> Revoked:
    """One way, in a process of its own. `mode` None: one call after another."""
    with FakeCognito.spawn(latency=LATENCY) as fake:
        service = Service(way, fake, clock=SkippingClock(fake))
        service.fetch()
        service.skip(AGE)
        fake.clear_records()

        def before(n: int) -> None:
            if n == REVOKED_AT:
                fake.revoke()

        start.wait(30)
        if mode is None:
            calls = service.one_by_one(CALLS, path=path, before=before)
        else:
            calls = service.calls(mode, CALLS, per_second=PER_SECOND, path=path, before=before)
        counts = fake.counts()
    later = calls[REVOKED_AT:]
    return Revoked(
        counts["token_requests"],
        failed(calls),
        failed(_after_next(later)),
        counts["api_401"],
        max(call.ms for call in later),
        outcomes(calls),
    )


def _after_next(later: list[Call]) -> list[Call]:
    """Those that began when the first one to get through was answered; all, if none got through."""
    through = min((call.ended for call in later if call.outcome == "200"), default=0.0)
    return [call for call in later if call.due > through]
