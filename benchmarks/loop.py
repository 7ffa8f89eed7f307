"""How long a cold fetch holds up the event loop that waits for it."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from statistics import median

import hand_written
import uvloop
from _support import Report, cognito_over_tls, command, in_own_process, progress

from s2sauth import CognitoClientCredentials

LATENCY = 0.1
TICK = 0.001


async def longest_delay(during: Awaitable[object]) -> float:
    """By how many seconds the loop was late at worst, while this was waited for."""
    worst, ends = 0.0, False

    async def tick() -> None:
        nonlocal worst
        while not ends:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            worst = max(worst, time.perf_counter() - due)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(5 * TICK)
    worst = 0.0
    await during
    ends = True
    await ticking
    return worst


def delays(whose: str, loop: str, environ: dict[str, str]) -> tuple[float, float]:
    """In a process of its own: the longest delay while idle, and while one task waits for the first token."""
    os.environ.update(environ)
    aget: Callable[[], Awaitable[object]] = hand_written.aget_token
    if whose == "s2sauth":
        credentials = CognitoClientCredentials.from_env()
        credentials.httpx_auth(environ["FILES_SERVICE_URL"])  # a service makes its hook before its loop runs
        aget = credentials.aget_token

    async def main() -> tuple[float, float]:
        return await longest_delay(asyncio.sleep(2 * LATENCY)), await longest_delay(aget())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        return runner.run(main())


def figures(report: Report) -> None:
    """The table."""
    processes = 3 if report.ci else 7
    with cognito_over_tls(latency=LATENCY) as (_, environ):
        for loop in ("asyncio", "uvloop"):
            medians: list[list[float]] = []
            for whose in ("s2sauth", "hand-written"):
                progress(f"{loop}, {whose}: {processes} processes")
                found = [in_own_process(delays, whose, loop, environ) for _ in range(processes)]
                medians.append([1000 * median(column) for column in zip(*found, strict=True)])
            (idle, fetching), (their_idle, their_fetching) = medians
            added, their_added = fetching - idle, their_fetching - their_idle
            report.row(f"{loop}: longest delay while idle", idle, hand_written=their_idle, unit="ms")
            report.row("  during one cold fetch", fetching, hand_written=their_fetching, unit="ms")
            report.row("  more than when idle", added, hand_written=their_added, unit="ms")
            report.row("  of what the hand-written add", added / their_added, at_most=0.1, unit="x")
    report.note(f"Medians of {processes} processes; TLS with a private CA, 100 ms token latency, one waiter.")


if __name__ == "__main__":
    command("Loop: how long a cold fetch holds up the event loop", figures)
