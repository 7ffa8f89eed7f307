"""Exact counts that no busy machine changes: what a change made dearer fails here, by the number that grew.

The tokens of a small crowd, what `get_token()` and the hook do with a token in hand, and the modules.
"""

import dis
import gc
import inspect
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FrameType
from typing import Any

import httpx
from _support import Report, command, progress
from stampede import Crowd, settle

import s2sauth
from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock

CALLERS = 40
OURS = str(Path(s2sauth.__file__).parent)


class Traced:
    """What one call does, instruction by instruction."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.frames = 0
        """Of Python, that were entered."""
        self.instructions = 0
        """Of s2sauth."""
        self.locks = 0
        """How often anybody's code takes a lock, or enters a `with`."""
        self.calls: list[str] = []
        """The names by which things that are not Python were called."""
        self.writes: list[str] = []
        """Of attributes, items and globals; a local variable is nobody else's."""
        self._code: dict[Any, dict[int, dis.Instruction]] = {}
        self._loaded = ""
        here = inspect.currentframe()
        assert here is not None
        here.f_trace_opcodes = True  # 3.12: settrace() looks at this frame for whether instructions are wanted
        sys.settrace(self._trace)
        try:
            call()
        finally:
            sys.settrace(None)
        sys.setprofile(self._profile)
        try:
            call()
        finally:
            sys.setprofile(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        frame.f_trace = self._trace  # 3.13: before the next line, or it does nothing
        frame.f_trace_opcodes = True
        if event == "call":
            if self.frames and self.calls:
                self.calls.pop()  # what was called is Python, and seen from inside
            self.frames += 1
            self._code[frame.f_code] = {one.offset: one for one in dis.get_instructions(frame.f_code)}
        elif event == "opcode":
            self.instructions += frame.f_code.co_filename.startswith(OURS)
            self._note(self._code[frame.f_code][frame.f_lasti])
        return self._trace

    def _note(self, instruction: dis.Instruction) -> None:
        name = instruction.opname
        if name.startswith(("CALL", "BEFORE_WITH", "LOAD_SPECIAL")):
            self.calls.append(self._loaded)
            self.locks += not name.startswith("CALL")  # `with lock:` is no call that a profile sees
        elif name.startswith(("LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL")):
            self._loaded = str(instruction.argval)
        elif name.startswith(("STORE_", "DELETE_")) and not name.startswith(("STORE_FAST", "DELETE_FAST")):
            self.writes.append(f"{name} {instruction.argval}")

    def _profile(self, _: FrameType, event: str, called: Any) -> None:
        self.locks += event == "c_call" and getattr(called, "__name__", "") in {"acquire", "__enter__"}


def reads_a_clock(function: object) -> bool:
    """Whether this is a function of `time`, perhaps with its argument filled in."""
    if isinstance(function, partial):
        function = function.func
    return isinstance(function, BuiltinFunctionType) and function.__module__ == "time"


def get_token(report: Report, credentials: CognitoClientCredentials) -> None:
    """What `get_token()` calls and writes with a token in hand."""
    seen = Traced(credentials.get_token)
    called = [getattr(credentials, name, None) for name in seen.calls]
    report.row("get_token(), cached: Python frames", seen.frames, exactly=1)
    report.row("  C calls", len(called), exactly=2)
    report.row("  of these, that read a clock (no lock among them)", sum(map(reads_a_clock, called)), exactly=2)
    report.row("  writes to an attribute, an item or a global", len(seen.writes), exactly=0)
    report.note("C calls: " + ", ".join(f"{name} {what!r}" for name, what in zip(seen.calls, called, strict=True)))


def blocks(call: Callable[[], object]) -> tuple[float, int]:
    """Blocks of memory of a thousand calls: for each while somebody has its result, and of all when nobody has any."""
    number = 1000
    for _ in range(100):
        call()
    results: list[object] = [None] * number
    gc.collect()
    gc.disable()
    before = sys.getallocatedblocks()
    for n in range(number):
        results[n] = call()
    lives = (sys.getallocatedblocks() - before) / number
    gc.enable()
    results[:] = [None] * number
    gc.collect()
    return lives, sys.getallocatedblocks() - before


def crowd(fake: FakeCognito, auth: httpx.Auth) -> tuple[int, int]:
    """Token requests and failed calls of threads that start together."""

    def call() -> None:
        with httpx.Client(auth=auth, timeout=30) as client:
            client.get(fake.api_url + "/files").raise_for_status()

    fake.clear_records()
    failed = Crowd.of_threads(CALLERS).call(call).failed
    return fake.counts()["token_requests"], len(failed)


def modules(code: str) -> tuple[int, int]:
    """How many modules of ours, and how many of other packages, this code brings into a fresh interpreter."""
    code = f"""
import sys
before = set(sys.modules)
{code}
names = [name.partition('.')[0] for name in set(sys.modules) - before]
print(names.count('s2sauth'), sum(name not in sys.stdlib_module_names | {{'s2sauth'}} for name in names))
"""
    ours, others = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    return int(ours), int(others)


def figures(report: Report) -> None:
    """The table."""
    clock = ManualClock()
    with (
        FakeCognito.spawn(latency=0.2) as fake,
        CognitoClientCredentials.from_env(environ=fake.environ, clock=clock) as credentials,
    ):
        auth: Any = credentials.httpx_auth(fake.api_url)
        for what, seconds in (("cold", 0), ("on a cached token", 0), ("when a renewal is due", 3000)):
            progress(f"a small crowd, {what}")
            clock.advance(seconds)
            requests, failed = crowd(fake, auth)
            if seconds:
                fake.wait_for_token_requests()
                requests = fake.counts()["token_requests"]
            expected = 0 if what == "on a cached token" else 1
            report.row(f"{CALLERS} threads, {what}: token requests", requests, exactly=expected)
            report.row("  failed calls", failed, exactly=0)
        settle(credentials)
    with FakeCognito.spawn() as fake, CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
        progress("what one call does")
        auth = credentials.httpx_auth(fake.api_url)
        credentials.get_token()
        get_token(report, credentials)
        request = httpx.Request("GET", fake.api_url + "/files")
        sent = partial(_sent, auth, request)
        for what, call, expected in (
            ("get_token(), cached", credentials.get_token, GET_TOKEN),
            ("the hook, cached", sent, HOOK),
        ):
            seen = Traced(call)
            count(report, f"{what}: instructions of s2sauth", seen.instructions, expected["instructions"])
            report.row("  locks taken, or a `with` entered", seen.locks, exactly=0)
            lives, kept = blocks(call)
            count(report, "  blocks of memory while its result lives", round(lives), expected["blocks"])
            report.row("  blocks of memory kept after 1,000 calls", kept, at_most=5)
    for what, code, most in (
        ("`import s2sauth`", "import s2sauth", IMPORTED),
        ("`import s2sauth` and the first hook", HOOKED_CODE, HOOKED),
    ):
        ours, others = modules(code)
        report.row(f"modules of s2sauth: {what}", ours, exactly=most)
        if code == "import s2sauth":
            report.row("  modules of other packages", others, exactly=0)


def _sent(auth: Any, request: httpx.Request) -> object:
    return next(auth.sync_auth_flow(request))


def count(report: Report, what: str, found: int, expected: int) -> None:
    """Exact on the CPython on which it was counted; others count a little differently."""
    if sys.version_info[:2] == COUNTED_ON:
        report.row(what, found, exactly=expected)
    else:
        report.row(what, found, at_most=expected * 1.5)


COUNTED_ON = (3, 11)
GET_TOKEN = {"instructions": 27, "blocks": 0}
HOOK = {"instructions": 159, "blocks": 12}
IMPORTED = 49
HOOKED = 64
HOOKED_CODE = """
import s2sauth
s2sauth.CognitoClientCredentials(
    domain='https://localhost:1', client_id='client', client_secret='secret'
).httpx_auth('https://api.example.com')
"""

if __name__ == "__main__":
    command("Guard: counts that only a change of the code changes", figures)
