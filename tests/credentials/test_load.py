"""Load: a fleet that comes back, what a cached read costs, a Lambda function."""

import dis
import os
import random
import sys
import threading
import types
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import s2sauth
from s2sauth import CognitoClientCredentials, TokenUnavailable
from s2sauth.testing import FakeCognito
from tests.support.clocks import FileClock
from tests.support.fleet import Answer, Process, busiest_second, callers_fly, issue
from tests.support.scripts import Running
from tests.support.settled import settled

Make = Callable[..., CognitoClientCredentials]

PACKAGE = str(Path(s2sauth.__file__).parent)
PROCESSES = 500
QUOTA = 150
"""Token requests a second, per account and region, which Cognito answers (its service quotas, ClientAuthentication)."""
OUTAGE = 600.0
TICK = 0.001


def live(process: Process) -> int:
    """Ask whenever a token request may come of it, up to a token of after the outage; how often that failed."""
    failed = 0
    while process.got_its_token_at < OUTAGE:
        try:
            process.get()
        except TokenUnavailable as error:
            failed += 1
            process.clock.at += (error.retry_after or 0.0) + TICK
        else:
            process.clock.at += process.due + TICK
    return failed


@pytest.mark.fault(157)
@pytest.mark.parametrize("age", [None, 2700, 3400], ids=["no token", "all STALE meanwhile", "EXPIRED meanwhile"])
def test_fleet_comes_back(age: float | None) -> None:
    """500 processes that ask the moment that they may, and were all in the same state when ten minutes of outage began.

    After it they ask within the quota, none later than its longest pause, and where the tokens lived nobody noticed.
    A second or two, for 40,000 token requests.
    """
    requests: list[float] = []
    chance = random.Random(157)

    def endpoint(at: float) -> Answer | None:
        return None if 0.0 <= at < OUTAGE else issue()

    fleet = [Process(endpoint, requests, chance) for _ in range(PROCESSES)]
    with callers_fly():
        for process in fleet:
            if age is not None:
                process.clock.at = -age
                process.get()
            process.clock.at = 0.0
        failed = sum(live(process) for process in fleet)
    after = [at for at in requests if at >= OUTAGE]
    assert len(after) == PROCESSES
    assert busiest_second(after) <= QUOTA
    assert max(after) <= OUTAGE + 60.0
    assert (failed == 0) is (age == 2700)


WRITES = {"STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "DELETE_ATTR", "DELETE_SUBSCR", "DELETE_GLOBAL"}
LOCKS = {"BEFORE_WITH", "SETUP_WITH", "BEFORE_ASYNC_WITH", "IMPORT_NAME"}


def awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it returns without ever waiting."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waited")


READS: dict[str, Callable[[CognitoClientCredentials], Any]] = {
    "threads": lambda credentials: credentials.get_token(),
    "tasks": lambda credentials: awaited(credentials.aget_token()),
}


@pytest.mark.fault(158)
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_cached_read(make: Make, read: Callable[[CognitoClientCredentials], Any]) -> None:
    """One function of ours runs; it takes no lock, writes and imports nothing, and calls nothing but the two clocks."""
    credentials = make(clock=None)
    token = credentials.get_token()
    settled(credentials)
    entered: list[types.CodeType] = []
    called: list[str] = []

    def note(frame: types.FrameType, event: str, function: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            entered.append(frame.f_code)
        elif event == "c_call" and entered and frame.f_code.co_filename.startswith(PACKAGE):
            called.append(function.__name__)

    sys.setprofile(note)
    try:
        got = read(credentials)
    finally:
        sys.setprofile(None)
    assert got is token
    assert len(entered) == 1, entered
    (code,) = entered
    assert code.co_name in ("get_token", "aget_token")
    assert set(called) <= {"time", "clock_gettime"}
    operations = list(dis.get_instructions(code))
    assert not {operation.opname for operation in operations} & (WRITES | LOCKS)


@pytest.mark.fault(158)
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_cached_read_allocates_nothing_that_stays(make: Make, read: Callable[[CognitoClientCredentials], Any]) -> None:
    """After ten thousand reads the process holds what it held before."""
    credentials = make(clock=None)
    credentials.get_token()
    settled(credentials)
    blocks = []
    for _ in range(3):
        for _ in range(10_000):
            read(credentials)
        blocks.append(sys.getallocatedblocks())
    assert min(blocks[1] - blocks[0], blocks[2] - blocks[1]) < 100


@pytest.mark.fault(158)
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_cached_read_beside_every_lock(
    credentials: CognitoClientCredentials, read: Callable[[CognitoClientCredentials], Any]
) -> None:
    """Somebody holds the one lock that there is: readers do not notice."""
    token = credentials.get_token()
    got: list[Any] = []
    with credentials._engine.slots._lock:
        reader = threading.Thread(target=lambda: got.append(read(credentials)))
        reader.start()
        reader.join(10)
    assert got == [token]


FUNCTION = """
    import json, os, sys, time
    import httpx
    from s2sauth import CognitoClientCredentials
    from tests.support.clocks import FileClock

    FILES = os.environ["FILES_SERVICE_URL"]
    clock = FileClock(os.environ["TIME"]) if "TIME" in os.environ else None
    credentials = CognitoClientCredentials.from_env(clock=clock)
    files = httpx.Client(base_url=FILES, auth=credentials.httpx_auth(FILES))

    def handler():
        return files.get("/files").status_code

    def threads():
        # The last steps of a flight's thread come after its outcome.
        until = time.monotonic() + 5
        while len(sys._current_frames()) > 1 and time.monotonic() < until:
            time.sleep(0.001)  # of its end nobody is told
        return len(sys._current_frames())

    print(threads(), flush=True)
    for event in sys.stdin:
        print(handler(), threads(), flush=True)
"""


@pytest.mark.fault(159)
def test_lambda_function(fake: FakeCognito) -> None:
    """Frozen by SIGSTOP after its start and between three invocations: one token request, and no thread to freeze."""
    environ = {**os.environ, **fake.environ, "AWS_LAMBDA_FUNCTION_NAME": "caller"}
    with Running(FUNCTION, environ) as function:
        assert function.hear() == "1"
        for _ in range(3):
            function.freeze()
            function.thaw()
            function.tell("{}")
            assert function.hear() == "200 1"
    counts = fake.counts()
    assert (counts["token_requests"], counts["api_requests"], counts["api_401"]) == (1, 3, 0)


@pytest.mark.fault(159)
def test_lambda_function_frozen_past_the_end_of_the_life(tmp_path: Path) -> None:
    """Frozen for longer than its token is valid: the next invocation fetches one and sends no dead one."""
    clock = FileClock(tmp_path / "time")
    with FakeCognito(clock=clock) as short:
        environ = {**os.environ, **short.environ, "AWS_LAMBDA_FUNCTION_NAME": "caller", "TIME": str(tmp_path / "time")}
        with Running(FUNCTION, environ) as function:
            function.hear()
            for _ in range(2):
                function.tell("{}")
                assert function.hear() == "200 1"
                function.freeze()
                clock.advance(3601)
                function.thaw()
        counts = short.counts()
        assert (counts["token_requests"], counts["api_requests"], counts["api_dead"]) == (2, 2, 0)
