"""What a peer is put through, in a process of its own: each work gets the adapter, `step`, options, and gives facts."""

import asyncio
import ctypes
import gc
import logging
import os
import resource
import select
import sys
import threading
import time
import timeit
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

from .adapters import another, bare

Step = Callable[[str], None]
Facts = dict[str, Any]


def environ() -> dict[str, str]:
    """The variables of a service."""
    return dict(os.environ)


def api(path: str = "/files") -> str:
    """A URL of the protected API."""
    return os.environ["FILES_SERVICE_URL"] + path


def attempt(call: Callable[[], object]) -> tuple[bool, float, str]:
    """Whether the call was answered with 200 or a value that is no status, how long it took, and what went wrong."""
    began = time.perf_counter()
    try:
        answer = call()
    except Exception as error:  # noqa: BLE001  # any peer's
        return False, time.perf_counter() - began, type(error).__name__
    good = not isinstance(answer, int) or answer == 200
    return good, time.perf_counter() - began, "" if good else str(answer)


def summary(outcomes: list[tuple[bool, float, str]], expected: int) -> Facts:
    """How many calls failed or never came back, and the 99th percentile of the time of those that did."""
    times = [seconds for _, seconds, _ in outcomes]
    p99 = quantiles(times, n=100)[98] if len(times) > 1 else max(times, default=0.0)
    failed = [why for good, _, why in outcomes if not good]
    return {"failed": len(failed), "stuck": expected - len(outcomes), "p99": p99, "why": sorted(set(failed))[:3]}


def threads(peer: Any, number: int, limit: float = 30) -> Facts:
    """So many threads call at once."""
    outcomes: list[tuple[bool, float, str]] = []
    barrier = threading.Barrier(number)

    def run() -> None:
        barrier.wait()
        outcomes.append(attempt(lambda: peer.get(api())))

    members = [threading.Thread(target=run, daemon=True) for _ in range(number)]
    for member in members:
        member.start()
    end = time.monotonic() + limit
    for member in members:
        member.join(max(0.0, end - time.monotonic()))
    return summary(list(outcomes), number)


async def one(call: Callable[[], Awaitable[int]]) -> tuple[bool, float, str]:
    """As `attempt`, awaiting."""
    began = time.perf_counter()
    try:
        status = await call()
    except Exception as error:  # noqa: BLE001  # any peer's
        return False, time.perf_counter() - began, type(error).__name__
    return status == 200, time.perf_counter() - began, "" if status == 200 else str(status)


async def crowd(peer: Any, number: int, limit: float = 30) -> Facts:
    """So many tasks call at once."""
    tasks = [asyncio.create_task(one(lambda: peer.aget(api()))) for _ in range(number)]
    done, late = await asyncio.wait(tasks, timeout=limit)
    for task in late:
        task.cancel()
    return summary([task.result() for task in done], number)


def imports(adapter: Any, step: Step) -> Facts:
    """Nothing more than the import, which the worker has done: the other side takes the time of `-c "import …"`."""
    del step
    return {
        "package": adapter.PACKAGE,
        "due": adapter.DUE,
        "tasks": hasattr(adapter.Peer, "aget"),
        "hook": hasattr(adapter.Peer, "hook"),
    }


def first(adapter: Any, step: Step) -> int:
    """One authorised call of a fresh process."""
    del step
    return adapter.Peer(environ()).get(api())


def hot(adapter: Any, step: Step, rounds: int, way: str) -> list[float]:
    """Microseconds per header with a token in hand, one figure a round; by the peer's `header` or its `hook`."""
    del step
    _as_it_is(adapter)
    get = getattr(adapter.Peer(environ()), way)
    get()
    number = 300
    return [min(timeit.repeat(get, number=number, repeat=5)) / number * 1e6 for _ in range(rounds)]


def _as_it_is(adapter: Any) -> None:
    if hasattr(adapter, "FAST"):
        adapter.FAST = 1  # the clock that it comes with: no row of seconds


