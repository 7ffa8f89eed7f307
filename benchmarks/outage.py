"""What callers notice when the token endpoint is down while the token in hand lives."""

from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier

from _load import DOWN, Calls, Service, SkippingClock, in_turns
from _support import Report, command, in_own_process, progress, together

from s2sauth import Event
from s2sauth.testing import FakeCognito

LIFE = 300
"""The shortest that Cognito gives, so the shortest outage budget: 35 s or more from the renewal point to the end."""
CALLS = 400
SECONDS = 14.0
"""Three renewals that hang take less, 4 s each; the pauses between them are skipped."""
RENEWALS = 3
"""So many fail with the token in hand: with pauses of 5 and 9.4 s at most that is within its shortest outage budget."""
PASTED_CALLS, SHORT_PASTED_CALLS = 100, 25
"""A failed call of the pasted lines costs 30 ms of CPU: 400 in each of three processes would keep the machine busy."""
NONE = "no outage"
FLOOR = "constant header"


@dataclass(frozen=True, slots=True)
class Run:
    """What became of the calls."""

    calls: Calls
    token_requests: int
    """Those that reached the token endpoint after the first token."""
    failed_renewals: int
    left: float
    """Seconds for which the token in hand may still be used at the end."""


def ours() -> dict[str, Run]:
    """s2sauth in each kind of outage and in none, and a constant header, from the moment of renewal on.

    An endpoint and an API for each, and their calls take turns: all meet the same moods of the machine.
    """
    kinds = (NONE, *DOWN, FLOOR)
    events: dict[str, list[Event]] = {kind: [] for kind in kinds}
    with ExitStack() as stack:
        fakes = {kind: stack.enter_context(FakeCognito.spawn(expires_in=LIFE)) for kind in kinds}
        services = {
            kind: Service(
                "floor" if kind == FLOOR else "s2sauth", fake, clock=SkippingClock(fake), on_event=events[kind].append
            )
            for kind, fake in fakes.items()
        }
        for kind, service in services.items():
            service.fetch()
            fakes[kind].clear_records()
        for kind, service in services.items():
            service.skip_to_renewal()
            if kind in DOWN:
                DOWN[kind](fakes[kind])

        def before(_: int) -> None:
            for kind in DOWN:
                if 0 < sum(event.name == "renewal_failed" for event in events[kind]) < RENEWALS:
                    services[kind].skip_to_renewal()

        calls = in_turns(list(services.values()), CALLS, per_second=CALLS / SECONDS, before=before)
        return {
            kind: Run(
                made,
                fakes[kind].counts()["token_requests"],
                sum(event.name == "renewal_failed" for event in events[kind]),
                services[kind].usable_for(),
            )
            for kind, made in zip(kinds, calls, strict=True)
        }


def pasted(kind: str, count: int, start: Barrier) -> tuple[str, int]:
    """The pasted lines, in a process of their own, likewise: how many calls failed, and the token requests."""
    with FakeCognito.spawn(expires_in=LIFE) as fake:
        service = Service("hand-written", fake, clock=SkippingClock(fake))
        service.fetch()
        fake.clear_records()
        start.wait(30)
        service.skip_to_renewal()
        if kind in DOWN:
            DOWN[kind](fake)
        calls = service.calls("threads", count, per_second=CALLS / SECONDS)
        return f"{calls.failed} of {len(calls)}", fake.counts()["token_requests"]


def figures(report: Report) -> None:
    """First s2sauth and the floor, then the pasted lines, which burn CPU."""
    progress(f"s2sauth and a constant header: {CALLS} calls of each in {SECONDS:g} s")
    runs: dict[str, Run] = in_own_process(ours, timeout=120)
    count = SHORT_PASTED_CALLS if report.ci else PASTED_CALLS
    progress(f"the pasted lines: {count} calls in {count * SECONDS / CALLS:g} s")
    theirs = dict(zip((NONE, *DOWN), together(pasted, *((kind, count) for kind in (NONE, *DOWN))), strict=True))

    usual, floor = runs[NONE], runs[FLOOR].calls
    failed, requests = theirs[NONE]
    report.row(f"{NONE}: calls failed", usual.calls.failed, exactly=0, hand_written=failed, floor=floor.failed)
    report.row(f"{NONE}: renewals", usual.token_requests, exactly=1, hand_written=requests)
    report.row(f"{NONE}: p99", usual.calls.p99, unit="ms", floor=floor.p99)
    for kind in DOWN:
        run = runs[kind]
        # What is refused reaches no server; of the others each counts only if the server saw it as well.
        tried = run.failed_renewals if kind == "refused" else min(run.failed_renewals, run.token_requests)
        report.row(f"{kind}: renewals tried and failed", tried, at_least=RENEWALS)
        report.row(f"{kind}: calls failed", run.calls.failed, exactly=0, hand_written=theirs[kind][0])
        report.row(f"{kind}: p99", run.calls.p99, unit="ms")
        report.row(f"{kind}: p99 against {NONE}", run.calls.p99 / usual.calls.p99, at_most=2.0, unit="x")
        if run.calls.failed:
            report.note(f"{kind}, s2sauth: {run.calls.outcomes}")
    least = min(runs[kind].left for kind in DOWN)
    report.note(f"At the end of the outages the token in hand was good for {least:.0f} s more, or longer.")
    report.note("A constant header needs no token endpoint: its calls know no outage.")


if __name__ == "__main__":
    command(f"Outage: the token endpoint is down while a token of {LIFE} s lives, {CALLS} calls", figures)
