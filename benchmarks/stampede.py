"""Many callers at once: cold, at renewal, on a failing endpoint, on a throttling one."""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import hand_written
import trio
from _support import InOwnProcess, Report, command, in_own_process, private_ca, progress

from s2sauth import CognitoClientCredentials, RenewalPolicy, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock

LATENCY = 0.1
DEADLINE = RenewalPolicy().deadline
PATIENCE = 60.0
"""After so many seconds something hangs."""
BY_HAND = 200
"""Threads that the hand-written lines are asked from; each makes a request of its own."""


@dataclass(slots=True)
class Crowd:
    """Callers on threads, on asyncio loops and in trio that all begin at the same moment."""

    threads: int = 200
    loops: int = 2
    tasks_per_loop: int = 1000
    trio_tasks: int = 500
    calls: list[tuple[float, float]] = field(default_factory=list)
    """When each call began and ended, in seconds from the start."""
    results: list[object] = field(default_factory=list)
    """What each call returned or raised."""
    took: float = 0.0
    """From the start to the end of the last call."""

    @property
    def longest(self) -> float:
        """The longest call."""
        return max(ended - began for began, ended in self.calls)

    @classmethod
    def of_threads(cls, number: int) -> "Crowd":
        """So many threads, and no tasks."""
        return cls(threads=number, loops=0, trio_tasks=0)

    @property
    def failed(self) -> list[Exception]:
        """What was raised."""
        return [result for result in self.results if isinstance(result, Exception)]

    @property
    def served(self) -> int:
        """How many calls returned."""
        return len(self.results) - len(self.failed)

    def __len__(self) -> int:
        return self.threads + self.loops * self.tasks_per_loop + self.trio_tasks

    def call(self, get: Callable[[], object], aget: Callable[[], Awaitable[object]] | None = None) -> "Crowd":
        """All at once; returns when the last has its answer."""

        def note(began: float, result: object) -> None:
            self.calls.append((max(0.0, began - zero), time.perf_counter() - zero))
            self.results.append(result)

        def one() -> None:
            began = time.perf_counter()
            try:
                result: object = get()
            except Exception as error:  # noqa: BLE001  # counted
                result = error
            note(began, result)

        async def aone() -> None:
            assert aget is not None  # where there are tasks
            began = time.perf_counter()
            try:
                result: object = await aget()
            except Exception as error:  # noqa: BLE001  # counted
                result = error
            note(began, result)

        def thread() -> None:
            start.wait(PATIENCE)
            one()

        def asyncio_loop() -> None:
            async def main() -> None:
                start.wait(PATIENCE)
                await asyncio.gather(*(aone() for _ in range(self.tasks_per_loop)))

            asyncio.run(main())

        def trio_loop() -> None:
            async def main() -> None:
                start.wait(PATIENCE)
                async with trio.open_nursery() as nursery:
                    for _ in range(self.trio_tasks):
                        nursery.start_soon(aone)

            trio.run(main)

        bodies = [thread] * self.threads + [asyncio_loop] * self.loops + [trio_loop] * bool(self.trio_tasks)
        start = threading.Barrier(len(bodies) + 1)
        threads = [threading.Thread(target=body, daemon=True) for body in bodies]
        for one_thread in threads:
            one_thread.start()
        zero = time.perf_counter()
        start.wait(PATIENCE)
        for one_thread in threads:
            one_thread.join(PATIENCE)
        self.took = time.perf_counter() - zero
        if len(self.results) != len(self):
            raise TimeoutError(
                f"{len(self) - len(self.results)} of {len(self)} callers still wait after {PATIENCE:g} s"
            )
        return self


def call_all(credentials: CognitoClientCredentials, crowd: Crowd) -> Crowd:
    """The crowd asks this object."""
    return crowd.call(credentials.get_token, credentials.aget_token)


def hand_written_threads(environ: dict[str, str], threads: int) -> float:
    """In a process of its own: how long the last of the threads took."""
    os.environ.update(environ)
    return Crowd.of_threads(threads).call(hand_written.get_token).took


def cold(report: Report) -> None:
    """No token yet."""
    crowd = Crowd()
    with FakeCognito.spawn(latency=LATENCY) as fake:
        progress(f"cold: {len(crowd)} callers")
        with CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
            credentials.httpx_auth(fake.api_url)  # a service makes its hook at start-up
            call_all(credentials, crowd)
        ours = fake.counts()["token_requests"]
        fake.clear_records()
        progress(f"cold: {BY_HAND} threads, hand-written")
        theirs_took = in_own_process(hand_written_threads, fake.environ, BY_HAND)
        theirs = fake.counts()["token_requests"]
    report.row(f"cold, {len(crowd):,} callers (1): token requests", s2sauth=ours, exactly=1, hand_written=theirs)
    report.row("  served", s2sauth=crowd.served, exactly=len(crowd))
    report.row("  the last one after", s2sauth=crowd.took, unit="s", hand_written=theirs_took)
    report.row("  of the hand-written", s2sauth=crowd.took / theirs_took, at_most=0.25, unit="x")
    report.note(
        "(1) 200 threads, 2,000 tasks on 2 asyncio loops, 500 trio tasks on one object; hand-written: 200 threads"
    )


def one_loop(report: Report) -> None:
    """10,000 tasks on one cold flight."""
    progress("cold: 10,000 tasks on one loop")
    crowd = Crowd(threads=0, loops=1, tasks_per_loop=10_000, trio_tasks=0)
    with FakeCognito.spawn(latency=LATENCY) as fake:
        with CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
            credentials.httpx_auth(fake.api_url)
            call_all(credentials, crowd)
        requests = fake.counts()["token_requests"]
    floor = Crowd(threads=0, loops=1, tasks_per_loop=10_000, trio_tasks=0).call(object, partial(asyncio.sleep, LATENCY))
    report.row("cold, 10,000 tasks: token requests", s2sauth=requests, exactly=1)
    report.row("  served", s2sauth=crowd.served, exactly=len(crowd))
    report.row("  the last one after", s2sauth=crowd.took, unit="s", floor=floor.took)
    report.row("  of tasks that only sleep", s2sauth=crowd.took / floor.took, at_most=4.0, unit="x")


