"""A fleet in the world of `_world`: processes that string the library's own decisions together as its engine does.

As `s2sauth._supply` and `s2sauth._renewal` do, and with a store as the fleet's flight does. What a caller gets, when a
token is renewed, what is tried again and remembered, who asks, who waits and how long: all of that is `s2sauth._core`
and the library's own `Slot`, and at the store the very steps of the engine (`s2sauth._core.search`).
tests/docs/test_simulate.py holds a simulated process against the engine itself.

Why not the engine in simulated time: it takes 0.36 ms of CPU for a flight without sockets, 0.78 ms with a store; this
takes 0.04 ms. The page of costs has six million flights: four minutes of CPU here, more than an hour there, and 10,000
processes that look after one lease come on top. This is the one simulator.
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import count
from random import Random
from typing import Any, assert_never

import simpy
from _stored import Busy, DynamoDB, Engine, Operation, Part, Redis, SQLite, Store
from _world import NEVER, SPARE, Books, Cognito, Day

from s2sauth._core.decision import Asked, Decision, Known, next_step
from s2sauth._core.entry import Entry, Freshness, Instant, freshness
from s2sauth._core.errors import Cause, Failure
from s2sauth._core.policy import RenewalPolicy
from s2sauth._core.retry import LastFailure, background_limit, cooldown_of_key, in_force, next_delay, timeouts
from s2sauth._core.search import Circumstances, Do, End, Search, Step, StoreBusy
from s2sauth._core.settings import Settings
from s2sauth._core.sharing import (
    Circuit,
    Verdict,
    judge,
    lease_seconds,
    left_to_another,
    opened,
    poll_delay,
    store_limit,
)
from s2sauth._core.token_endpoint import Answer, read_answer
from s2sauth._core.values import AccessToken, Secret
from s2sauth._slots import Slot
from s2sauth.stores._guarded import TRIES

Course = Generator[simpy.Event, None, Any]
"""A part of a SimPy process, and what it returns."""
Outcome = Entry | Failure
POLICY = RenewalPolicy()
REFUSED = 0.002
"""Seconds until a store that is busy has said so."""
SETTINGS = Settings(
    token_url="https://auth.example.com/oauth2/token",
    client_id="abc",
    auth_method="auto",
    scopes=("demo/read.file",),
    client_metadata=None,
    strict=False,
)


class Way(Enum):
    """Who shares a token, and where."""

    PRIVATE = "private"
    """Nobody: each process has its own."""
    MACHINE = "SQLite, per machine"
    """The processes of one machine: a file. A deploy replaces machines, so it brings empty files."""
    REDIS = "Redis"
    """The whole fleet."""
    DYNAMODB = "DynamoDB"
    """The whole fleet."""

    @property
    def by_all(self) -> bool:
        """Whether the whole fleet shares it."""
        return self in (Way.REDIS, Way.DYNAMODB)


ENGINES: dict[Way, type[Engine]] = {Way.MACHINE: SQLite, Way.REDIS: Redis, Way.DYNAMODB: DynamoDB}


@dataclass(frozen=True, slots=True)
class Fleet:
    """Who calls."""

    processes: int
    on_machine: int
    every: float = 2.0
    """A process makes a call every so many seconds, at random: a busy one."""
    once: bool = False
    """Or only one, at its start."""


class Replaced(Exception):
    """A deploy ended the process, or it was killed."""


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
        self.kills = day.kills
        self._way = way
        self._stores: dict[tuple[int, int], Store] = {}

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

    def _seat(self, seat: int) -> Course:
        """The processes that follow each other in one place of one machine."""
        machine = seat // self.fleet.on_machine
        machines = -(-self.fleet.processes // self.fleet.on_machine)
        starts = [
            deploy.at + machine * deploy.waves // machines * deploy.apart + self.luck.uniform(0, deploy.spread)
            for deploy in self.day.deploys
        ]
        for number, (start, end) in enumerate(zip(starts, [*starts[1:], NEVER], strict=True)):
            yield self.env.timeout(max(0.0, start - self.env.now))
            yield from Process(self, self.store(machine, number), end).run()

    def store(self, machine: int, deploy: int) -> Store | None:
        """Of a process on this machine."""
        if self._way is Way.PRIVATE:
            return None
        which = (0, 0) if self._way.by_all else (machine, deploy)
        if which not in self._stores:
            engine = ENGINES[self._way](self.day.share)
            outages = self.day.store_outages if self._way.by_all else ()
            self._stores[which] = Store(self.env, self.books, self.luck, engine, outages)
        return self._stores[which]


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
        self._connected = False
        self._flights = 0

    def run(self) -> Course:
        """Call, again and again; or at once, and only once."""
        try:
            if self._world.fleet.once:
                yield from self._call()
                return
            yield from self._sleep(self._world.call())
            while True:
                yield from self._call()
                yield from self._to_next()
        except Replaced:
            self._disconnect()

    def _now(self) -> Instant:
        now = self._env.now
        return Instant(now, now)

    def _sleep(self, seconds: float) -> Course:
        if self._env.now + seconds >= self._end:
            yield self._env.timeout(max(0.0, self._end - self._env.now))
            raise Replaced
        yield self._env.timeout(seconds)

    def _call(self) -> Course:
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

    def _to_next(self) -> Course:
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

    def _fly(self, flight: Flight) -> Course:
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

    def _ask(self, flight: Flight) -> Course:
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

    def _through_store(self, store: Store, flight: Flight) -> Course:
        """As `StoreSession` and `Renewal` do."""
        if self._circuit is not None and self._circuit.left(self._now()) > 0:
            return (yield from self._ask(flight))
        session = Session(self, store, flight)
        try:
            found = yield from session.search()
        except StoreFailed:
            self.leave_alone()
            return (yield from self._ask(flight))
        if isinstance(found, Entry) or found is End.LEAVE:
            outcome = found if isinstance(found, Entry) else self._leave_to_another()
        else:
            if session.leased and self._world.kills:
                self._world.kills = False
                self._world.cognito.answer(self._env.now, timeouts(1.0))
                raise Replaced
            outcome = yield from self._ask(flight)
        try:
            yield from session.end(outcome, too_busy=found is End.ASK_TOO_BUSY)
        except StoreFailed:
            self.leave_alone()
        else:
            self._circuit = None
        self._disconnect()
        return outcome

    def circumstances(self, flight: Flight) -> Circumstances:
        """Of its flight."""
        now = self._now()
        return Circumstances(
            now,
            self._slot.newest,
            waited_for=flight.waited_for(now.boot),
            ended=False,
            left=flight.left(now.boot),
            limit=flight.limit(now.boot),
            chance=self._world.chance(),
        )

    def _leave_to_another(self) -> Failure:
        """With a token in hand nobody waits for the lease's holder."""
        slot = self._slot
        assert slot.newest is not None
        window = self._world.policy.window(slot.newest.life)
        cooldown = left_to_another(slot.cooldown, self._now(), window=window, chance=self._world.chance())
        slot.failure = LastFailure(self._flights, slot.last_error, cooldown)
        return cooldown.failure

    def leave_alone(self) -> None:
        """The store, for a while."""
        self._circuit = opened(self._circuit, now=self._now(), chance=self._world.chance())

    def _disconnect(self) -> None:
        if self._connected:
            assert self._store is not None
            self._store.disconnect()
            self._connected = False

    def pause(self, seconds: float) -> Course:
        """Without a connection."""
        self._disconnect()
        yield from self._sleep(seconds)

    def operate(self, store: Store, flight: Flight, operation: Operation, part: Part) -> Course:
        """How long one operation of the store takes; raises StoreFailed, StoreBusy."""
        now, first = self._env.now, not self._connected
        limit = store_limit(flight.left(now), first=first, waited_for=flight.waited_for(now), policy=self._world.policy)
        try:
            if first:
                store.connect()
                self._connected = True
            works, took = store.operation(operation, part, limit)
        except Busy:
            self._books.busy += 1
            yield from self._sleep(REFUSED)
            raise StoreBusy from None
        yield from self._sleep(took)
        if not works:
            raise StoreFailed

    def judged(self, there: Entry | None) -> Entry | None:
        """What lies in the store, made an entry of its own, if it is worth taking."""
        if there is None:
            return None
        found = self._entry(there.token, there.asked_at, there.life)
        verdict = judge(found, cached=self._slot.newest, replaces=None, now=self._now())
        assert verdict in (Verdict.TAKE, Verdict.PASS), "no API rejects a token here"
        return found if verdict is Verdict.TAKE else None

    def chance(self) -> float:
        """What the decisions draw from."""
        return self._world.chance()


