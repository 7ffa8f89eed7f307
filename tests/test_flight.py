"""How threads, asyncio and trio wait for one flight: rules that no credentials object is needed for.

A flight is private: callers see what came of it.
"""

import _thread
import asyncio
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
import trio
import trio.testing

from s2sauth import ConfigurationError, TokenUnavailable
from s2sauth._clock import SystemClock
from s2sauth._core.entry import Instant
from s2sauth._core.errors import Cause, Failure
from s2sauth._flight import Flight
from s2sauth._process import next_generation
from s2sauth._sender import Sender
from tests.support.entries import START, after, entry, failure
from tests.support.worlds import PATIENCE, run_asyncio

CLOCK = SystemClock()


def flight(number: int = 1) -> Flight:
    """One that may last 8 s from START."""
    return Flight(number, limit=(START, 8.0))


def test_the_first_successor_is_everybodys() -> None:
    """Who flies next is decided once."""
    latest, one, other = flight(), flight(2), flight(2)
    assert latest.next.settle(one) is one
    assert latest.next.settle(other) is one


def test_many_threads_agree_on_the_successor() -> None:
    """One step of the interpreter."""
    for _ in range(50):
        latest, barrier, found = flight(), threading.Barrier(8), list[Flight]()

        def decide(latest: Flight = latest, barrier: threading.Barrier = barrier, found: list[Flight] = found) -> None:
            barrier.wait()
            found.append(latest.next.settle(flight(2)))

        threads = [threading.Thread(target=decide) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(each) for each in found}) == 1


def test_outcome_is_settled_once() -> None:
    """The second has no effect, and is told so."""
    one, first, second = flight(), failure(), entry()
    assert one.flying
    assert one.outcome is None
    assert one.settle(first)
    assert not one.settle(second)
    assert one.outcome is first
    assert not one.flying


def test_flight_of_another_generation_does_not_fly() -> None:
    """Its thread stayed in the parent."""
    one = flight()
    next_generation()
    assert not one.flying
    assert one.outcome is None


def test_time_left_counts_by_the_larger_clock() -> None:
    """Seconds until the deadline."""
    assert flight().left(after(3)) == 5
    assert flight().left(Instant(START.wall + 10, START.boot)) == -2


def test_waiting_thread_is_woken_by_the_outcome() -> None:
    """And by nothing before it."""
    one, woken = flight(), threading.Event()

    def wait() -> None:
        one.wait_in_thread(CLOCK, PATIENCE)
        woken.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not woken.wait(0.02)
    one.settle(failure())
    assert woken.wait(PATIENCE)
    waiting.join()


def test_wait_for_a_settled_flight_ends_at_once() -> None:
    """In each world."""
    one = flight()
    one.settle(failure())
    began = time.monotonic()
    one.wait_in_thread(CLOCK, PATIENCE)
    asyncio.run(one.wait_in_task(PATIENCE))
    trio.run(one.wait_in_task, PATIENCE)
    assert time.monotonic() - began < PATIENCE / 2


def test_wait_ends_by_time() -> None:
    """In each world; the flight goes on."""
    one = flight()
    one.wait_in_thread(CLOCK, 0.01)
    asyncio.run(one.wait_in_task(0.01))
    trio.run(one.wait_in_task, 0.01)
    assert one.flying


def test_loop_is_woken_once_for_all_its_tasks() -> None:
    """Not once per waiter."""
    one = flight()
    calls = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe

        def counting(*arguments: object) -> object:
            calls.append(arguments)
            return wake(*arguments)  # type: ignore[arg-type]  # passed on

        loop.call_soon_threadsafe = counting  # type: ignore[assignment, method-assign]  # counts
        tasks = [asyncio.ensure_future(one.wait_in_task(PATIENCE)) for _ in range(1000)]
        await asyncio.sleep(0)
        settling = threading.Thread(target=lambda: one.settle(failure()))
        settling.start()
        await asyncio.gather(*tasks)
        settling.join()

    run_asyncio(main)
    assert len(calls) == 1


def test_closed_loop_with_waiters_is_nobodys_trouble() -> None:
    """Its wake-up fails; all others are woken."""
    one = flight()
    loop = asyncio.new_event_loop()
    task = loop.create_task(one.wait_in_task(PATIENCE))
    loop.run_until_complete(asyncio.sleep(0))
    waiting = threading.Thread(target=one.wait_in_thread, args=(CLOCK, PATIENCE))
    waiting.start()
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    one.settle(failure())
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


def test_ended_trio_run_with_waiters_is_nobodys_trouble() -> None:
    """The same with trio."""
    one = flight()

    async def main() -> None:
        with trio.move_on_after(0.01):
            await one.wait_in_task(PATIENCE)

    trio.run(main)
    waiting = threading.Thread(target=one.wait_in_thread, args=(CLOCK, PATIENCE))
    waiting.start()
    one.settle(failure())
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


