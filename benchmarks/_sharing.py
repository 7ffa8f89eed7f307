"""A fleet in the world of `_world`: processes that string the library's own decisions together as its engine does.

As `s2sauth._supply` and `s2sauth._renewal` do, and with a store as the fleet's flight does. What a caller gets, when a
token is renewed, what is tried again and remembered, who asks, who waits and how long: all of that is `s2sauth._core`
and the library's own `Slot`. tests/docs/test_simulate.py holds a simulated process against the engine itself.

Why not the engine in simulated time: it takes 0.36 ms of CPU for a flight without sockets, 0.78 ms with a store; this
takes 0.04 ms. The page of costs has six million flights: four minutes of CPU here, more than an hour there, and 10,000
processes that poll for one lease come on top. This is the one simulator; what it must learn next (a store's own limits,
cold starts of 100,000 functions) has its place in `_world.Store` and in `World._seat`.
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any, assert_never

import simpy
from _world import (
    FILE_LATENCY,
    NEVER,
    RESERVED,
    SPARE,
    STORE_LATENCY,
    Books,
    Cognito,
    Day,
    Store,
)

from s2sauth._core.decision import Asked, Decision, Known, next_step
from s2sauth._core.entry import Entry, Freshness, Instant, freshness
from s2sauth._core.errors import Cause, Failure
from s2sauth._core.policy import RenewalPolicy
from s2sauth._core.retry import LastFailure, background_limit, cooldown_of_key, in_force, next_delay, timeouts
from s2sauth._core.settings import Settings
from s2sauth._core.sharing import Circuit, Verdict, judge, left_to_another, may_wait, opened, store_limit
from s2sauth._core.token_endpoint import Answer, read_answer
from s2sauth._core.values import AccessToken, Secret
from s2sauth._slots import Slot

Part = Generator[simpy.Event, None, Any]
"""A part of a SimPy process, and what it returns."""
Outcome = Entry | Failure
POLICY = RenewalPolicy()
SETTINGS = Settings(
    token_url="https://auth.example.com/oauth2/token",
    client_id="abc",
    auth_method="auto",
    scopes=("demo/read.file",),
    client_metadata=None,
    strict=False,
)


class Way(Enum):
    """Who shares a token."""

    PRIVATE = "private"
    """Nobody: each process has its own."""
    MACHINE = "per machine"
    """The processes of one machine: a SQLite file. A deploy replaces machines, so it brings empty files."""
    ALL = "by all"
    """The whole fleet: Redis, DynamoDB."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Who calls."""

    processes: int
    on_machine: int
    every: float = 2.0
    """A process makes a call every so many seconds, at random: a busy one."""


class Replaced(Exception):
    """A deploy ended the process."""


class StoreFailed(Exception):
    """It did not answer in time."""


def failed(status: int | None) -> Failure:
    """What the library makes of an answer without a token."""
    if status is None:
        return Failure.unavailable(Cause.UNREACHABLE, "no connection")
    outcome = read_answer(Answer(status, {}, b"", truncated=False), SETTINGS, Secret("s"))
    assert isinstance(outcome, Failure)
    return outcome


_FAILED = {status: failed(status) for status in (None, 429, 503)}