_OWNERS = count()


class Session:
    """A flight at the store, as `StoreSession`."""

    def __init__(self, process: Process, store: Store, flight: Flight) -> None:
        self._process = process
        self._store = store
        self._flight = flight
        self._owner = b"%032x" % next(_OWNERS)
        self._there: Entry | None = None
        self.leased = False

    def search(self) -> Course:
        """Do what `Search` says."""
        search = Search(partial(self._process.circumstances, self._flight), writes_first=self._store.writes_first)
        steps = search.steps()
        try:
            step = next(steps)
            while True:
                try:
                    came_of_it = yield from self._do(step)
                except StoreBusy as busy:
                    step = steps.throw(busy)
                else:
                    step = steps.send(came_of_it)
        except StopIteration as end:
            return end.value

    def end(self, outcome: Outcome, *, too_busy: bool) -> Course:
        """Share what was asked for, give the lease back."""
        if isinstance(outcome, Entry) and outcome is not self._there:
            too_busy = not (yield from self._share(outcome))
        if self.leased and (yield from self._insist(Part.LEASE)):
            self._store.release(self._owner)
        if too_busy:
            self._process.leave_alone()

    def _share(self, entry: Entry) -> Course:
        if written := (yield from self._insist(Part.ENTRY)):
            self._store.put(entry, self._there)
        return written

    def _insist(self, part: Part) -> Course:
        for tries in range(TRIES):
            if tries:
                now = self._process.circumstances(self._flight).now
                yield from self._process.pause(poll_delay(tries - 1, None, now, self._process.chance()))
            try:
                yield from self._operate(Operation.PUT, part)
            except StoreBusy:
                continue
            return True
        return False

    def _operate(self, operation: Operation, part: Part) -> Course:
        yield from self._process.operate(self._store, self._flight, operation, part)

    def _do(self, step: Step) -> Course:
        read = Operation.GET if step.surely else Operation.PEEK
        match step.do:
            case Do.LOOK:
                yield from self._operate(read, Part.ENTRY)
                there = self._store.token(read)
                found = self._process.judged(there)
                self._there = there if found is None else found
                return found
            case Do.LOOK_AT_LEASE:
                yield from self._operate(read, Part.LEASE)
                held, now = self._store.lease(read), self._process.circumstances(self._flight).now
                return None if held is None else (held.owner, held.until - now.boot)
            case Do.WRITE_LEASE:
                yield from self._operate(Operation.PUT, Part.LEASE)
                self.leased = self._store.take_lease(self._owner, lease_seconds(POLICY), step.replaces)
                return self.leased
            case Do.PAUSE:
                return (yield from self._process.pause(step.seconds))
            case _:
                assert_never(step.do)
