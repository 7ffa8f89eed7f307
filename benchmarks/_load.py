"""Calls at a steady rate, from threads or tasks: with s2sauth, with the pasted lines, with a constant header."""

import asyncio
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import hand_written
import httpx

from s2sauth import CognitoClientCredentials, Event
from s2sauth.testing import FakeCognito

Way = Literal["s2sauth", "hand-written", "floor"]
Mode = Literal["threads", "tasks"]

logging.getLogger("s2sauth").setLevel(logging.ERROR)  # what is made to happen needs no warning

MODES: tuple[Mode, ...] = ("threads", "tasks")
DOWN: dict[str, Callable[[FakeCognito], object]] = {
    "503": lambda fake: fake.fail(503),
    "refused": lambda fake: fake.refuse(),
    "hanging": lambda fake: fake.hang(),
}
"""How a token endpoint is down."""


class SkippingClock:
    """The machine's clock, for credentials and server alike, which can skip time that nobody wants to sit through."""

    def __init__(self, fake: FakeCognito) -> None:
        self._fake = fake
        self._skipped = 0.0

    def skip(self, seconds: float) -> None:
        """So much later, by the clock here and by that of the token endpoint and the API."""
        self._skipped += seconds
        self._fake.set_clock_offset(self._skipped)

    def wall(self) -> float:
        return time.time() + self._skipped

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    boottime = monotonic

    def wait(self, lock: Any, seconds: float, /) -> None:
        lock.acquire(timeout=seconds)

    def random(self) -> float:
        return random.SystemRandom().random()


@dataclass(frozen=True, slots=True)
class Call:
    """One call and what became of it. Times by `time.perf_counter()`."""

    due: float
    """When it had to begin; what it begins late counts as waiting."""
    ended: float
    outcome: str
    """`"200"`, another status, or the name of an exception."""

    @property
    def ms(self) -> float:
        """How long it took."""
        return (self.ended - self.due) * 1000


class Calls(list[Call]):
    """Those of one service, in the order in which they were due."""

    @property
    def failed(self) -> int:
        """How many were not answered 200."""
        return sum(call.outcome != "200" for call in self)

    @property
    def outcomes(self) -> str:
        """`"398 × 200, 2 × ReadTimeout"`"""
        return ", ".join(f"{n} × {outcome}" for outcome, n in Counter(call.outcome for call in self).most_common())

    @property
    def p99(self) -> float:
        """The milliseconds within which 99 percent of them ended."""
        return sorted(call.ms for call in self)[ceil(len(self) * 0.99) - 1]

    def after(self, at: float) -> "Calls":
        """Those that were due after that moment."""
        return Calls(call for call in self if call.due > at)


Before = Callable[[int], object]
"""Called with the number of a call, or of a turn of several services, from 0, before it begins."""
NOTHING: Before = lambda _: None  # noqa: E731  # a default