class World:
    """One day of one fleet."""

    def __init__(
        self, day: Day, fleet: Fleet, way: Way, life: float, seed: str, *, policy: RenewalPolicy = POLICY
    ) -> None:
        self.env = simpy.Environment()
        self.day = day
        self.fleet = fleet
        self.life = life
        self.policy = policy
        self.books = Books(int(day.seconds) + 1)
        self.chance = Random(f"{seed} chance").random
        """What the decisions draw from."""
        self.luck = Random(f"{seed} luck")
        """Calls, latencies, the way of a deploy."""
        self.cognito = Cognito(day.outages, self.books, self.luck)
        self._tokens = 0
        self._way = way
        self._shared = Store(self.env, self.books, self.luck, STORE_LATENCY, day.store_outages)
        self._files: dict[tuple[int, int], Store] = {}

    def run(self) -> Books:
        """The whole of it."""
        for seat in range(self.fleet.processes):
            self.env.process(self._seat(seat))
        self.env.run(until=self.day.seconds)
        return self.books

    def call(self) -> float:
        """Seconds until the next call of a process."""
        return self.luck.expovariate(1 / self.fleet.every)

    def token(self, asked_at: float) -> AccessToken:
        """A new one."""
        self._tokens += 1
        return AccessToken(f"token{self._tokens}", expires_in=self.life, issued_at=asked_at, left=lambda: 0.0)

    def _seat(self, seat: int) -> Part:
        """The processes that follow each other in one place of one machine."""
        machine = seat // self.fleet.on_machine
        machines = -(-self.fleet.processes // self.fleet.on_machine)
        starts = [
            deploy.at + machine * deploy.waves // machines * deploy.apart + self.luck.uniform(0, deploy.spread)
            for deploy in self.day.deploys
        ]
        for number, (start, end) in enumerate(zip(starts, [*starts[1:], NEVER], strict=True)):
            yield self.env.timeout(max(0.0, start - self.env.now))
            yield from Process(self, self._store(machine, number), end).run()

    def _store(self, machine: int, deploy: int) -> Store | None:
        match self._way:
            case Way.PRIVATE:
                return None
            case Way.ALL:
                return self._shared
            case Way.MACHINE:
                if (machine, deploy) not in self._files:
                    self._files[machine, deploy] = Store(self.env, self.books, self.luck, FILE_LATENCY)
                return self._files[machine, deploy]
            case _:
                assert_never(self._way)


class Flight:
    """How long a renewal may take, and from when somebody waits for it."""

    __slots__ = ("_began", "_joined_at", "_limit")

    def __init__(self, began: float, limit: float, joined_at: float) -> None:
        self._began = began
        self._limit = limit
        self._joined_at = joined_at
        """The moment when a caller without a token joins it."""

    def waited_for(self, now: float) -> bool:
        return now >= self._joined_at

    def limit(self, now: float) -> float:
        return self._limit if now < self._joined_at else POLICY.deadline

    def left(self, now: float) -> float:
        since = self._began if now < self._joined_at else self._joined_at
        return since + self.limit(now) - now

    def waits_until(self) -> float:
        """The moment from which it no longer waits for the holder of a lease."""
        until = self._began + (1 - RESERVED) * self._limit
        if until > self._joined_at:
            until = self._joined_at + (1 - RESERVED) * POLICY.deadline
        return until + SPARE


class Process:
    """One process of the fleet, from its start to the deploy that ends it."""

    def __init__(self, world: World, store: Store | None, end: float) -> None:
        self._world = world
        self._env = world.env
        self._books = world.books
        self._store = store
        self._end = end
        self._slot = Slot(SETTINGS)
        self._circuit: Circuit | None = None
        self._flights = 0

    def run(self) -> Part:
        """Call, again and again."""
        try:
            yield from self._sleep(self._world.call())
            while True:
                yield from self._call()
                yield from self._to_next()
        except Replaced:
            if self._store is not None:
                self._store.look_after_lease()

    def _now(self) -> Instant:
        now = self._env.now
        return Instant(now, now)

    def _sleep(self, seconds: float) -> Part:
        if self._env.now + seconds >= self._end:
            yield self._env.timeout(max(0.0, self._end - self._env.now))
            raise Replaced
        yield self._env.timeout(seconds)

    def _call(self) -> Part:
        """One call of `get_token()`, as in `Call`."""
        slot, now = self._slot, self._now()
        entry = slot.newest
        known = Known(self._world.policy, flying=False, entry=entry, cooldowns=(slot.cooldown, None))
        decision = next_step(known, Asked(), now)
        match decision:
            case Decision.SERVE:
                pass
            case Decision.FAIL:
                self._books.failed[int(now.boot)] += 1
            case Decision.RENEW:
                assert entry is not None
                left = entry.usable_left(now)
                yield from self._fly(Flight(now.boot, background_limit(left), now.boot + left + self._world.call()))
            case Decision.FETCH:
                yield from self._fly(Flight(now.boot, self._world.policy.deadline, now.boot))
            case Decision.REPLACE:
                raise AssertionError("no API rejects a token here")
            case _:
                assert_never(decision)

    def _to_next(self) -> Part:
        """Sleep until the first call that is not simply served; those that fail meanwhile are counted."""
        slot, now = self._slot, self._now()
        entry = slot.newest
        usable = freshness(entry, now) is not Freshness.EXPIRED
        cooldown = in_force((slot.cooldown, None), now, with_token=usable)
        pause = 0.0 if cooldown is None else cooldown.left(now)
        if entry is not None and usable:
            age = entry.usable_for - entry.usable_left(now)
            pause = min(max(pause, entry.renew_after - age), entry.usable_for - age)
            yield from self._sleep(pause + SPARE + self._world.call())
            return
        until = now.boot + pause
        yield from self._sleep(self._world.call())
        while self._env.now < until:
            self._books.failed[int(self._env.now)] += 1
            yield from self._sleep(self._world.call())

    def _fly(self, flight: Flight) -> Part:
        """One renewal, as in `Renewal`."""
        slot, world = self._slot, self._world
        began = self._env.now
        self._flights += 1
        outcome = yield from (self._ask(flight) if self._store is None else self._through_store(self._store, flight))
        now = self._now()
        waited_for = flight.waited_for(now.boot)
        if waited_for:
            self._books.longest = max(self._books.longest, flight.limit(now.boot) - flight.left(now.boot))
        if isinstance(outcome, Entry):
            slot.keep(outcome)
            return
        if outcome.cause is Cause.ELSEWHERE:
            return
        cooldown = cooldown_of_key(
            outcome,
            slot.cooldown,
            slot.newest,
            waited_for=waited_for,
            now=now,
            policy=world.policy,
            chance=world.chance(),
        )
        slot.failure = LastFailure(self._flights, outcome.name, cooldown)
        if waited_for:  # those who joined later get the same outcome
            joined = max(began, now.boot - flight.limit(now.boot) + flight.left(now.boot))
            while joined <= now.boot:
                self._books.failed[int(now.boot)] += 1
                joined += world.call()

    def _ask(self, flight: Flight) -> Part:
        """The token endpoint, again while that makes sense."""
        world = self._world
        attempt = 1
        while True:
            asked_at = self._now()
            status, took = world.cognito.answer(asked_at.boot, timeouts(flight.left(asked_at.boot)))
            if status == 200:
                token = world.token(asked_at.boot)
                yield from self._sleep(took)
                return self._entry(token, asked_at, world.life)
            yield from self._sleep(took)
            failure = _FAILED[status]
            now = self._env.now
            delay = next_delay(
                failure,
                attempt,
                waited_for=flight.waited_for(now),
                left=flight.left(now),
                policy=self._world.policy,
                chance=world.chance(),
            )
            if delay is None:
                return failure
            yield from self._sleep(delay)
            attempt += 1

    def _entry(self, token: AccessToken, asked_at: Instant, life: float) -> Entry:
        return Entry(
            token,
            asked_at=asked_at,
            life=life,
            policy=self._world.policy,
            chance=self._world.chance(),
            number=self._flights,
            forced=False,
        )

    def _through_store(self, store: Store, flight: Flight) -> Part:
        """The store first, then the lease, then the token endpoint."""
        if self._circuit is not None and self._circuit.left(self._now()) > 0:
            return (yield from self._ask(flight))
        there = taken = None
        works, leased = True, False
        try:
            there, taken = yield from self._look(store, flight, first=True)
            while taken is None and not leased:
                yield from self._operation(store, flight)
                leased = store.lease(self, self._world.policy)
                if not leased:
                    now = self._env.now
                    if not flight.waited_for(now):
                        return self._leave_to_another()
                    if not may_wait(flight.left(now), flight.limit(now)):
                        break
                    yield from store.wait(there, min(flight.waits_until(), self._end))
                    yield from self._sleep(0.0)  # where it ends, if a deploy ended the wait
                there, taken = yield from self._look(store, flight)
        except StoreFailed:
            works = self._fails()
        outcome = taken or (yield from self._ask(flight))
        if not works:
            return outcome
        try:
            if taken is None and isinstance(outcome, Entry):
                yield from self._operation(store, flight)
                store.put(outcome, there)
            if leased:
                yield from self._operation(store, flight)
                store.release(self)
        except StoreFailed:
            self._fails()
        else:
            self._circuit = None
        return outcome

    def _leave_to_another(self) -> Failure:
        """With a token in hand nobody waits for the lease's holder."""
        slot = self._slot
        assert slot.newest is not None
        window = self._world.policy.window(slot.newest.life)
        cooldown = left_to_another(self._now(), window=window, chance=self._world.chance())
        slot.failure = LastFailure(self._flights, slot.last_error, cooldown)
        return cooldown.failure

    def _fails(self) -> bool:
        """The store is left alone for a while."""
        self._circuit = opened(self._circuit, now=self._now(), chance=self._world.chance())
        return False

    def _operation(self, store: Store, flight: Flight, *, first: bool = False) -> Part:
        """One operation of the store: how long it takes; raises StoreFailed."""
        now = self._env.now
        limit = store_limit(
            max(0.0, flight.left(now)), first=first, waited_for=flight.waited_for(now), policy=self._world.policy
        )
        works, took = store.operation(limit)
        yield from self._sleep(took)
        if not works:
            raise StoreFailed

    def _look(self, store: Store, flight: Flight, *, first: bool = False) -> Part:
        """What lies in the store, and the entry made of it if it is worth taking."""
        yield from self._operation(store, flight, first=first)
        there = store.token()
        if there is None:
            return there, None
        found = self._entry(there.token, there.asked_at, there.life)
        verdict = judge(found, cached=self._slot.newest, replaces=None, now=self._now())
        assert verdict in (Verdict.TAKE, Verdict.PASS), "no API rejects a token here"
        return there, found if verdict is Verdict.TAKE else None