def held() -> float:
    """KiB of this process's memory, after what is free has gone back."""
    gc.collect()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc's
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1024


def clients(adapter: Any, step: Step, rounds: int, number: int) -> list[float]:
    """KiB for each further object with its token, one figure a round; the imports are done, and the first ones made."""
    del step
    _as_it_is(adapter)
    kept: list[Any] = []
    name = adapter.__name__.rpartition(".")[2]

    def grown() -> float:
        before = held()
        for _ in range(number):
            peer = adapter.Peer(environ(), f"demo/{len(kept)}")
            peer.header()
            kept.append(bare(peer, name))
        return (held() - before) / number

    return [grown() for _ in range(rounds + 1)][1:]


def scope_sets(adapter: Any, step: Step, rounds: int, number: int) -> list[float]:
    """KiB that have come since the first token, after each round of so many further scope sets."""
    del step
    _as_it_is(adapter)
    name = adapter.__name__.rpartition(".")[2]
    peer = adapter.Peer(environ(), "demo/first")
    peer.header()
    another(name, peer, environ(), "demo/second")
    before, sizes = held(), []
    kept: list[object] = []
    for n in range(rounds):
        kept += [another(name, peer, environ(), f"demo/{n * number + one}") for one in range(number)]
        sizes.append(held() - before)
    return sizes


def stampede(adapter: Any, step: Step, number: int, *, tasks: bool, warm: float = 0) -> Facts:
    """Many callers at once: cold, or `warm` seconds after a first call, when a renewal is due."""
    peer = adapter.Peer(environ())

    async def awaiting() -> Facts:
        if warm:
            await peer.aget(api())
            await asyncio.sleep(warm)
        step("ready")
        return await crowd(peer, number)

    if tasks:
        return asyncio.run(awaiting())
    if warm:
        peer.get(api())
        time.sleep(warm)
    step("ready")
    return threads(peer, number)


def load(adapter: Any, step: Step, seconds: float, callers: int, timeline: dict[str, str]) -> Facts:
    """Steady calls, 20 ms apart in each thread; `timeline` has seconds after the start and what then happens."""
    peer = adapter.Peer(environ())
    peer.get(api())
    outcomes: list[tuple[bool, float, str]] = []
    end = time.monotonic() + seconds

    def run() -> None:
        while time.monotonic() < end:
            outcomes.append(attempt(lambda: peer.get(api())))
            time.sleep(0.02)

    began = time.monotonic()
    members = [threading.Thread(target=run, daemon=True) for _ in range(callers)]
    for member in members:
        member.start()
    for after, name in timeline.items():
        time.sleep(max(0.0, began + float(after) - time.monotonic()))
        step(name)
    for member in members:
        member.join(max(0.0, end + 10 - time.monotonic()))
    facts = summary(list(outcomes), len(outcomes) + sum(member.is_alive() for member in members))
    slow = sum(taken > 0.1 for _, taken, _ in outcomes)
    return facts | {"calls": len(outcomes), "slow": slow}


def revocation(adapter: Any, step: Step) -> list[str]:
    """What the next three calls are answered after the token was revoked."""
    if hasattr(adapter, "RENEW_AT"):
        adapter.RENEW_AT = 0.75  # the default: a renewal that happens to fall into the wait would be another matter
    peer = adapter.Peer(environ())
    peer.get(api())
    step("revoke")
    return [attempt(lambda: peer.get(api()))[2] or "200" for _ in range(3)]


def always_401(adapter: Any, step: Step, calls: int) -> None:
    """Calls to an API that refuses every token."""
    peer = adapter.Peer(environ())
    step("refuse")
    for _ in range(calls):
        attempt(lambda: peer.get(api()))


