"""The three worlds in which callers live: threads, asyncio tasks and trio tasks.

A job is what one caller does, said once blocking and once awaiting. `World.start` lets any number of callers do one
each, at the same time and away from the test's own thread, which is free to move the clock and to open the gate.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import trio
import trio.testing

from s2sauth import AccessToken, CognitoClientCredentials
from s2sauth.testing import ManualClock

PATIENCE = 30.0
"""Seconds after which a test that waits for its callers has failed."""


class Job(Protocol):
    """What one caller does."""

    def now(self) -> Any: ...

    async def later(self) -> Any: ...


@dataclass
class GetToken:
    """Ask for a token."""

    credentials: CognitoClientCredentials
    arguments: dict[str, Any] = field(default_factory=dict)

    def now(self) -> AccessToken:
        return self.credentials.get_token(**self.arguments)

    async def later(self) -> AccessToken:
        return await self.credentials.aget_token(**self.arguments)


@dataclass
class Send:
    """Send one request through the hook, with a client of its own, and read the answer."""

    auth: Any
    url: str
    method: str = "GET"
    client: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)

    def now(self) -> httpx.Response:
        with httpx.Client(auth=self.auth, **_plain(self.client)) as client:
            return client.request(self.method, self.url, **self.request)

    async def later(self) -> httpx.Response:
        async with httpx.AsyncClient(auth=self.auth, **_plain(self.client)) as client:
            return await client.request(self.method, self.url, **self.request)


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    # Reading the CA file for each client would take most of the suite's time.
    return {"verify": False, "trust_env": False, **arguments}


class Callers:
    """Callers under way."""

    def __init__(self, n: int) -> None:
        self.outcomes: list[Any] = [None] * n
        self.waiting = threading.Event()
        """Set when every one of them has done what it can without another's help."""
        self.asleep: Callable[[], None] = lambda: None
        """Returns when that is seen through a clock."""
        self.cancel: Callable[[int], object] = lambda number: None
        """Cancels the task of that caller; nothing for threads, and for who has ended."""
        self.threads: list[threading.Thread] = []

    def all_wait(self) -> "Callers":
        """Block until none of them can go on by itself."""
        assert self.waiting.wait(PATIENCE), "the callers never came to wait"
        self.asleep()
        return self

    def results(self) -> list[Any]:
        """What each got: a value or the exception."""
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a caller hangs"
        return self.outcomes

    def values(self) -> list[Any]:
        """What each got; raises the first one's exception."""
        results = self.results()
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results

    def errors(self) -> list[BaseException]:
        """The exception of each; none of them got a value."""
        results = self.results()
        assert all(isinstance(result, BaseException) for result in results), results
        return results


class World(ABC):
    """Where callers live."""

    name = ""
    awaits = True

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def start(self, jobs: Sequence[Job], clock: ManualClock | None = None) -> Callers:
        """Let callers do the jobs, one each. Threads that wait are seen through their clock."""

    def do(self, job: Job) -> Any:
        """One caller, now; returns or raises what it gets."""
        return self.start([job]).values()[0]

    def get(self, credentials: CognitoClientCredentials, **arguments: Any) -> AccessToken:
        """One caller asks for a token."""
        token: AccessToken = self.do(GetToken(credentials, arguments))
        return token

    def ask(self, credentials: CognitoClientCredentials, n: int = 1, **arguments: Any) -> Callers:
        """So many callers ask for a token, and are waiting when this returns."""
        clock = credentials._engine.clock
        jobs = [GetToken(credentials, arguments) for _ in range(n)]
        return self.start(jobs, clock if isinstance(clock, ManualClock) else None).all_wait()

    def send(self, auth: Any, url: str, method: str = "GET", **arguments: Any) -> httpx.Response:
        """One request through the hook; `client` holds the client's arguments, what else there is the request's."""
        client = arguments.pop("client", {})
        response: httpx.Response = self.do(Send(auth, url, method, client, arguments))
        return response


class Threads(World):
    """A thread for each caller."""

    name = "threads"
    awaits = False

    def start(self, jobs: Sequence[Job], clock: ManualClock | None = None) -> Callers:
        callers = Callers(len(jobs))

        def call(number: int, job: Job) -> None:
            try:
                callers.outcomes[number] = job.now()
            except BaseException as error:
                callers.outcomes[number] = error

        callers.threads = [threading.Thread(target=call, args=item, daemon=True) for item in enumerate(jobs)]
        sleepers = 0 if clock is None else len(clock._sleepers)
        for thread in callers.threads:
            thread.start()
        if clock is not None:
            callers.asleep = lambda: clock.wait_for_sleepers(sleepers + len(jobs), PATIENCE)
        callers.waiting.set()
        return callers


class Asyncio(World):
    """A task for each caller, all in one loop."""

    name = "asyncio"

    def start(self, jobs: Sequence[Job], clock: ManualClock | None = None) -> Callers:
        callers = Callers(len(jobs))

        async def main() -> None:
            tasks = [asyncio.ensure_future(job.later()) for job in jobs]
            loop = asyncio.get_running_loop()
            callers.cancel = lambda number: _call(loop.call_soon_threadsafe, tasks[number].cancel)
            for _ in range(3):
                await asyncio.sleep(0)
            callers.waiting.set()
            callers.outcomes[:] = await asyncio.gather(*tasks, return_exceptions=True)

        return _in_a_thread(callers, lambda: asyncio.run(main()))


class Trio(World):
    """A task for each caller, all in one run of trio."""

    name = "trio"

    def start(self, jobs: Sequence[Job], clock: ManualClock | None = None) -> Callers:
        callers = Callers(len(jobs))

        scopes = [trio.CancelScope() for _ in jobs]

        async def call(number: int, job: Job) -> None:
            with scopes[number]:
                try:
                    callers.outcomes[number] = await job.later()
                except Exception as error:
                    callers.outcomes[number] = error

        async def main() -> None:
            token = trio.lowlevel.current_trio_token()
            callers.cancel = lambda number: _call(token.run_sync_soon, scopes[number].cancel)
            async with trio.open_nursery() as nursery:
                for item in enumerate(jobs):
                    nursery.start_soon(call, *item)
                await trio.testing.wait_all_tasks_blocked()
                callers.waiting.set()

        return _in_a_thread(callers, lambda: trio.run(main))


def _call(run_soon: Callable[..., object], function: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop has ended, and everybody in it
        run_soon(function)


def _in_a_thread(callers: Callers, run: Callable[[], object]) -> Callers:
    def target() -> None:
        try:
            run()
        except BaseException as error:
            callers.outcomes[:] = [error] * len(callers.outcomes)
            callers.waiting.set()

    callers.threads = [threading.Thread(target=target, daemon=True)]
    callers.threads[0].start()
    return callers


def run_asyncio(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """`asyncio.run`, which leaves no loop behind."""
    return asyncio.run(main())


WORLDS: tuple[World, ...] = (Threads(), Asyncio(), Trio())
