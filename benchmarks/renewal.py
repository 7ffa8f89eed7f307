"""What callers notice of renewals: tokens of 5 s from an endpoint that takes 300 ms, under 50 calls a second."""

from multiprocessing.synchronize import Barrier

import hand_written
from _load import MODES, Calls, Mode, Service, Way
from _support import Report, command, progress, together

from s2sauth.testing import FakeCognito

LIFE = 5
LATENCY = 0.3
PER_SECOND = 50
SECONDS, SHORT_SECONDS = 15, 9
MARGIN = 1.0
"""Of the pasted lines; their 60 s would mean a fetch for each call."""
Run = tuple[Calls, dict[str, int]]
"""The calls, and what the endpoint and its API counted."""


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
        return service.calls(mode, PER_SECOND * seconds, per_second=PER_SECOND), fake.counts()


def later(calls: Calls) -> list[float]:
    """Milliseconds of the calls after the first answer."""
    return [call.ms for call in calls.after(min(call.ended for call in calls))]


def slow(calls: Calls) -> int:
    """How many of these took over 100 ms."""
    return sum(ms > 100 for ms in later(calls))


def figures(report: Report) -> None:
    """s2sauth beside a constant header, which shows what the machine takes; then the pasted lines, which burn CPU."""
    seconds = SHORT_SECONDS if report.ci else SECONDS
    for _ in range(3):
        progress(f"s2sauth and a constant header: {PER_SECOND} calls/s each for {seconds} s")
        runs: list[Run] = together(run, *((way, mode, seconds) for way in ("s2sauth", "floor") for mode in MODES))
        if not any(slow(calls) for calls, _ in runs[2:]):
            break
        report.note("A run is void: the machine was so busy that calls with a constant header took over 100 ms too.")
    progress(f"the pasted lines: {PER_SECOND} calls/s for {seconds} s")
    runs += together(run, *(("hand-written", mode, seconds) for mode in MODES))
    # One at the beginning, then one every 3.75 to 4.6 s: the renewal point, and the answer's way.
    least, most = 1 + int(seconds / 4.6), 1 + int(seconds / 3.75)
    for n, mode in enumerate(MODES):

        def row(what: str, values: list[float], unit: str = "", mode: Mode = mode, **required: float) -> None:
            ours, floor, theirs = values
            report.row(f"{mode}: {what}", ours, hand_written=theirs, floor=floor, unit=unit, **required)

        all_calls, counts = zip(*runs[n::2], strict=True)
        row("token requests", [one["token_requests"] for one in counts], at_least=least, at_most=most)
        row("calls failed", [calls.failed for calls in all_calls], exactly=0)
        row("calls answered 401 by the API", [one["api_401"] for one in counts], exactly=0)
        row("calls over 100 ms after the first answer", [slow(calls) for calls in all_calls], exactly=0)
        row("slowest call after the first answer", [max(later(calls)) for calls in all_calls], unit="ms")
        if all_calls[0].failed:
            report.note(f"{mode}, s2sauth: {all_calls[0].outcomes}")
    report.note(f"The pasted lines renew {MARGIN:g} s ahead here; with their usual 60 s each call would fetch a token.")


if __name__ == "__main__":
    command(f"Renewal: tokens of {LIFE} s, {LATENCY * 1000:.0f} ms for each, {PER_SECOND} calls/s", figures)