def loops(adapter: Any, step: Step, number: int, *, both: bool) -> Facts:
    """The same object in a second event loop, or in two at once, with a token to get in each."""
    peer = adapter.Peer(environ())
    if not both:
        asyncio.run(crowd(peer, number))
        step("expire")
        return asyncio.run(crowd(peer, number, 8))
    found: list[Facts] = []

    def run() -> None:
        found.append(asyncio.run(crowd(peer, number, 8)))

    members = [threading.Thread(target=run, daemon=True) for _ in range(2)]
    for member in members:
        member.start()
    for member in members:
        member.join(10)
    stuck = sum(one["stuck"] for one in found) + number * (2 - len(found))
    why = sorted({name for one in found for name in one["why"]})
    return {"failed": sum(one["failed"] for one in found), "stuck": stuck, "why": why}


def fork(adapter: Any, step: Step) -> str:
    """A child forked while a thread gets a token: whether it gets one too, within 4 s."""
    peer = adapter.Peer(environ())
    threading.Thread(target=lambda: attempt(peer.header), daemon=True).start()
    step("in flight")
    reading, writing = os.pipe()
    if os.fork() == 0:
        good, _, why = attempt(peer.header)
        os.write(writing, b"ok" if good else why.encode())
        os._exit(0)
    return os.read(reading, 200).decode() if select.select([reading], [], [], 4)[0] else "hangs"


def origins(adapter: Any, step: Step, foreign: str) -> None:
    """A call to another host, then one that the API redirects there, with a token in hand."""
    peer = adapter.Peer(environ())
    peer.get(api())
    attempt(lambda: peer.get(foreign + "/files"))
    step("redirect")
    attempt(lambda: peer.get(api()))


def bad_answers(adapter: Any, step: Step, kinds: list[str], secrets: list[str]) -> Facts:
    """For each kind what came out: the header that was handed out, or the error; and what could be read where."""
    lines: list[str] = []
    handler = logging.Handler(0)
    handler.emit = lambda record: lines.append(handler.format(record))
    logging.basicConfig(level=logging.DEBUG, handlers=[handler], force=True)
    outcomes: Facts = {}
    leaks: set[str] = set()

    def look(where: str, text: str) -> None:
        leaks.update(f"{where}: {'secret' if one == secrets[0] else 'token'}" for one in secrets if one in text)

    for kind in kinds:
        step(kind)
        peer, found = adapter.Peer(environ()), "hangs"

        def run(peer: Any = peer) -> None:
            nonlocal found
            try:
                found = f"handed out {peer.header()[:60]!r}"
            except Exception as error:  # noqa: BLE001  # any peer's
                found = type(error).__name__
                look("exception", repr(error) + "".join(traceback.format_exception(error)))

        member = threading.Thread(target=run, daemon=True)
        member.start()
        member.join(9)
        if member.is_alive():
            found = "hangs"
        outcomes[kind] = found
        for thing in [peer, *(one for one in vars(peer).values() if not isinstance(one, dict))]:
            look("repr", repr(thing) + str(thing))
        if getattr(sys.modules.get("hand_written"), "forget", None):
            sys.modules["hand_written"].forget()
    look("log", "\n".join(lines))
    return {"outcomes": outcomes, "leaks": sorted(leaks)}


def fleet(adapter: Any, step: Step, processes: int, store: str) -> int:
    """So many processes that start together, and live on as a service does: how many of them were served."""
    if hasattr(adapter, "STORE"):
        adapter.STORE = store
    reading, writing = os.pipe()
    told, telling = os.pipe()
    for _ in range(processes):
        if os.fork() == 0:
            os.close(writing)
            os.read(reading, 1)
            good = attempt(lambda: adapter.Peer(environ()).get(api()))[0]
            os.write(telling, b"1" if good else b"0")
            os.read(reading, 1)  # until the parent is done
            os._exit(0)
    os.close(reading)
    step("go")
    os.write(writing, b"x" * processes)
    served = 0
    for _ in range(processes):
        served += os.read(told, 1) == b"1"
    os.close(writing)
    for _ in range(processes):
        os.wait()
    return served
