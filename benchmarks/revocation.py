"""What callers notice when an API stops taking a token that has not expired, and what it costs."""

import asyncio
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier

import httpx
from _load import DOWN, MODES, Calls, Mode, Service, SkippingClock, Way, together
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
    """Of those that began after the first call to get through was answered: the one that had waited for the renewal."""
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
        calls = service.calls(mode, CALLS, per_second=PER_SECOND, path=path, before=before)
        counts = fake.counts()
    later = calls[REVOKED_AT:]
    through = min((call.ended for call in later if call.outcome == "200"), default=0.0)
    return Revoked(
        counts["token_requests"],
        calls.failed,
        Calls(later).after(through).failed,
        counts["api_401"],
        max(call.ms for call in later),
        calls.outcomes,
    )


def always_unauthorized(accepted_elsewhere: bool, every: int, start: Barrier) -> int:  # noqa: FBT001  # passed by position to its process
    """Tokens bought in an hour of injected time, for calls every so many seconds that are all answered 401.

    With `accepted_elsewhere`, as many go to another API, which takes the tokens.
    """
    clock = ManualClock()
    with FakeCognito.spawn(expires_in=HOUR) as fake, FakeCognito.spawn() as other:
        other.api_answer(401)
        credentials = CognitoClientCredentials.from_env(environ=fake.environ, clock=clock)
        start.wait(30)
        with httpx.Client(auth=credentials.httpx_auth(fake.api_url, other.api_url)) as client:
            for second in range(0, HOUR, every):
                assert client.get(f"{other.api_url}/files").status_code == 401
                if accepted_elsewhere:
                    assert client.get(f"{fake.api_url}/files").status_code == 200
                clock.advance(float(every))
                fake.set_clock_offset(float(second + every))
        return fake.tokens_issued


@dataclass(frozen=True, slots=True)
class Beside:
    """What became of the calls to two APIs while the token endpoint was down."""

    healthy: Calls
    broken: Calls
    token_requests: int
    """Made, whether they reached the token endpoint or not."""


def beside(kind: str, start: Barrier) -> Beside:
    """One API takes the token, the other one never does, the token endpoint is down; one credentials object."""
    with FakeCognito.spawn() as fake, FakeCognito.spawn() as other:
        clock = SkippingClock(fake)
        service = Service("s2sauth", fake, clock=clock)
        credentials = service.credentials
        assert credentials is not None
        service.fetch()
        service.skip(AGE)
        other.api_answer(401)
        DOWN[kind](fake)

        def before(n: int) -> None:
            # Twice a second, but not while a renewal is under way: late enough for the next one that a 401 may ask for.
            if n % 25 == 0 and credentials.state().next_renewal_in is not None:
                clock.skip(61.0)

        async def both() -> list[Calls]:
            return await asyncio.gather(
                service.acalls(2 * CALLS, per_second=PER_SECOND, before=before),
                service.at(other.api_url).acalls(2 * CALLS // 5, per_second=PER_SECOND / 5),
            )

        start.wait(30)
        healthy, broken = asyncio.run(both())
        assert fake.tokens_issued == 1
        return Beside(healthy, broken, credentials.state().token_requests - 1)


def figures(report: Report) -> None:
    """Revocation, then what an API costs that always answers 401, then what it does to another one."""
    revocation(report)

    progress("an API that always answers 401: an hour of injected time")
    every = 10 if report.ci else 1
    alone, with_another = together(always_unauthorized, (False, every), (True, every))
    report.row(f"always 401: tokens in an hour of calls, one every {every} s", s2sauth=alone, at_most=9)
    report.row("always 401, while another API takes the tokens: the same", s2sauth=with_another, at_most=9)

    progress("an API that always answers 401 beside a healthy one, while the token endpoint is down")
    for kind, run in zip(DOWN, together(beside, *((kind,) for kind in DOWN)), strict=True):
        what = f"always 401, token endpoint down ({kind}):"
        report.row(f"{what} calls to a healthy API failed", s2sauth=run.healthy.failed, exactly=0)
        report.row(f"{what} p99 of them", s2sauth=run.healthy.p99, unit="ms")
        report.row(f"{what} token requests, all in vain", s2sauth=run.token_requests, at_least=1)
        report.note(f"{what} healthy API {run.healthy.outcomes}; other API {run.broken.outcomes}.")


def revocation(report: Report) -> None:
    """From threads and from tasks, straight and behind a redirect of the same origin."""
    progress(f"all tokens revoked under {PER_SECOND} calls/s")
    ways: tuple[Way, ...] = ("s2sauth", "hand-written", "floor")
    runs = together(revoked, *((way, mode, "/files") for mode in MODES for way in ways))
    for n, mode in enumerate(MODES):
        ours, pasted, floor = runs[n * len(ways) :][: len(ways)]
        what = f"revoked, {mode}:"
        report.row(
            f"{what} renewals", s2sauth=ours.renewals, exactly=1, hand_written=pasted.renewals, floor=floor.renewals
        )
        report.row(
            f"{what} calls failed", s2sauth=ours.failed, exactly=0, hand_written=pasted.failed, floor=floor.failed
        )
        report.row(f"{what} 401s that no caller saw", s2sauth=ours.unauthorized - ours.failed)
        report.row(f"{what} slowest call", s2sauth=ours.slowest, unit="ms")
        if ours.failed:
            report.note(f"{what} {ours.outcomes}")
    *loaded, one_by_one = together(revoked, *(("s2sauth", mode, REDIRECTED) for mode in (*MODES, None)))
    for mode, run in zip(MODES, loaded, strict=True):
        what = f"revoked, redirected, {mode}:"
        report.row(f"{what} renewals", s2sauth=run.renewals, exactly=1)
        report.row(f"{what} calls failed after the next call", s2sauth=run.failed_after, exactly=0)
        report.row(f"{what} calls failed until then", s2sauth=run.failed - run.failed_after, at_most=PER_SECOND)
    what = "revoked, redirected, one by one:"
    report.row(f"{what} renewals", s2sauth=one_by_one.renewals, exactly=1)
    report.row(f"{what} calls failed", s2sauth=one_by_one.failed, exactly=1)
    report.note(
        "Redirected: a 401 after a redirect is not sent again. The first one makes the token suspected, the next call "
        f"waits for the renewal; those that begin in its {LATENCY * 1000:.0f} ms are served the old token."
    )


if __name__ == "__main__":
    command(f"Revocation: an API stops taking the token, {PER_SECOND} calls/s", figures)
