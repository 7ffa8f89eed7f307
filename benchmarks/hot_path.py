"""What a call costs when the token is in hand: `get_token()` itself, and the hook before an in-memory transport."""

import asyncio
import dis
import inspect
import os
import sys
import time
import timeit
from collections.abc import Callable, Generator, Mapping
from functools import partial
from operator import sub, truediv
from statistics import median
from types import BuiltinFunctionType, FrameType
from typing import Any

import hand_written
import httpx
from _support import Report, command, progress

from s2sauth import CognitoClientCredentials
from s2sauth._clock import SystemClock
from s2sauth.testing import FakeCognito

URL = "https://files.example.com/files"
ROUNDS, SHORT_ROUNDS = 25, 9
BLOCKS = 30
"""Short blocks of calls in a round: the shortest is one in which nothing else ran."""
CALLS = 20
CONSTANT = {"Authorization": "Bearer constant"}


class Steps:
    """What one call of a method does, instruction by instruction: frames entered, calls of other things, writes."""

    def __init__(self, method: Callable[[], object]) -> None:
        self.frames = 0
        self.calls: list[str] = []
        """The names by which things that are not Python were called."""
        self.writes: list[str] = []
        """Of attributes, items and globals; a local variable is nobody else's."""
        self._instructions: dict[Any, dict[int, dis.Instruction]] = {}
        self._loaded = ""
        here = inspect.currentframe()
        assert here is not None
        here.f_trace_opcodes = True  # 3.12: settrace() looks at this frame for whether instructions are wanted
        sys.settrace(self._trace)
        try:
            method()
        finally:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "call":
            if self.frames:
                self.calls.pop()  # what was called is Python, and seen from inside
            self.frames += 1
            frame.f_trace = self._trace  # 3.13: before the next line, or it does nothing
            frame.f_trace_opcodes = True
            self._instructions[frame.f_code] = {one.offset: one for one in dis.get_instructions(frame.f_code)}
        elif event == "opcode":
            self._note(self._instructions[frame.f_code][frame.f_lasti])
        return self._trace

    def _note(self, instruction: dis.Instruction) -> None:
        name = instruction.opname
        if name.startswith(("CALL", "BEFORE_WITH", "LOAD_SPECIAL")):
            self.calls.append(self._loaded)
        elif name.startswith(("LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL")):
            self._loaded = str(instruction.argval)
        elif name.startswith(("STORE_", "DELETE_")) and not name.startswith(("STORE_FAST", "DELETE_FAST")):
            self.writes.append(f"{name} {instruction.argval}")


def reads_a_clock(function: object) -> bool:
    """Whether this is a function of `time`, perhaps with its argument filled in."""
    if isinstance(function, partial):
        function = function.func
    return isinstance(function, BuiltinFunctionType) and function.__module__ == "time"


def cached_read(report: Report, credentials: CognitoClientCredentials) -> None:
    """`get_token()` with a FRESH token: time, and what it does."""
    progress("get_token()")
    number = 20_000
    ours, wall, boot, theirs, floor = (
        min(timeit.repeat(function, number=number, repeat=ROUNDS)) / number * 1e6
        for function in (
            credentials.get_token,
            SystemClock.wall,
            SystemClock.boottime,
            hand_written.get_token,
            partial(CONSTANT.get, "Authorization"),
        )
    )
    seen = Steps(credentials.get_token)
    called = [getattr(credentials, name, None) for name in seen.calls]
    report.row("get_token(), cached", s2sauth=ours, hand_written=theirs, floor=floor, unit="us")
    report.row(
        "  of the two clock reads that it cannot do without", s2sauth=ours / (wall + boot), at_most=3.0, unit="x"
    )
    report.row("  Python frames", s2sauth=seen.frames, exactly=1)
    report.row("  C calls", s2sauth=len(called), exactly=2)
    report.row("  of these, that read a clock (no lock among them)", s2sauth=sum(map(reads_a_clock, called)), exactly=2)
    report.row("  writes to an attribute, an item or a global", s2sauth=len(seen.writes), exactly=0)
    report.note("C calls: " + ", ".join(f"{name} {what!r}" for name, what in zip(seen.calls, called, strict=True)))