def renewal(report: Report) -> None:
    """A STALE token: the injected clock makes it 50 minutes old."""
    rounds = 3 if report.ci else 7
    clock, longest, requests, kept = ManualClock(), list[float](), list[int](), list[bool]()
    with FakeCognito.spawn(latency=LATENCY) as fake:
        with CognitoClientCredentials.from_env(environ=fake.environ, clock=clock) as credentials:
            for n in range(rounds):
                progress(f"renewal: {len(Crowd())} callers, {n + 1} of {rounds}")
                token = credentials.get_token()
                fake.clear_records()
                clock.advance(3000)
                crowd = call_all(credentials, Crowd())
                settle(credentials)
                longest.append(crowd.longest)
                requests.append(fake.counts()["token_requests"])
                kept.append(all(result is token for result in crowd.results))
        fake.clear_records()
        progress(f"renewal: {BY_HAND} threads, hand-written")
        # For them a renewal is another cold start.
        theirs_took = in_own_process(hand_written_threads, fake.environ, BY_HAND)
        theirs = fake.counts()["token_requests"]
    report.row(
        f"renewal, the same callers ({rounds} times): token requests",
        s2sauth=max(requests),
        exactly=1,
        hand_written=theirs,
    )
    report.row("  rounds in which all got the token in hand", s2sauth=sum(kept), exactly=rounds)
    report.row(
        f"  longest call, median of {rounds}",
        s2sauth=median(longest) * 1000,
        unit="ms",
        hand_written=theirs_took * 1000,
    )
    report.row("  of what the token endpoint takes", s2sauth=median(longest) / LATENCY, at_most=0.5, unit="x")


def settle(credentials: CognitoClientCredentials) -> None:
    """Wait until no renewal is under way."""
    until = time.monotonic() + PATIENCE
    while credentials.state().next_renewal_in is None:
        if time.monotonic() > until:
            raise TimeoutError("the renewal does not end")
        time.sleep(0.005)


def failing(report: Report) -> None:
    """An endpoint that answers 503."""
    crowd = Crowd()
    with FakeCognito.spawn(latency=LATENCY) as fake:
        fake.fail(503)
        progress(f"503: {len(crowd)} callers")
        with CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
            credentials.httpx_auth(fake.api_url)
            call_all(credentials, crowd)
        requests = fake.counts()["token_requests"]
        fake.clear_records()
        progress(f"503: {BY_HAND} threads, hand-written")
        theirs_took = in_own_process(hand_written_threads, fake.environ, BY_HAND)
        theirs = fake.counts()["token_requests"]
    failed = sum(isinstance(result, TokenUnavailable) for result in crowd.results)
    attempts = RenewalPolicy().attempts
    report.row(f"503, {len(crowd):,} callers: token requests", s2sauth=requests, exactly=attempts, hand_written=theirs)
    report.row("  told TokenUnavailable", s2sauth=failed, exactly=len(crowd))
    report.row("  the last one after", s2sauth=crowd.took, at_most=DEADLINE, unit="s", hand_written=theirs_took)


def first_calls(whose: str, environ: dict[str, str], clients: int) -> tuple[int, float]:
    """In a process of its own: how many first calls succeed, of clients on a thread each; how long the last took."""
    os.environ.update(environ)
    gets: list[Callable[[], object]] = []
    for _ in range(clients):
        if whose == "s2sauth":
            credentials = CognitoClientCredentials.from_env()
            credentials.httpx_auth(environ["FILES_SERVICE_URL"])
            gets.append(credentials.get_token)
        else:  # the cache is empty until the first answer, so all fetch, as clients of their own do
            gets.append(hand_written.get_token)

    def first_call() -> object:
        return gets.pop()()

    crowd = Crowd.of_threads(clients).call(first_call)
    return crowd.served, crowd.took


def throttled(report: Report) -> None:
    """500 clients that start at the same moment, as after a deploy."""
    found: dict[str, tuple[int, float, int]] = {}
    # Each client would have a CPU of its own to read its CA file with; here all share two, so the file is a short one.
    with private_ca() as tls:
        for whose in ("s2sauth", "hand-written"):
            progress(f"throttled: 500 clients, {whose}")
            with FakeCognito.spawn(rate_limit=150) as fake:
                environ = {**fake.environ, "SSL_CERT_FILE": tls.cafile}
                processes = [InOwnProcess(first_calls, whose, environ, 250) for _ in range(2)]
                results = [process.result() for process in processes]
                served, took = sum(one for one, _ in results), max(one for _, one in results)
                found[whose] = served, took, fake.counts()["token_requests"]
    ours, theirs = found["s2sauth"], found["hand-written"]
    report.row("500 clients, 150 tokens/s: first calls served", s2sauth=ours[0], exactly=500, hand_written=theirs[0])
    report.row("  the last one after", s2sauth=ours[1], at_most=DEADLINE, unit="s", hand_written=theirs[1])
    report.row("  token requests", s2sauth=ours[2], hand_written=theirs[2])


def figures(report: Report) -> None:
    """The table."""
    for part in (cold, one_loop, renewal, failing, throttled):
        part(report)


if __name__ == "__main__":
    command("Stampede: many callers at once, a token endpoint that takes 100 ms", figures)
