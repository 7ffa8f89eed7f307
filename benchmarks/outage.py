"""What callers notice when the token endpoint is down while the token in hand lives."""

from collections.abc import Callable
from dataclasses import dataclass

from _load import Barrier, Service, SkippingClock, Way, failed, failed_of, outcomes, percentile, together
from _support import Report, command, progress

from s2sauth import Event
from s2sauth.testing import FakeCognito

LIFE = 300
"""The shortest life of Cognito's tokens, so the shortest outage budget: 35 s or more from the renewal point to the end."""
CALLS = 400
SECONDS = 28.0
"""Three renewals that hang take less, the longest pauses between them included: 4 + 5 + 4 + 9.4 + 4 s."""
PASTED_CALLS = 100
"""A failed call of the pasted lines costs 30 ms of CPU: 400 of them from three processes would be a figure of the machine."""
VOID = 50.0
"""Milliseconds of p99 with a constant header, beyond which a run says nothing about s2sauth."""
DOWN: dict[str, Callable[[FakeCognito], object]] = {
    "no outage": lambda _: None,
    "503": lambda fake: fake.fail(503),
    "refused": lambda fake: fake.refuse(),
    "hanging": lambda fake: fake.hang(),
}


@dataclass(frozen=True, slots=True)
class Run:
    """What became of the calls."""

    failed: int
    failed_of: str
    p99: float
    """Milliseconds."""
    failed_renewals: int
    token_requests: int
    """Those that reached the token endpoint."""
    left: float
    """Seconds for which the token in hand may still be used at the end."""
    outcomes: str


def run(way: Way, kind: str, start: Barrier) -> Run:
    """One way, in a process of its own, from the moment at which its token is to be renewed."""
    events: list[Event] = []
    with FakeCognito.spawn(expires_in=LIFE) as fake:
        service = Service(way, fake, clock=SkippingClock(fake), on_event=events.append)
        service.fetch()
        service.skip_to_renewal()
        fake.clear_records()
        DOWN[kind](fake)
        start.wait(30)
        calls = service.calls("threads", PASTED_CALLS if way == "hand-written" else CALLS, per_second=CALLS / SECONDS)
        return Run(
            failed(calls),
            failed_of(calls),
            percentile(calls, 99),
            sum(event.name == "renewal_failed" for event in events),
            fake.counts()["token_requests"],
            0.0 if service.credentials is None else service.credentials.state().expires_in or 0.0,
            outcomes(calls),
        )


def figures(report: Report) -> None:
    """The kinds of outage, and the run without one, at the same time: first s2sauth, then the pasted lines, which burn CPU."""
    for _ in range(2):
        progress(f"s2sauth and a constant header: {CALLS} calls in {SECONDS:g} s")
        *ours, floor = together(run, *(("s2sauth", kind) for kind in DOWN), ("floor", "no outage"))
        if floor.p99 < VOID:
            break
        report.note(f"A run is void: the machine was so busy that with a constant header p99 was {floor.p99:.0f} ms.")
    progress(f"the pasted lines: {PASTED_CALLS} calls in {PASTED_CALLS * SECONDS / CALLS:g} s")
    pasted = together(run, *(("hand-written", kind) for kind in DOWN))
    for kind, our, their in zip(DOWN, ours, pasted, strict=True):
        constant = floor if kind == "no outage" else None
        report.row(
            f"{kind}: calls failed",
            s2sauth=our.failed,
            exactly=0,
            hand_written=their.failed_of,
            floor=constant and constant.failed,
        )
        if kind == "no outage":
            report.row(f"{kind}: renewals", s2sauth=our.token_requests, exactly=1, hand_written=their.token_requests)
        else:
            # What is refused reaches no server; of the others each counts only if the server saw it as well.
            tried = our.failed_renewals if kind == "refused" else min(our.failed_renewals, our.token_requests)
            report.row(f"{kind}: renewals tried and failed", s2sauth=tried, at_least=3)
        report.row(
            f"{kind}: p99", s2sauth=our.p99, unit="ms", hand_written=their.p99, floor=constant and constant.p99
        )
        if kind != "no outage":
            report.row(f"{kind}: p99 against no outage", s2sauth=our.p99 / ours[0].p99, at_most=2.0, unit="x")
        if our.failed:
            report.note(f"{kind}, s2sauth: {our.outcomes}")
    least = min(our.left for our in ours[1:])
    report.note(f"At the end of the outages the token in hand was good for {least:.0f} s more, or longer.")
    report.note("A constant header needs no token endpoint: its calls know no outage.")


if __name__ == "__main__":
    command(f"Outage: the token endpoint is down while a token of {LIFE} s lives, {CALLS} calls", figures)
