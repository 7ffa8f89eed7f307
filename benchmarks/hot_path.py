"""What a call costs when the token is in hand: `get_token()` itself, and the hook before an in-memory transport."""

import asyncio
import dis
import inspect
import os
import sys
import time
import timeit
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from operator import sub, truediv
from statistics import median
from types import BuiltinFunctionType, FrameType
from typing import Any

import hand_written
import httpx
from _support import Report, command, progress

from s2sauth import CognitoClientCredentials
from s2sauth._process import SystemClock
from s2sauth.testing import FakeCognito

URL = "https://files.example.com/files"
ROUNDS = 25
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


def sync_calls(auth: httpx.Auth) -> dict[str, Callable[[int], float]]:
    """By name: makes so many blocking calls, and returns the seconds that they took."""

    def calls(client: httpx.Client, headers: Callable[[], dict[str, str] | None]) -> Callable[[int], float]:
        def run(number: int) -> float:
            began = time.perf_counter()
            for _ in range(number):
                client.get(URL, headers=headers())
            return time.perf_counter() - began

        return run

    transport = Memory()
    plain = httpx.Client(transport=transport)
    return {
        "none": calls(plain, lambda: None),
        "s2sauth": calls(httpx.Client(transport=transport, auth=auth), lambda: None),
        "hand-written": calls(plain, hand_written.headers),
        "static header": calls(httpx.Client(transport=transport, headers=CONSTANT), lambda: None),
        "constant auth": calls(httpx.Client(transport=transport, auth=ConstantAuth()), lambda: None),
    }


def async_calls(auth: httpx.Auth, runner: asyncio.Runner) -> dict[str, Callable[[int], float]]:
    """The same, awaiting."""

    def calls(
        client: httpx.AsyncClient, headers: Callable[[], Awaitable[dict[str, str] | None]]
    ) -> Callable[[int], float]:
        async def main(number: int) -> float:
            began = time.perf_counter()
            for _ in range(number):
                await client.get(URL, headers=await headers())
            return time.perf_counter() - began

        return lambda number: runner.run(main(number))

    async def nothing() -> None: ...

    transport = Memory()
    plain = httpx.AsyncClient(transport=transport)
    return {
        "none": calls(plain, nothing),
        "s2sauth": calls(httpx.AsyncClient(transport=transport, auth=auth), nothing),
        "hand-written": calls(plain, hand_written.aheaders),
        "static header": calls(httpx.AsyncClient(transport=transport, headers=CONSTANT), nothing),
        "constant auth": calls(httpx.AsyncClient(transport=transport, auth=ConstantAuth()), nothing),
    }


def hook(report: Report, kind: str, variants: dict[str, Callable[[int], float]]) -> None:
    """What each variant adds to a call: interleaved, from minima, and so that no single lucky block decides."""
    progress(f"the hook, {kind}")
    rounds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        best = dict.fromkeys(variants, float("inf"))
        for _ in range(BLOCKS):
            for name, run in variants.items():
                best[name] = min(best[name], run(CALLS) / CALLS * 1e6)
        for name, one in best.items():
            rounds[name].append(one)
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
        hook(report, "sync", sync_calls(auth))
        with asyncio.Runner() as runner:
            hook(report, "async", async_calls(auth, runner))
    report.note(f"Medians of {ROUNDS} interleaved rounds of the difference between the shortest of {BLOCKS} blocks.")


if __name__ == "__main__":
    command("Hot path: what a call costs when the token is in hand", figures)
