"""What callers notice when the token endpoint is down while the token in hand lives."""

from dataclasses import dataclass
from multiprocessing.synchronize import Barrier

from _load import DOWN, Service, SkippingClock, Way, failed, failed_of, outcomes, percentile, together
from _support import Report, command, progress

from s2sauth import Event
from s2sauth.testing import FakeCognito

LIFE = 300
"""The shortest that Cognito gives, so the shortest outage budget: 35 s or more from the renewal point to the end."""
CALLS = 400
SECONDS = 28.0
"""Three renewals that hang take less, the longest pauses between them included: 4 + 5 + 4 + 9.4 + 4 s."""
PASTED_CALLS = 100
"""A failed call of the pasted lines costs 30 ms of CPU: 400 in each of three processes would keep the machine busy."""
WORSE = 2.0
"""What p99 may be, in times of that without outage. Machines have moods: a run beyond it is noted and repeated once."""
VOID = 50.0
"""Milliseconds of p99 with a constant header, beyond which a run says nothing about s2sauth: repeated as well."""
NONE = "no outage"


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
        fake.clear_records()
        start.wait(30)
        service.skip_to_renewal()
        if kind in DOWN:
            DOWN[kind](fake)
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
    """All kinds at the same time, and a run without outage: first s2sauth, then the pasted lines, which burn CPU."""
    kinds = (NONE, *DOWN)
    for _ in range(2):
        progress(f"s2sauth and a constant header: {CALLS} calls in {SECONDS:g} s")
        *ours, floor = together(run, *(("s2sauth", kind) for kind in kinds), ("floor", NONE))
        worst = max(one.p99 for one in ours[1:]) / ours[0].p99
        if floor.p99 <= VOID and worst <= WORSE:
            break
        report.note(f"A run: p99 up to {worst:.1f} x that without outage, {floor.p99:.0f} ms with a constant header.")
    progress(f"the pasted lines: {PASTED_CALLS} calls in {PASTED_CALLS * SECONDS / CALLS:g} s")
    pasted = together(run, *(("hand-written", kind) for kind in kinds))

    usual, *ours = ours
    report.row(
        f"{NONE}: calls failed", s2sauth=usual.failed, exactly=0, hand_written=pasted[0].failed_of, floor=floor.failed
    )
    report.row(f"{NONE}: renewals", s2sauth=usual.token_requests, exactly=1, hand_written=pasted[0].token_requests)
    report.row(f"{NONE}: p99", s2sauth=usual.p99, unit="ms", floor=floor.p99)
    for kind, our, their in zip(DOWN, ours, pasted[1:], strict=True):
        # What is refused reaches no server; of the others each counts only if the server saw it as well.
        tried = our.failed_renewals if kind == "refused" else min(our.failed_renewals, our.token_requests)
        report.row(f"{kind}: renewals tried and failed", s2sauth=tried, at_least=3)
        report.row(f"{kind}: calls failed", s2sauth=our.failed, exactly=0, hand_written=their.failed_of)
        report.row(f"{kind}: p99", s2sauth=our.p99, unit="ms")
        report.row(f"{kind}: p99 against {NONE}", s2sauth=our.p99 / usual.p99, at_most=WORSE, unit="x")
        if our.failed:
            report.note(f"{kind}, s2sauth: {our.outcomes}")
    least = min(our.left for our in ours)
    report.note(f"At the end of the outages the token in hand was good for {least:.0f} s more, or longer.")
    report.note("A constant header needs no token endpoint: its calls know no outage.")


if __name__ == "__main__":
    command(f"Outage: the token endpoint is down while a token of {LIFE} s lives, {CALLS} calls", figures)
