"""Exact counts that no busy machine changes: what a change made dearer fails here, by the number that grew.

What `get_token()` calls and writes with a token in hand is counted by hot_path.py; here are the instructions, the
memory, the locks, the tokens of a small crowd, and the modules.
"""

import dis
import gc
import inspect
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import httpx
from _support import Report, command, progress

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito

CALLERS = 40


def traced(call: Callable[[], object]) -> tuple[int, int]:
    """How many instructions of Python one call runs, and how often it takes a lock or enters a `with`."""
    instructions = locks = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal instructions, locks
        frame.f_trace = trace
        frame.f_trace_opcodes = True
        if event == "opcode":
            instructions += 1
            # `with lock:` is no call that a profile sees.
            locks += dis.opname[frame.f_code.co_code[frame.f_lasti]] in {"BEFORE_WITH", "LOAD_SPECIAL"}
        return trace

    def profile(_: FrameType, event: str, called: Any) -> None:
        nonlocal locks
        locks += event == "c_call" and getattr(called, "__name__", "") in {"acquire", "__enter__"}

    here = inspect.currentframe()
    assert here is not None
    here.f_trace_opcodes = True  # 3.12: settrace() looks at this frame for whether instructions are wanted
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(None)
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return instructions, locks


def kept(call: Callable[[], object]) -> int:
    """How many blocks of memory a thousand calls leave behind."""
    for _ in range(100):
        call()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(1000):
        call()
    gc.collect()
    return sys.getallocatedblocks() - before


def crowd(fake: FakeCognito, auth: httpx.Auth) -> tuple[int, int]:
    """Token requests and failed calls of threads that start together without a token."""
    barrier, failed = threading.Barrier(CALLERS), []
    fake.clear_records()

    def run() -> None:
        barrier.wait()
        try:
            with httpx.Client(auth=auth, timeout=30) as client:
                client.get(fake.api_url + "/files").raise_for_status()
        except Exception as error:  # noqa: BLE001  # counted
            failed.append(error)

    members = [threading.Thread(target=run) for _ in range(CALLERS)]
    for member in members:
        member.start()
    for member in members:
        member.join()
    return fake.counts()["token_requests"], len(failed)


def modules() -> list[str]:
    """The modules of ours that `import s2sauth` brings into a fresh interpreter."""
    code = "import sys, s2sauth; print(*(name for name in sys.modules if name.partition('.')[0] == 's2sauth'))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def figures(report: Report) -> None:
    """The table."""
    with FakeCognito.spawn(latency=0.2) as fake, CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
        auth: Any = credentials.httpx_auth(fake.api_url)
        progress("a small crowd")
        requests, failed = crowd(fake, auth)
        report.row(f"token requests of {CALLERS} threads, cold", s2sauth=requests, exactly=1)
        report.row("  failed calls", s2sauth=failed, exactly=0)
        progress("instructions")
        request = httpx.Request("GET", fake.api_url + "/files")
        for what, call, limit in (
            ("get_token(), cached", credentials.get_token, GET_TOKEN),
            ("the hook, cached", lambda: next(auth.sync_auth_flow(request)), HOOK),
        ):
            instructions, locks = traced(call)
            report.row(f"{what}: instructions", s2sauth=instructions, at_most=limit)
            report.row("  locks taken, or a `with` entered", s2sauth=locks, exactly=0)
            report.row("  blocks of memory kept after 1,000 calls", s2sauth=kept(call), at_most=5)
    report.row("modules of s2sauth that `import s2sauth` loads", s2sauth=len(modules()), at_most=MODULES)


GET_TOKEN = 45
"""Instructions; 29 and 291 on CPython 3.11, and other versions count a little differently."""
HOOK = 450
MODULES = 40

if __name__ == "__main__":
    command("Guard: counts that only a change of the code changes", figures)
