"""Races that are put into the engine on purpose: the explorer must find each of them.

A plant puts another function in the place of one of the engine's. Its steps are explored as the engine's are.

Private modules: the explorer stops at reads and writes of the engine's own state, which nothing public shows.
"""

import _thread
import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from s2sauth import _flight, _renewal, _slots, _supply, _waiting
from s2sauth._core import once


@dataclass(frozen=True)
class Plant:
    """One race, and the scenario that must show it."""

    name: str
    owner: type
    method: str
    make: Callable[[Any], object]
    """What goes in the place of the method, which it gets."""
    scenario: str


def _settle_late(_: object) -> object:
    def settle(self: Any, outcome: Any) -> bool:
        if self._outcome:
            return False
        self._waiters.wake()
        return bool(self._outcome.set((outcome,)))

    return settle


def _enlist_late(_: object) -> object:
    def wait_in_thread(self: Any, clock: Any, seconds: float) -> None:
        lock = _waiting._thread.allocate_lock()
        lock.acquire()
        if not self._outcome:
            self._locks.append(lock)
            clock.wait(lock, seconds)

    return wait_in_thread


def _enlist_task_late(_: object) -> object:
    async def wait_in_asyncio(self: Any, loop: Any, seconds: float) -> None:
        if self._outcome:
            return
        room = self._rooms.setdefault(loop, _waiting._AsyncioRoom(loop))
        future = loop.create_future()
        room.futures.append(future)
        await asyncio.wait([future], timeout=seconds)

    return wait_in_asyncio


def _wake_nobody(_: object) -> object:
    def wake(self: Any) -> None:
        self._loop.call_soon(self._finish_all)

    return wake


def _settle_early(conclude: Any) -> object:
    def settle_first(self: Any, outcome: Any, began: Any) -> None:
        self._flight.settle(outcome)
        conclude(self, outcome, began)

    return settle_first


def _look_too_early(latest: Any) -> object:
    """`newest` gives what was cached before `latest` was read, to a thread that has read that."""
    before: dict[tuple[int, object], Any] = {}
    newest: Any = vars(_slots.Slot)["newest"]

    def read_latest(self: Any) -> Any:
        before[_thread.get_ident(), self] = newest.fget(self)
        return latest.fget(self)

    def read_newest(self: Any) -> Any:
        me = _thread.get_ident(), self
        return before.pop(me) if me in before else newest.fget(self)

    return property(read_latest), property(read_newest)


def _look_then_follow(_: object) -> object:
    def start(self: Any, last: Any, candidate: Any) -> Any:
        if not last.next:
            last.next.update({None: candidate})
        self._slot.flight = flight = last.next.get(None)
        self._begin(flight, candidate.limit[0])
        return flight

    return start


def _look_then_set(_: object) -> object:
    def set_it(self: Any, value: Any) -> bool:
        if self.get(None) is not None:
            return False
        self.update({None: value})
        return True

    return set_it


def _begun_early(launch: Any) -> object:
    def begun_first(self: Any, work: Any) -> Any:
        self.begun = True
        return launch(self, work)

    return begun_first


def _keep_without_looking_again(_: object) -> object:
    def keep(self: Any, entry: Any) -> None:
        while (last := self._last()).number <= entry.number and not last.follow_with(entry):
            pass
        self.entry = last if last.number > entry.number else entry

    return keep


def _keep_without_a_chain(_: object) -> object:
    def keep(self: Any, entry: Any) -> None:
        if self.entry.number <= entry.number:
            self.entry = entry

    return keep


def _no_lock(_: object) -> object:
    def own_lock(self: Any) -> Any:
        return nullcontext()

    return own_lock


PLANTS = (
    Plant("the outcome is published after the waiters were woken", _flight.Flight, "settle", _settle_late, "cold"),
    Plant("a thread enlists after it has looked", _waiting.Waiters, "wait_in_thread", _enlist_late, "cold"),
    Plant("a task enlists after it has looked", _waiting.Waiters, "_wait_in_asyncio", _enlist_task_late, "cold-tasks"),
    Plant("the loop is told, but not woken", _waiting._AsyncioRoom, "wake", _wake_nobody, "cold-mixed"),
    Plant("a flight is settled before its token is kept", _renewal.Renewal, "_conclude", _settle_early, "cold"),
    Plant("a caller reads the entry before the latest flight", _slots.Slot, "latest", _look_too_early, "cold"),
    Plant("two callers may both find that nobody flies next", _supply.Call, "_start", _look_then_follow, "cold"),
    Plant("two threads may both claim one flight", once.Once, "set", _look_then_set, "cold"),
    Plant("a flight counts as begun before it has a thread", _flight.Flight, "launch", _begun_early, "interrupted"),
    Plant("an entry is kept without looking again", _slots.Slot, "keep", _keep_without_looking_again, "late-beside"),
    Plant("an entry replaces another without a chain", _slots.Slot, "keep", _keep_without_a_chain, "late-beside"),
    Plant("the map of slots is used without its lock", _slots.SlotMap, "_own_lock", _no_lock, "eviction"),
)


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """The engine has this race while the block runs."""
    made = plant.make(vars(plant.owner)[plant.method])
    with pytest.MonkeyPatch.context() as patch:
        if isinstance(made, tuple):
            made, newest = made
            patch.setattr(plant.owner, "newest", newest)
        patch.setattr(plant.owner, plant.method, made)
        yield
