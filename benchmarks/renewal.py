"""What callers notice of renewals: tokens of 5 s from an endpoint that takes 300 ms, under 50 calls a second."""

from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

import hand_written
from _load import MODES, Mode, Service, Way, together
from _support import Report, command, progress

from s2sauth.testing import FakeCognito

LIFE = 5
LATENCY = 0.3
PER_SECOND = 50
SECONDS, SHORT_SECONDS = 15, 9
MARGIN = 1.0
"""Of the pasted lines; their 60 s would mean a fetch for each call."""


@dataclass(frozen=True, slots=True)
class Run:
    """What some seconds cost."""

    token_requests: int
    failed: int
    unauthorized: int
    """Calls that the API answered 401, healed or not."""
    slow: int
    slowest: float
    outcomes: str


def run(way: Way, mode: Mode, seconds: int, start: Barrier) -> Run:
    """One way, in a process of its own, against an endpoint and an API of its own."""
    hand_written.MARGIN = MARGIN
    with FakeCognito.spawn() as fake:
        service = Service(way, fake)
        fake.clear_records()  # the constant header holds a token that outlives the run
        fake.set_expires_in(LIFE)
        fake.set_latency(LATENCY)
        hand_written.forget()
        start.wait(30)
        calls = service.calls(mode, PER_SECOND * seconds, per_second=PER_SECOND)
        counts = fake.counts()
    answered = min(call.ended for call in calls)
    later = [call.ms for call in calls.after(answered)]
    return Run(
        counts["token_requests"],
        calls.failed,
        counts["api_401"],
        sum(ms > 100 for ms in later),
        max(later),
        calls.outcomes,
    )


FIGURES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("calls failed", "failed", {"exactly": 0}),
    ("calls answered 401 by the API", "unauthorized", {"exactly": 0}),
    ("calls over 100 ms after the first answer", "slow", {"exactly": 0}),
    ("slowest call after the first answer", "slowest", {"unit": "ms"}),
)


def figures(report: Report) -> None:
    """s2sauth beside a constant header, which shows what the machine takes; then the pasted lines, which burn CPU."""
    seconds = SHORT_SECONDS if report.ci else SECONDS
    # One at the beginning, then one every 3.75 to 4.6 s: the renewal point, and the answer's way.
    requests = {"at_least": 1 + int(seconds / 4.6), "at_most": 1 + int(seconds / 3.75)}
    for _ in range(3):
        progress(f"s2sauth and a constant header: {PER_SECOND} calls/s each for {seconds} s")
        *ours, floor_threads, floor_tasks = together(
            run, *((way, mode, seconds) for way in ("s2sauth", "floor") for mode in MODES)
        )
        if not floor_threads.slow + floor_tasks.slow:
            break
        report.note("A run is void: the machine was so busy that calls with a constant header took over 100 ms too.")
    progress(f"the pasted lines: {PER_SECOND} calls/s for {seconds} s")
    pasted = together(run, *(("hand-written", mode, seconds) for mode in MODES))
    for n, (mode, floor) in enumerate(zip(MODES, (floor_threads, floor_tasks), strict=True)):
        for what, name, required in (("token requests", "token_requests", requests), *FIGURES):
            report.row(
                f"{mode}: {what}",
                s2sauth=getattr(ours[n], name),
                hand_written=getattr(pasted[n], name),
                floor=getattr(floor, name),
                **required,
            )
        if ours[n].failed:
            report.note(f"{mode}, s2sauth: {ours[n].outcomes}")
    report.note(f"The pasted lines renew {MARGIN:g} s ahead here; with their usual 60 s each call would fetch a token.")


if __name__ == "__main__":
    command(f"Renewal: tokens of {LIFE} s, {LATENCY * 1000:.0f} ms for each, {PER_SECOND} calls/s", figures)
