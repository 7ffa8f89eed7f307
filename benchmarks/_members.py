"""A fleet: processes that share a store, each with one credentials object and threads that ask it."""

import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Self

import s2sauth._hooks.httpx

# What a member would import when it warms up: they are forked, so once is enough.
import s2sauth._sharing
import s2sauth.stores.dynamodb
import s2sauth.stores.redis
import s2sauth.stores.sqlite  # noqa: F401  # imported before the members are forked
from s2sauth import CognitoClientCredentials, RenewalPolicy
from s2sauth.stores import Store
from s2sauth.testing import StaticToken

PATIENCE = 60.0
"""Seconds for an answer; a run's own length comes on top."""
SLOW = 0.1
"""Seconds after which a call has waited for something."""

Make = Callable[[], Store | str]
"""Makes what `store=` takes, in the process that uses it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one thread got that asked once."""

    waited: float
    """Seconds since the moment at which all were to begin."""
    error: str | None
    """The class of what was raised."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What one thread got that asked again and again; its first call, which waits for a token, is not timed."""

    calls: int
    failed: int
    slow: int
    slowest: float
    floor: bool
    """It asked for a token that is never renewed: what is slow here is the machine."""


class Member:
    """One process of a fleet. Its methods are called by the command."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(100)
        self._running: list[Future[Any]] = []
        self._credentials: CognitoClientCredentials | None = None
        self._ready = threading.Semaphore(0)
        self._start = threading.Event()
        self._at = 0.0

    def join(self, environ: Mapping[str, str], make: Make, policy: RenewalPolicy) -> None:
        """Warm up as a service does at its start: the object and its hook, and no token yet."""
        self._credentials = CognitoClientCredentials.from_env(environ=environ, store=make(), policy=policy)
        self._credentials.httpx_auth(environ["FILES_SERVICE_URL"])

    def ask(self, threads: int, within: float = 0.0) -> None:
        """Make so many threads, each of which asks once: at once, or at a moment of so many seconds."""
        later = random.Random(os.getpid()).uniform(0.0, within)
        self._line_up([partial(_ask, self._credentials, later)] * threads)

    def ask_on(self, threads: int, seconds: float, pause: tuple[float, float]) -> None:
        """The same, each again and again for so many seconds; and one more as a floor."""
        asked = [*[self._credentials] * threads, StaticToken()]
        self._line_up([partial(_ask_on, one, seconds, pause) for one in asked])

    def start(self, at: float) -> None:
        """Let these threads begin at this moment of the monotonic clock, which all processes share."""
        self._at = at
        self._start.set()

    def asked(self) -> int:
        """How many token requests it has made or is making."""
        assert self._credentials is not None
        return self._credentials.state().token_requests

    def answers(self) -> list[Any]:
        """What the threads got, once the last of them has it."""
        return [one.result() for one in self._running]

    def _line_up(self, works: Sequence[Callable[[float], Any]]) -> None:
        self._running = [self._pool.submit(self._begin, work) for work in works]
        for _ in works:
            self._ready.acquire()

    def _begin(self, work: Callable[[float], Any]) -> Any:
        self._ready.release()
        self._start.wait()
        time.sleep(max(0.0, self._at - time.monotonic()))
        return work(self._at)


def _ask(credentials: CognitoClientCredentials, later: float, at: float) -> Answer:
    time.sleep(later)
    error = None
    try:
        credentials.get_token()
    except Exception as raised:  # noqa: BLE001  # counted
        error = type(raised).__name__
    return Answer(time.monotonic() - at - later, error)


def _ask_on(
    asked: CognitoClientCredentials | StaticToken, seconds: float, pause: tuple[float, float], at: float
) -> Calls:
    choose = random.Random()
    failed = 0
    took: list[float] = []
    while (began := time.monotonic()) < at + seconds:
        try:
            asked.get_token()
        except Exception:  # noqa: BLE001  # counted
            failed += 1
        took.append(time.monotonic() - began)
        time.sleep(choose.uniform(*pause))
    later = took[1:]
    return Calls(len(took), failed, sum(one > SLOW for one in later), max(later), isinstance(asked, StaticToken))


class Fleet:
    """`with Fleet(60) as fleet:`; the members are forked from the command, imports done, and end with the block."""

    def __init__(self, processes: int) -> None:
        self._number = processes
        self._processes: list[Any] = []
        self._lines: list[Connection] = []

    def __enter__(self) -> Self:
        assert threading.active_count() == 1, "the command's other threads would be missing in a member"
        context = multiprocessing.get_context("fork")
        for _ in range(self._number):
            ours, theirs = context.Pipe()
            self._lines.append(ours)
            self._processes.append(context.Process(target=_obey, args=(theirs,), daemon=True))
            self._processes[-1].start()
            theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        while self._processes:
            self.kill(0)

    def all(self, name: str, *arguments: Any, patience: float = PATIENCE) -> list[Any]:
        """What this method of each member returns."""
        for line in self._lines:
            line.send((name, arguments))
        return [self._told(line, patience) for line in self._lines]

    def begin(self, name: str, *arguments: Any) -> None:
        """Order this of all, and return when it begins: at the same moment everywhere, with all threads made."""
        self.all(name, *arguments)
        at = time.monotonic() + 0.5
        self.all("start", at)
        if (left := at - time.monotonic()) < 0:
            raise TimeoutError("the machine is too busy: a process heard of the start when it was over")
        time.sleep(left)

    def answers(self, patience: float = PATIENCE) -> list[Any]:
        """What all threads of all members got."""
        return [answer for answers in self.all("answers", patience=patience) for answer in answers]

    def kill(self, number: int) -> None:
        """SIGKILL to this one, which is no member any more."""
        process, line = self._processes.pop(number), self._lines.pop(number)
        process.kill()
        process.join()
        process.close()
        line.close()

    def kill_who_asks(self) -> None:
        """SIGKILL to the member whose token request is under way."""
        asked = self.all("asked")
        self.kill(asked.index(max(asked)))

    def _told(self, line: Connection, patience: float) -> Any:
        if not line.poll(patience):
            raise TimeoutError(f"a process did not answer within {patience:g} s")
        return line.recv()


def _obey(line: Connection) -> None:
    member = Member()
    while True:
        try:
            name, arguments = line.recv()
        except EOFError:  # the command is gone
            return
        line.send(getattr(member, name)(*arguments))
