"""What callers notice when an API stops taking a token that has not expired, and what it costs."""

import asyncio
from multiprocessing.synchronize import Barrier

import httpx
from _load import DOWN, MODES, Calls, Mode, Service, SkippingClock, Way
from _support import Report, command, progress, together

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


Run = tuple[Calls, dict[str, int]]
"""The calls under which all tokens were revoked, and what the endpoint and its API counted."""


def revoked(way: Way, mode: Mode | None, path: str, start: Barrier) -> Run:
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
        return service.calls(mode, CALLS, per_second=PER_SECOND, path=path, before=before), fake.counts()


def failed_after(calls: Calls) -> int:
    """How many began after the first call to get through was answered, the one that had waited, and failed."""
    later = Calls(calls[REVOKED_AT:])
    return later.after(min((call.ended for call in later if call.outcome == "200"), default=0.0)).failed


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


def beside(kind: str, start: Barrier) -> tuple[Calls, Calls, int]:
    """One API takes the token, the other one never does, the token endpoint is down; one credentials object.

    The calls of both, and the token requests made, whether they reached the token endpoint or not.
    """
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
        return healthy, broken, credentials.state().token_requests - 1


def figures(report: Report) -> None:
    """Revocation, then what an API costs that always answers 401, then what it does to another one."""
    revocation(report)

    progress("an API that always answers 401: an hour of injected time")
    every = 10 if report.ci else 1
    alone, with_another = together(always_unauthorized, (False, every), (True, every))
    report.row(f"always 401: tokens in an hour of calls, one every {every} s", alone, at_most=9)
    report.row("always 401, while another API takes the tokens: the same", with_another, at_most=9)

    progress("an API that always answers 401 beside a healthy one, while the token endpoint is down")
    for kind, (healthy, broken, requests) in zip(DOWN, together(beside, *((kind,) for kind in DOWN)), strict=True):
        what = f"always 401, token endpoint down ({kind}):"
        report.row(f"{what} calls to a healthy API failed", healthy.failed, exactly=0)
        report.row(f"{what} p99 of them", healthy.p99, unit="ms")
        report.row(f"{what} token requests, all in vain", requests, at_least=1)
        report.note(f"{what} healthy API {healthy.outcomes}; other API {broken.outcomes}.")


def revocation(report: Report) -> None:
    """From threads and from tasks, straight and behind a redirect of the same origin."""
    progress(f"all tokens revoked under {PER_SECOND} calls/s")
    ways: tuple[Way, ...] = ("s2sauth", "hand-written", "floor")
    runs: list[Run] = together(revoked, *((way, mode, "/files") for mode in MODES for way in ways))
    for mode in MODES:
        (ours, counts), (pasted, their_counts), (floor, no_counts) = (runs.pop(0) for _ in ways)
        renewals, theirs, none = (each["token_requests"] for each in (counts, their_counts, no_counts))
        what = f"revoked, {mode}:"
        report.row(f"{what} renewals", renewals, exactly=1, hand_written=theirs, floor=none)
        report.row(f"{what} calls failed", ours.failed, exactly=0, hand_written=pasted.failed, floor=floor.failed)
        report.row(f"{what} 401s that no caller saw", counts["api_401"] - ours.failed)
        report.row(f"{what} slowest call", max(call.ms for call in ours[REVOKED_AT:]), unit="ms")
        if ours.failed:
            report.note(f"{what} {ours.outcomes}")
    *loaded, (calls, counts) = together(revoked, *(("s2sauth", mode, REDIRECTED) for mode in (*MODES, None)))
    for mode, (under_load, seen) in zip(MODES, loaded, strict=True):
        what = f"revoked, redirected, {mode}:"
        late = failed_after(under_load)
        report.row(f"{what} renewals", seen["token_requests"], exactly=1)
        report.row(f"{what} calls failed after the next call", late, exactly=0)
        report.row(f"{what} calls failed until then", under_load.failed - late, at_most=PER_SECOND)
    report.row("revoked, redirected, one by one: renewals", counts["token_requests"], exactly=1)
    report.row("revoked, redirected, one by one: calls failed", calls.failed, exactly=1)
    report.note(
        "Redirected: a 401 after a redirect is not sent again. The first one makes the token suspected, the next call "
        f"waits for the renewal; those that begin in its {LATENCY * 1000:.0f} ms are served the old token."
    )


if __name__ == "__main__":
    command(f"Revocation: an API stops taking the token, {PER_SECOND} calls/s", figures)
