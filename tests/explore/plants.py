"""Races that are put into the engine on purpose: the explorer must find each of them.

A plant replaces the code of one function by what the changed source gives. Its text must occur in the source exactly
once, so a plant that no longer fits the engine is noticed.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType

from s2sauth import _flight, _renewal, _slots, _supply, _waiting


@dataclass(frozen=True)
class Plant:
    """One race, and the scenario that must show it."""

    name: str
    module: ModuleType
    function: str
    old: str
    new: str
    scenario: str


PLANTS = (
    Plant(
        "the outcome is published after the waiters were woken",
        _flight,
        "Flight.settle",
        """
        if self._outcome.setdefault(None, mine) is not mine:
            return False
        self._waiters.wake()
""",
        """
        if self._outcome:
            return False
        self._waiters.wake()
        self._outcome.setdefault(None, mine)
""",
        "cold",
    ),
    Plant(
        "a thread enlists after it has looked",
        _waiting,
        "Waiters.wait_in_thread",
        """
        self._locks.append(lock)
        if not self._outcome:
            clock.wait(lock, seconds)
""",
        """
        if not self._outcome:
            self._locks.append(lock)
            clock.wait(lock, seconds)
""",
        "cold",
    ),
    Plant(
        "a task enlists after it has looked",
        _waiting,
        "Waiters._wait_in_asyncio",
        """
        room = self._rooms.setdefault(loop, _AsyncioRoom(loop))
        assert isinstance(room, _AsyncioRoom)  # a loop is never a trio token
        future = loop.create_future()
        room.futures.append(future)
        if self._outcome:
            return
""",
        """
        if self._outcome:
            return
        room = self._rooms.setdefault(loop, _AsyncioRoom(loop))
        assert isinstance(room, _AsyncioRoom)
        future = loop.create_future()
        room.futures.append(future)
""",
        "cold-tasks",
    ),
    Plant(
        "the loop is told, but not woken",
        _waiting,
        "_AsyncioRoom.wake",
        "self._loop.call_soon_threadsafe(",
        "self._loop.call_soon(",
        "cold-mixed",
    ),
    Plant(
        "a flight is settled before its token is kept",
        _renewal,
        "Renewal.__call__",
        """
                outcome = self._outcome(slot, flight, afterwards)
                self._conclude(slot, flight, outcome, began)
""",
        """
                outcome = self._outcome(slot, flight, afterwards)
                flight.settle(outcome)
                self._conclude(slot, flight, outcome, began)
""",
        "cold",
    ),
    Plant(
        "a caller reads the entry before the latest flight",
        _supply,
        "Supply._steps",
        """
            flight = slot.latest  # read before anything else: see _flight, rule 1
            if slot.client.closed:
                raise CredentialsClosed(_CLOSED)
            now = self.now()
            self._see_to(slot, flight, now)
            flying = flight.flying
            entry = slot.newest
""",
        """
            entry = slot.newest
            flight = slot.latest
            if slot.client.closed:
                raise CredentialsClosed(_CLOSED)
            now = self.now()
            self._see_to(slot, flight, now)
            flying = flight.flying
""",
        "cold",
    ),
    Plant(
        "two callers may both find that nobody flies next",
        _flight,
        "Flight.succeed",
        """
        return self._successor.setdefault(None, candidate)
""",
        """
        if not self._successor:
            self._successor[None] = candidate
            return candidate
        return self._successor[None]
""",
        "cold",
    ),
    Plant(
        "two threads may both claim one flight",
        _flight,
        "Flight._fly",
        """
        if self._claim.setdefault(None, mine) is not mine:
            return
""",
        """
        if self._claim:
            return
        self._claim[None] = mine
""",
        "cold",
    ),
    Plant(
        "a flight counts as begun before its thread is started",
        _flight,
        "Flight.launch",
        """
        started = True
""",
        """
        self.begun = started = True
""",
        "interrupted",
    ),
    Plant(
        "an entry is assigned and not looked at again",
        _slots,
        "Slot._put",
        """
            if self.entry is best:
                return
            self.entry = best
""",
        """
            if self.entry is not best:
                self.entry = best
            return
""",
        "late-beside",
    ),
    Plant(
        "a suspicion overwrites what is cached",
        _supply,
        "Supply.suspect",
        "slot.offer(entry.under_suspicion())",
        "slot.entry = entry.under_suspicion()",
        "invalidated",
    ),
    Plant(
        "the map of slots is used without its lock",
        _slots,
        "SlotMap.slot",
        """
        with self._own_lock():
            slot = self._alive.get(name)
""",
        """
        if self._own_lock():
            slot = self._alive.get(name)
""",
        "eviction",
    ),
)


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """The engine has this race while the block runs."""
    source = inspect.getsource(plant.module)
    assert source.count(plant.old) == 1, f"{plant.name}: its text is not in {plant.module.__name__}"
    file = plant.module.__file__
    assert file is not None
    changed = _code_of(compile(source.replace(plant.old, plant.new), file, "exec"), plant.function)
    function = _function(plant.module, plant.function)
    kept, function.__code__ = function.__code__, changed
    try:
        yield
    finally:
        function.__code__ = kept


def _function(module: ModuleType, qualified: str) -> FunctionType:
    found: object = module
    for name in qualified.split("."):
        found = getattr(found, name)
    assert isinstance(found, FunctionType)
    return found


def _code_of(code: CodeType, qualified: str) -> CodeType:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    for each in inner:
        if each.co_qualname == qualified:
            return each
    outer = next(each for each in inner if qualified.startswith(f"{each.co_qualname}."))
    return _code_of(outer, qualified)
