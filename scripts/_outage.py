"""Cognito is down for ten minutes: what a process goes through that asks for its token once a second.

The library itself against FakeCognito, by a clock that moves a second at a time;
chance is set, so all runs are the same.
"""

import time
from dataclasses import dataclass, field

from s2sauth import CognitoClientCredentials, Event, Freshness, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock

BEGINS, ENDS = 44 * 60, 54 * 60
"""The outage, in seconds from the first token."""
FROM, TO = 40 * 60, 60 * 60
"""What is drawn."""
PATIENCE = 10.0


@dataclass(slots=True)
class Process:
    """Second by second, from FROM to TO."""

    life: int
    freshness: list[Freshness] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    """Whether the call of that second failed."""
    renewed: list[int] = field(default_factory=list)
    """Seconds of the tokens that came."""
    refused: list[int] = field(default_factory=list)
    """Seconds of the renewals that failed."""

    @property
    def longest(self) -> int:
        """Seconds from the first failed call to the last, both included."""
        if True not in self.failed:
            return 0
        return len(self.failed) - self.failed.index(True) - self.failed[::-1].index(True)


def process(life: int) -> Process:
    """One whose tokens live that long, in seconds."""
    clock, seen, found = ManualClock(random=0.0), list[Event](), Process(life)
    with (
        FakeCognito(expires_in=life, clock=clock) as fake,
        CognitoClientCredentials.from_env(environ=fake.environ, clock=clock, on_event=seen.append) as credentials,
    ):
        for second in range(TO):
            if second == BEGINS:
                fake.fail(503)
            elif second == ENDS:
                fake.recover()
            seen.clear()
            failed = _fails(credentials)
            _settle(credentials)
            if second >= FROM:
                found.failed.append(failed)
                found.freshness.append(credentials.state().freshness)
                found.renewed += [second for event in seen if event.name == "renewed"]
                found.refused += [second for event in seen if event.name == "renewal_failed"]
            clock.advance(1)
    return found


def _fails(credentials: CognitoClientCredentials) -> bool:
    try:
        credentials.get_token()
    except TokenUnavailable:
        return True
    return False


def _settle(credentials: CognitoClientCredentials) -> None:
    """Wait until no renewal is under way: the clock stands still meanwhile."""
    until = time.monotonic() + PATIENCE
    while credentials.state().next_renewal_in is None:
        if time.monotonic() > until:
            raise TimeoutError("the renewal does not end")
        time.sleep(0.001)