def test_task_needs_asyncio_or_trio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are looked up, never imported for their own sake; without them the error says what to call."""
    monkeypatch.delitem(sys.modules, "trio")
    monkeypatch.delitem(sys.modules, "asyncio")
    waiting = flight().wait_in_task(1)
    with pytest.raises(ConfigurationError, match=r"get_token\(\) elsewhere"):
        waiting.send(None)


def test_task_outside_of_any_loop_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio is there, but no loop runs."""
    waiting = flight().wait_in_task(1)
    with pytest.raises(ConfigurationError, match="asyncio or trio"):
        waiting.send(None)


def test_asyncio_task_is_known_without_trio(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that never imported trio."""
    monkeypatch.delitem(sys.modules, "trio")
    one = flight()
    one.settle(failure())
    asyncio.run(one.wait_in_task(1))


def test_work_runs_on_a_thread_of_its_own() -> None:
    """And its outcome is published."""
    one, seen = flight(), list[int]()

    def work(flight: Flight) -> Failure:
        seen.append(_thread.get_ident())
        return failure()

    one.launch(work)
    one.wait_in_thread(CLOCK, PATIENCE)
    assert one.begun
    assert isinstance(one.outcome, Failure)
    assert seen != [_thread.get_ident()]


def test_work_is_done_once_by_whoever_claims_it() -> None:
    """Two launches, one doing."""
    one, done = flight(), list[int]()
    gate = threading.Event()

    def work(flight: Flight) -> Failure:
        done.append(1)
        gate.wait(PATIENCE)
        return failure()

    one.launch(work)
    one.launch(work)
    gate.set()
    one.wait_in_thread(CLOCK, PATIENCE)
    assert done == [1]


def test_work_that_dies_is_a_failure() -> None:
    """Named, and worth another try."""
    one = flight()

    def work(flight: Flight) -> Failure:
        raise SystemExit

    one.launch(work)
    one.wait_in_thread(CLOCK, PATIENCE)
    assert isinstance(one.outcome, Failure)
    assert one.outcome.cause is Cause.UNREACHABLE
    assert isinstance(one.outcome.exception(), TokenUnavailable)
    assert "SystemExit" in str(one.outcome.exception())


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_work_that_dies_in_the_callers_thread(monkeypatch: pytest.MonkeyPatch, error: type[BaseException]) -> None:
    """No thread can start: an Exception is the flight's, anything more the caller's too."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    def work(flight: Flight) -> Failure:
        raise error

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    one = flight()
    if issubclass(error, Exception):
        one.launch(work)
    else:
        with pytest.raises(error):
            one.launch(work)
    assert isinstance(one.outcome, Failure)


def inside(wait: Callable[[Flight], object]) -> BaseException | None:
    """What a wait inside the flight's own work raises."""
    one, raised = flight(), list[BaseException]()

    def work(flight: Flight) -> Failure:
        try:
            wait(flight)
        except BaseException as error:
            raised.append(error)
        return failure()

    one.launch(work)
    one.wait_in_thread(CLOCK, PATIENCE)
    return raised[0] if raised else None


def test_flight_cannot_wait_for_itself() -> None:
    """In any world."""
    waits: list[Callable[[Flight], object]] = [
        lambda flight: flight.wait_in_thread(CLOCK, PATIENCE),
        lambda flight: asyncio.run(flight.wait_in_task(PATIENCE)),
        lambda flight: trio.run(flight.wait_in_task, PATIENCE),
    ]
    for wait in waits:
        assert isinstance(inside(wait), ConfigurationError)


def test_interrupt_ends_a_pause_and_closes_the_connection() -> None:
    """Twice is once: two callers may see the deadline pass."""
    one, closed = flight(), list[int]()
    one.sender = cast("Sender", SimpleNamespace(abort=lambda: closed.append(1)))
    one.interrupt()
    one.interrupt()
    assert not one.pause.locked()
    assert closed == [1, 1]
    one.sender = None
    one.interrupt()


@pytest.mark.fault(166)
def test_trio_task_waits_by_trio_though_asyncio_runs_its_loop() -> None:
    """trio's guest mode: a loop of asyncio is running, and no task of it."""
    one, ended = flight(), list[bool]()

    async def guest() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.wait_in_task, PATIENCE)
            await trio.testing.wait_all_tasks_blocked()
            one.settle(failure())
        ended.append(True)

    async def host() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        trio.lowlevel.start_guest_run(
            guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=lambda _: done.set()
        )
        await asyncio.wait_for(done.wait(), PATIENCE)

    asyncio.run(host())
    assert ended == [True]


def test_two_that_settle_with_the_same_outcome_are_told_apart() -> None:
    """close() and a flight that begins beside it: the second wakes nobody."""
    one, outcome = flight(), failure()
    assert one.settle(outcome)
    assert not one.settle(outcome)
