"""The store's part of a flight: take another process's token, or the lease, or wait; share the token that it brings.

The store saves money; nothing depends on it. Whatever it does, the flight goes on without it. The lease is a saving as
well: it keeps others from asking at the same time, and a flight that has waited long enough asks all the same.
"""

import os
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, assert_never, final

from ._core.entry import Entry, Instant, elapsed
from ._core.errors import Failure
from ._core.issued import Issued
from ._core.retry import LastFailure
from ._core.search import Circumstances, Do, End, Search, Step, StoreBusy
from ._core.sharing import Verdict, judge, lease_seconds, left_to_another, poll_delay, store_limit
from ._core.stored import Stored
from ._core.values import Secret
from ._engine import Engine
from ._flight import Flight, Outcome
from ._process import this_process
from ._slots import Slot
from .stores._guarded import TRIES, Guarded, StoreUnusable
from .stores._sealed import Seal
from .stores.base import Found, Store

T = TypeVar("T")


@final
class StoreSession:
    """One flight's use of the store: it does what `Search` decides. `secrets` are those of the client, the best one
    first. The end of the block gives the lease back.
    """

    def __init__(self, store: Guarded, engine: Engine, slot: Slot, flight: Flight, secrets: list[Secret]) -> None:
        self._store = store
        self._engine = engine
        self._slot = slot
        self._flight = flight
        self._seals = [Seal(secret, slot.settings) for secret in secrets]
        self._seen: dict[str, bytes | None] = {}
        """What was read before the token request, by name: what the new token may replace."""
        self._owner = os.urandom(16).hex().encode()
        self._leased = False
        self._too_busy = False
        """It was waited for as long as there was time."""
        self._connected = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    def token(self) -> Outcome | None:
        """Another process's token, if there is one to take. A failure: another process is renewing, and no caller waits
        here. None: ask for a token.
        """
        return self._try(self._find)

    def share(self, entry: Entry, secret: Secret) -> None:
        """Give the other processes the token that was asked for with `secret`, unless it is from before a snapshot."""
        if self._flight.process == this_process():
            self._try(partial(self._share, entry, secret))

    def _try(self, act: Callable[[], T]) -> T | None:
        try:
            return act()
        except (StoreUnusable, StoreBusy):
            return None

    def _find(self) -> Outcome | None:
        match self._searched():
            case Entry() as entry:
                return entry
            case End.LEAVE:
                return self._leave_to_another()
            case end:
                self._too_busy = end is End.ASK_TOO_BUSY
                return None

    def _searched(self) -> Entry | End:
        steps = Search(self._circumstances, writes_first=not self._store.peeks).steps()
        try:
            step = next(steps)
            while True:
                try:
                    came_of_it = self._do(step)
                except StoreBusy as busy:
                    step = steps.throw(busy)
                else:
                    step = steps.send(came_of_it)
        except StopIteration as end:
            found: Entry | End = end.value
            return found

    def _circumstances(self) -> Circumstances:
        flight, now = self._flight, self._engine.now()
        return Circumstances(
            now,
            self._slot.newest,
            waited_for=flight.waited_for,
            ended=flight.outcome is not None,
            left=flight.left(now),
            limit=flight.limit[1],
            chance=self._engine.clock.random(),
        )

    def _do(self, step: Step) -> Any:
        name, owner = self._seals[0].lease, self._owner
        match step.do:
            case Do.LOOK:
                return self._look(step)
            case Do.LOOK_AT_LEASE:
                found = self._read(name, step)
                return None if found is None else (found.value, found.left)
            case Do.WRITE_LEASE:
                replaces, seconds = step.replaces, lease_seconds(self._engine.policy)
                self._leased = self._call(lambda store: store.put(name, owner, replaces=replaces, seconds=seconds))
                return self._leased
            case Do.PAUSE:
                self._try(self._disconnect)  # a server takes only so many connections
                return self._engine.clock.wait(self._flight.pause, step.seconds)
            case _:
                assert_never(step.do)

    def _leave_to_another(self) -> Failure:
        slot, engine, entry = self._slot, self._engine, self._slot.newest
        window = engine.policy.window(entry.life if entry is not None else 0.0)  # without a token, a caller would wait
        cooldown = left_to_another(slot.cooldown, engine.now(), window=window, chance=engine.clock.random())
        slot.failure = LastFailure(self._flight.number, slot.last_error, cooldown)  # a pause, not a failure
        return cooldown.failure

    def _look(self, step: Step) -> Entry | None:
        """The token in the store, if this flight can use it."""
        return next((entry for seal in self._seals if (entry := self._look_under(seal, step))), None)

    def _look_under(self, seal: Seal, step: Step) -> Entry | None:
        slot = self._slot
        found = self._read(seal.name, step)
        self._seen[seal.name] = None if found is None else found.value
        if found is None:
            return None
        stored = seal.open(found.value)
        if stored is None or found.left > stored.issued.lifetime:  # no entry of ours outlives its token
            self._engine.report("store_entry_refused", slot.id)
            return None
        entry = self._entry(stored, found.left)
        flight = self._flight
        verdict = judge(
            entry,
            cached=slot.newest,
            replaces=None if flight.min_ttl else flight.replaces,  # with min_ttl, that token is still good for others
            now=self._engine.now(),
            min_ttl=flight.min_ttl,
        )
        match verdict:
            case Verdict.TAKE:
                self._engine.report("token_taken", slot.id, seconds=elapsed(entry.asked_at, self._engine.now()))
                return entry
            case Verdict.RETIRE:
                suspected = Stored(stored.issued, asked_at=stored.asked_at, suspected=True)
                self._put(seal, suspected, found.left)
            case Verdict.FALL_BACK:
                slot.keep(entry)
            case Verdict.PASS:
                pass
            case _:
                assert_never(verdict)
        return None

    def _entry(self, stored: Stored, left: float) -> Entry:
        now = self._engine.now()
        age = stored.age(now.wall, left)
        asked_at = Instant(now.wall - age, now.boot - age)
        return self._engine.entry(stored.issued, self._flight, asked_at=asked_at, suspected=stored.suspected)

    def _share(self, entry: Entry, secret: Secret) -> None:
        seal = next((seal for seal in self._seals if seal.secret == secret), None) or Seal(secret, self._slot.settings)
        issued = Issued(entry.token.access_token, entry.life, entry.token.scopes)
        stored = Stored(issued, asked_at=entry.asked_at.wall, suspected=False)
        if self._insist(lambda: self._put(seal, stored, entry.life - elapsed(entry.asked_at, self._engine.now()))):
            self._too_busy = False

    def _insist(self, act: Callable[[], object]) -> bool:
        """Do what saves others a token, also if the store is busy at first."""
        clock = self._engine.clock
        for tries in range(TRIES):
            if tries:
                clock.wait(self._flight.pause, poll_delay(tries - 1, None, self._engine.now(), clock.random()))
            try:
                act()
            except StoreBusy:
                continue
            return True
        return False

    def _put(self, seal: Seal, stored: Stored, seconds: float) -> None:
        """Replace only what was seen: a token that has come since is newer."""
        if seconds > 0:
            value, seen = seal.seal(stored), self._seen.get(seal.name)
            if self._call(lambda store: store.put(seal.name, value, replaces=seen, seconds=seconds)):
                self._seen[seal.name] = value

    def _leave(self) -> None:
        if self._leased:
            self._try(partial(self._insist, self._release))
        self._try(self._disconnect)
        if self._too_busy:
            self._store.leave_alone(self._slot.id, StoreBusy.__name__)

    def _release(self) -> None:
        self._call(lambda store: store.delete(self._seals[0].lease, self._owner))

    def _disconnect(self) -> None:
        if self._connected:
            self._call(lambda store: store.close())
            self._connected = False

    def _read(self, name: str, step: Step) -> Found | None:
        return self._call(lambda store: _checked(store.get(name) if step.surely else _peek(store, name)))

    def _call(self, operation: Callable[[Store], T]) -> T:
        flight, policy = self._flight, self._engine.policy
        left, first = flight.left(self._engine.now()), not self._connected
        seconds = store_limit(left, first=first, waited_for=flight.waited_for, policy=policy)
        self._connected = True  # also by an operation that is refused, which may leave a connection
        return self._store.call(operation, seconds=seconds, key=self._slot.id)


def _peek(store: Store, name: str) -> Found | None:
    """By its cheaper way to read, where it has one."""
    peek: Callable[[str], Found | None] = getattr(store, "peek", store.get)
    return peek(name)


def _checked(found: object) -> Found | None:
    """What `get` of a store returned, perhaps of a user's own store. TypeError if it is not what `get` may return."""
    match found:
        case None | Found(value=bytes(), left=int() | float()):
            return found
        case _:
            raise TypeError
