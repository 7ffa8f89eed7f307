"""Many callers at once: cold, at renewal, on a failing endpoint, on a throttling one."""

import os
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import anyio
import hand_written
from _support import Report, command, in_own_process, private_ca, progress, side_by_side

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

    @classmethod
    def of_tasks(cls, number: int, loops: int = 1) -> "Crowd":
        """So many tasks on each of these asyncio loops, and no threads."""
        return cls(threads=0, loops=loops, tasks_per_loop=number, trio_tasks=0)

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

    def ask(self, credentials: CognitoClientCredentials) -> "Crowd":
        """All ask this object for a token at once."""
        return self.call(credentials.get_token, credentials.aget_token)

    def call(self, get: Callable[[], object], aget: Callable[[], Awaitable[object]] | None = None) -> "Crowd":
        """All at once; returns when the last has its answer."""

        def note(began: float, result: object) -> None:
            self.calls.append((max(0.0, began - zero), time.perf_counter() - zero))
            self.results.append(result)

        def thread() -> None:
            start.wait(PATIENCE)
            began = time.perf_counter()
            try:
                result: object = get()
            except Exception as error:  # noqa: BLE001  # counted
                result = error
            note(began, result)

        async def task() -> None:
            assert aget is not None  # where there are tasks
            began = time.perf_counter()
            try:
                result: object = await aget()
            except Exception as error:  # noqa: BLE001  # counted
                result = error
            note(began, result)

        async def loop(tasks: int) -> None:
            start.wait(PATIENCE)
            async with anyio.create_task_group() as group:
                for _ in range(tasks):
                    group.start_soon(task)

        in_asyncio = partial(anyio.run, loop, self.tasks_per_loop)
        in_trio = partial(anyio.run, loop, self.trio_tasks, backend="trio")
        bodies = [thread] * self.threads + [in_asyncio] * self.loops + [in_trio] * bool(self.trio_tasks)
        start = threading.Barrier(len(bodies) + 1)
        threads = [threading.Thread(target=body, daemon=True) for body in bodies]
        for one in threads:
            one.start()
        zero = time.perf_counter()
        start.wait(PATIENCE)
        for one in threads:
            one.join(PATIENCE)
        self.took = time.perf_counter() - zero
        if waiting := len(self) - len(self.results):
            raise TimeoutError(f"{waiting} of {len(self)} callers still wait after {PATIENCE:g} s")
        return self


def hand_written_threads(environ: dict[str, str], threads: int) -> float:
    """In a process of its own: how long the last of the threads took."""
    os.environ.update(environ)
    return Crowd.of_threads(threads).call(hand_written.get_token).took


def by_hand(fake: FakeCognito) -> tuple[int, float]:
    """Token requests of the hand-written lines on as many threads, and how long the last one took."""
    progress(f"{BY_HAND} threads, hand-written")
    fake.clear_records()
    took = in_own_process(hand_written_threads, fake.environ, BY_HAND)
    return fake.counts()["token_requests"], took


def ask_cold(fake: FakeCognito, crowd: Crowd) -> int:
    """The token requests of a crowd that asks an object without a token."""
    with CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
        credentials.httpx_auth(fake.api_url)  # a service makes its hook at start-up
        crowd.ask(credentials)
    return fake.counts()["token_requests"]


def cold(report: Report) -> None:
    """No token yet."""
    crowd = Crowd()
    progress(f"cold: {len(crowd)} callers")
    with FakeCognito.spawn(latency=LATENCY) as fake:
        ours = ask_cold(fake, crowd)
        theirs, took = by_hand(fake)
    report.row(f"cold, {len(crowd):,} callers (1): token requests", ours, exactly=1, hand_written=theirs)
    report.row("  served", crowd.served, exactly=len(crowd))
    report.row("  the last one after", crowd.took, unit="s", hand_written=took)
    report.row("  of the hand-written", crowd.took / took, at_most=0.25, unit="x")
    report.note(
        "(1) 200 threads, 2,000 tasks on 2 asyncio loops, 500 trio tasks on one object; hand-written: 200 threads"
    )


def one_loop(report: Report) -> None:
    """10,000 tasks on one cold flight."""
    progress("cold: 10,000 tasks on one loop")
    crowd = Crowd.of_tasks(10_000)
    with FakeCognito.spawn(latency=LATENCY) as fake:
        requests = ask_cold(fake, crowd)
    floor = Crowd.of_tasks(10_000).call(object, partial(anyio.sleep, LATENCY)).took
    report.row("cold, 10,000 tasks: token requests", requests, exactly=1)
    report.row("  served", crowd.served, exactly=len(crowd))
    report.row("  the last one after", crowd.took, unit="s", floor=floor)
    report.row("  of tasks that only sleep", crowd.took / floor, at_most=4.0, unit="x")


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
                crowd = Crowd().ask(credentials)
                settle(credentials)
                longest.append(crowd.longest)
                requests.append(fake.counts()["token_requests"])
                kept.append(all(result is token for result in crowd.results))
        theirs, took = by_hand(fake)  # for them a renewal is another cold start
    what = f"renewal, the same callers ({rounds} times): token requests"
    report.row(what, max(requests), exactly=1, hand_written=theirs)
    report.row("  rounds in which all got the token in hand", sum(kept), exactly=rounds)
    what = f"  longest call, median of {rounds}"
    report.row(what, median(longest) * 1000, unit="ms", hand_written=took * 1000)
    report.row("  of what the token endpoint takes", median(longest) / LATENCY, at_most=0.5, unit="x")


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
    progress(f"503: {len(crowd)} callers")
    with FakeCognito.spawn(latency=LATENCY) as fake:
        fake.fail(503)
        requests = ask_cold(fake, crowd)
        theirs, took = by_hand(fake)
    failed = sum(isinstance(result, TokenUnavailable) for result in crowd.results)
    what = f"503, {len(crowd):,} callers: token requests"
    report.row(what, requests, exactly=RenewalPolicy().attempts, hand_written=theirs)
    report.row("  told TokenUnavailable", failed, exactly=len(crowd))
    report.row("  the last one after", crowd.took, at_most=DEADLINE, unit="s", hand_written=took)


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
    found: list[tuple[int, float, int]] = []
    # Each client would have a CPU of its own to read its CA file with; here all share two, so the file is a short one.
    with private_ca() as tls:
        for whose in ("s2sauth", "hand-written"):
            progress(f"throttled: 500 clients, {whose}")
            with FakeCognito.spawn(rate_limit=150) as fake:
                run = whose, {**fake.environ, "SSL_CERT_FILE": tls.cafile}, 250
                served, took = zip(*side_by_side(first_calls, run, run), strict=True)
                found.append((sum(served), max(took), fake.counts()["token_requests"]))
    ours, theirs = found
    report.row("500 clients, 150 tokens/s: first calls served", ours[0], exactly=500, hand_written=theirs[0])
    report.row("  the last one after", ours[1], at_most=DEADLINE, unit="s", hand_written=theirs[1])
    report.row("  token requests", ours[2], hand_written=theirs[2])


def figures(report: Report) -> None:
    """The table."""
    for part in (cold, one_loop, renewal, failing, throttled):
        part(report)


if __name__ == "__main__":
    command("Stampede: many callers at once, a token endpoint that takes 100 ms", figures)