class Memory(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers at once, from memory."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002  # as httpx calls it
        return httpx.Response(200)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002  # as httpx calls it
        return httpx.Response(200)


class ConstantAuth(httpx.Auth):
    """The least that a hook can do."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = CONSTANT["Authorization"]
        yield request


Block = Callable[[], float]
"""Makes calls, and returns the microseconds that one took."""
Times = Mapping[str, list[float]]


def calls(call: Callable[[], object], number: int = CALLS) -> Block:
    """A block of these."""

    def block() -> float:
        began = time.perf_counter()
        for _ in range(number):
            call()
        return (time.perf_counter() - began) / number * 1e6

    return block


def requests(
    runner: asyncio.Runner | None,
    headers: Callable[[], Any] | None = None,
    *,
    auth: httpx.Auth | None = None,
    of_all: dict[str, str] | None = None,
) -> Block:
    """A block of calls of an `httpx.Client` before a transport in memory, with a runner of an `httpx.AsyncClient`.

    `headers` gives those of one call, `of_all` are the client's own.
    """
    options: dict[str, Any] = {"auth": auth, "headers": of_all}
    if runner is None:
        client = httpx.Client(transport=Memory(), **options)
        return calls(lambda: client.get(URL, headers=headers and headers()))
    tasks = httpx.AsyncClient(transport=Memory(), **options)

    async def block() -> float:
        began = time.perf_counter()
        for _ in range(CALLS):
            await tasks.get(URL, headers=headers and await headers())
        return (time.perf_counter() - began) / CALLS * 1e6

    return lambda: runner.run(block())


def interleaved(blocks: Mapping[str, Block], rounds: int, number: int = BLOCKS) -> Times:
    """Microseconds of each, one figure a round: the shortest of so many blocks, which take turns."""
    times: dict[str, list[float]] = {name: [] for name in blocks}
    for _ in range(rounds):
        best = dict.fromkeys(blocks, float("inf"))
        for _ in range(number):
            for name, block in blocks.items():
                best[name] = min(best[name], block())
        for name, one in best.items():
            times[name].append(one)
    return times


def hook(report: Report, kind: str, auth: httpx.Auth, runner: asyncio.Runner | None) -> None:
    """What each way of authorisation adds to a call."""
    progress(f"the hook, {kind}")
    rounds = interleaved(
        {
            "none": requests(runner),
            "s2sauth": requests(runner, auth=auth),
            "hand-written": requests(runner, hand_written.aheaders if runner else hand_written.headers),
            "static header": requests(runner, of_all=CONSTANT),
            "constant auth": requests(runner, auth=ConstantAuth()),
        },
        SHORT_ROUNDS if report.ci else ROUNDS,
    )
    added, ratio = (
        {name: median(map(than, times, rounds["none"])) for name, times in rounds.items()} for than in (sub, truediv)
    )
    report.row(
        f"a call through the hook, {kind}: more than without auth",
        s2sauth=added["s2sauth"],
        unit="us",
        hand_written=added["hand-written"],
        floor=added["static header"],
    )
    report.row(
        "  of a call without auth",
        s2sauth=ratio["s2sauth"],
        at_most=1.25 if report.ci else 1.20,
        unit="x",
        hand_written=ratio["hand-written"],
        floor=ratio["static header"],
    )
    report.row(
        "  with an httpx.Auth that sets a constant header", s2sauth=None, floor=added["constant auth"], unit="us"
    )
    report.note(f"A call without auth, {kind}: {min(rounds['none']):.0f} us.")


def figures(report: Report) -> None:
    """The table."""
    with FakeCognito.spawn() as fake, CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
        os.environ.update(fake.environ)
        credentials.get_token()
        hand_written.get_token()
        cached_read(report, credentials)
        auth = credentials.httpx_auth(URL)
        hook(report, "sync", auth, None)
        with asyncio.Runner() as runner:
            hook(report, "async", auth, runner)
    rounds = SHORT_ROUNDS if report.ci else ROUNDS
    report.note(f"Medians of {rounds} interleaved rounds of the difference between the shortest of {BLOCKS} blocks.")


if __name__ == "__main__":
    command("Hot path: what a call costs when the token is in hand", figures)