class Service:
    """A service that calls `fake`'s API. With the pasted lines one in a process, since they have one cache."""

    def __init__(
        self,
        way: Way,
        fake: FakeCognito,
        *,
        clock: SkippingClock | None = None,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        os.environ.update(fake.environ)
        self._pasted = way == "hand-written"
        self._clock = clock
        self.credentials: CognitoClientCredentials | None = None
        self._client: dict[str, Any] = {
            "base_url": fake.api_url,
            "follow_redirects": True,
            "verify": httpx.create_ssl_context(),  # once: making a client must not take the time of calls under way
        }
        if way == "s2sauth":
            self.credentials = CognitoClientCredentials.from_env(environ=fake.environ, clock=clock, on_event=on_event)
            self._client["auth"] = self.credentials.httpx_auth(fake.api_url)
        elif way == "floor":
            self._client["headers"] = hand_written.headers()

    def fetch(self) -> None:
        """Get the first token."""
        if self.credentials is not None:
            self.credentials.get_token()
        elif self._pasted:
            hand_written.get_token()

    def skip(self, seconds: float) -> None:
        """So much later, for everybody. The pasted lines take no clock; the end of their token comes nearer instead."""
        assert self._clock is not None
        self._clock.skip(seconds)
        hand_written.expires_at -= seconds

    def skip_to_renewal(self) -> None:
        """To the moment at which the next call renews the token in hand."""
        if self.credentials is not None:
            self.skip(self.credentials.state().next_renewal_in or 0.0)
        elif self._pasted:
            self.skip(hand_written.expires_at - hand_written.MARGIN - time.time())

    def usable_for(self) -> float:
        """Seconds for which s2sauth's token in hand may still be used."""
        return 0.0 if self.credentials is None else self.credentials.state().expires_in or 0.0

    def at(self, api_url: str) -> "Service":
        """The same service and credentials, s2sauth's, calling another API."""
        assert self.credentials is not None
        other = copy(self)
        other._client = {**self._client, "base_url": api_url, "auth": self.credentials.httpx_auth(api_url)}
        return other

    def client(self) -> httpx.Client:
        """A new blocking client."""
        return httpx.Client(**self._client)

    def calls(
        self, mode: Mode | None, count: int, *, per_second: float, path: str = "/files", before: Before = NOTHING
    ) -> Calls:
        """Make `count` calls, each begun when it is due, whatever became of those before it.

        `mode` None: each is begun when the one before it is answered.
        """
        if mode == "tasks":
            return asyncio.run(self.acalls(count, per_second=per_second, path=path, before=before))
        if mode == "threads":
            return in_turns([self], count, per_second=per_second, path=path, before=before)[0]
        made = Calls()
        with self.client() as client:
            for n in range(count):
                before(n)
                made.append(self.call(client, path, time.perf_counter()))
        return made

    async def acalls(self, count: int, *, per_second: float, path: str = "/files", before: Before = NOTHING) -> Calls:
        """`calls` from tasks of the running loop."""
        async with httpx.AsyncClient(**self._client) as client:
            made = []
            began = time.perf_counter()
            for n in range(count):
                due = began + n / per_second
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                before(n)
                made.append(asyncio.create_task(self._acall(client, path, due)))
            return Calls(await asyncio.gather(*made))

    def call(self, client: httpx.Client, path: str, due: float) -> Call:
        """Make one call with this client, which `client()` made."""
        try:
            headers = hand_written.headers() if self._pasted else None
            outcome = str(client.get(path, headers=headers).status_code)
        except Exception as error:  # noqa: BLE001  # whatever it is, the call has failed
            outcome = type(error).__name__
        return Call(due, time.perf_counter(), outcome)

    async def _acall(self, client: httpx.AsyncClient, path: str, due: float) -> Call:
        try:
            headers = await hand_written.aheaders() if self._pasted else None
            outcome = str((await client.get(path, headers=headers)).status_code)
        except Exception as error:  # noqa: BLE001  # as in call
            outcome = type(error).__name__
        return Call(due, time.perf_counter(), outcome)


def in_turns(
    services: Sequence[Service], count: int, *, per_second: float, path: str = "/files", before: Before = NOTHING
) -> list[Calls]:
    """`count` calls of each service, from threads: one of the first, one of the second, and so on, over again.

    Each begins when it is due, whatever became of those before it; so many `per_second` of each.
    """
    made: list[list[Future[Call]]] = [[] for _ in services]
    with ExitStack() as stack:
        clients = [stack.enter_context(service.client()) for service in services]
        # As many workers as calls: none waits for a free one. A worker that is idle is used before another is started.
        pool = stack.enter_context(ThreadPoolExecutor(count * len(services)))
        began = time.perf_counter()
        for n in range(count):
            for place, (service, client) in enumerate(zip(services, clients, strict=True)):
                due = began + (n + place / len(services)) / per_second
                time.sleep(max(0.0, due - time.perf_counter()))
                if place == 0:
                    before(n)
                made[place].append(pool.submit(service.call, client, path, due))
        return [Calls(call.result() for call in calls) for calls in made]
