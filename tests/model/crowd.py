"""The model's callers: what each does, and whether all of them stand still, so that time may move.

Time moves only while nobody is on the way: every caller waits for a flight, and every flight pauses by the clock or
waits for an answer that the endpoint holds back. So what a caller decides and what reaches the API belong to one
moment.

Private modules: a hook is made for credentials that are watched, and flights are counted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from s2sauth import AccessToken, CognitoClientCredentials, ConfigurationError, CredentialsClosed, S2SAuthError
from s2sauth._core.origin import parse_origins
from s2sauth._flight import Flight
from s2sauth._hooks.httpx import HttpxAuth
from s2sauth.testing import FakeCognito, ManualClock
from tests.model.ledger import DEADLINE, TINY, Held, Key, Ledger, Moment
from tests.model.wire import REQUEST_ID
from tests.support.worlds import PATIENCE, Callers, World

JOB_ID = "X-Job"
HTTP_PATIENCE = 60.0
"""Of the callers' own clients, in real seconds: a slow machine is no defect."""


@dataclass(eq=False, repr=False)
class Call:
    """One `get_token()` or `aget_token()`, of a caller or of the hook."""

    job: "Job"
    began: float
    patience: float
    in_hand: Held | None
    ended: bool = False


@dataclass(eq=False, repr=False)
class Stage:
    """What all parts of the model share."""

    clock: ManualClock
    fake: FakeCognito
    true_time: Callable[[], float]
    ledger: Ledger
    wrong: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    """Those that have not ended."""
    jobs: list["Job"] = field(default_factory=list)
    """Those that have not ended."""
    closed: set[int] = field(default_factory=set)
    every: dict[str, "Job"] = field(default_factory=dict)
    """By number."""

    def now(self) -> Moment:
        return Moment(self.clock.wall(), self.clock.boottime())


@dataclass(eq=False, repr=False)
class Watched:
    """Credentials as one job's hook sees them: each call is noted, and what comes of it is judged."""

    job: "Job"

    def get_token(self, *, timeout: float | None = None, rejected: AccessToken | None = None) -> AccessToken:
        call = self._begin(timeout)
        try:
            return self._got(call, self.job.credentials.get_token(timeout=timeout, rejected=rejected))
        except Exception as error:
            self._failed(call, error)
            raise
        finally:
            self._end(call)

    async def aget_token(self, *, timeout: float | None = None, rejected: AccessToken | None = None) -> AccessToken:  # noqa: ASYNC109  # as the credentials'
        call = self._begin(timeout)
        try:
            return self._got(call, await self.job.credentials.aget_token(timeout=timeout, rejected=rejected))
        except Exception as error:
            self._failed(call, error)
            raise
        finally:
            self._end(call)

    def invalidate(self, token: AccessToken | str, /) -> None:
        self.job.credentials.invalidate(token)

    def _begin(self, timeout: float | None) -> Call:
        stage = self.job.stage
        patience = DEADLINE if timeout is None else min(timeout, DEADLINE)
        call = Call(self.job, stage.clock.boottime(), patience, stage.ledger.book(self.job.key).token)
        stage.calls.append(call)
        return call

    def _end(self, call: Call) -> None:
        call.ended = True
        self.job.stage.calls.remove(call)

    def _got(self, call: Call, token: AccessToken) -> AccessToken:
        """Nobody is handed a token of another key, or one that was over by what the clocks could tell."""
        job, stage = self.job, self.job.stage
        job.handed.append((token.access_token, stage.true_time()))
        issued = stage.ledger.book(job.key).issued(token.access_token)
        if not issued:
            stage.wrong.append(f"{job}: got a token that was not issued for {job.key}")
        elif max(held.usable_left(stage.now()) for held in issued) <= -TINY:
            stage.wrong.append(f"{job}: got a token that was over, aged {issued[-1].age(stage.now()):g} s")
        if job.closed_before:
            stage.wrong.append(f"{job}: got a token after close()")
        return token

    def _failed(self, call: Call, error: Exception) -> None:
        """Nobody is refused while a token is in hand, and only errors of ours come out."""
        job, stage = self.job, self.job.stage
        if not isinstance(error, S2SAuthError) or isinstance(error, ConfigurationError):
            stage.wrong.append(f"{job}: {type(error).__name__}: {error}")
        elif isinstance(error, CredentialsClosed):
            if job.owner not in stage.closed:
                stage.wrong.append(f"{job}: CredentialsClosed of an open object")
        elif (
            call.in_hand is not None and call.in_hand.usable_left(stage.now()) > TINY and job.owner not in stage.closed
        ):
            left = call.in_hand.usable_left(stage.now())
            stage.wrong.append(f"{job}: {type(error).__name__}, with a token in hand that is good for {left:g} s")


@dataclass(eq=False, repr=False)
class Job:
    """What one caller does: ask for a token, or send a request through the hook."""

    stage: Stage
    credentials: CognitoClientCredentials
    key: Key
    path: str | None = None
    """What to ask the API for; None: only a token."""
    timeout: float | None = None
    number: str = ""
    handed: list[tuple[str, float]] = field(default_factory=list)
    outcome: Any = None
    closed_before: bool = False

    def __post_init__(self) -> None:
        self.number = str(len(self.stage.every) + 1)
        self.closed_before = self.owner in self.stage.closed
        self.stage.every[self.number] = self
        self.stage.jobs.append(self)

    def __repr__(self) -> str:
        return f"caller {self.number} of {self.key}"

    @property
    def owner(self) -> int:
        return self.key[0]

    def now(self) -> Any:
        try:
            if self.path is None:
                self.outcome = Watched(self).get_token(timeout=self.timeout)
            else:
                with httpx.Client(**self._client()) as client:
                    self.outcome = client.get(self.path)
        except BaseException as error:
            self.outcome = error
        finally:
            self._end()
        return self.outcome

    async def later(self) -> Any:
        try:
            if self.path is None:
                self.outcome = await Watched(self).aget_token(timeout=self.timeout)
            else:
                async with httpx.AsyncClient(**self._client()) as client:
                    self.outcome = await client.get(self.path)
        except BaseException as error:
            self.outcome = error
            if not isinstance(error, Exception):
                raise  # cancelled
        finally:
            self._end()
        return self.outcome

    def _client(self) -> dict[str, Any]:
        api = self.stage.fake.api_url
        return {
            "base_url": api,
            "auth": HttpxAuth(Watched(self), parse_origins([api], allow_http=False)),
            "headers": {JOB_ID: self.number},
            "timeout": HTTP_PATIENCE,
            "verify": False,
            "trust_env": False,
        }

    def _end(self) -> None:
        if isinstance(self.outcome, Exception) and not isinstance(self.outcome, S2SAuthError):
            self.stage.wrong.append(f"{self}: {type(self.outcome).__name__}: {self.outcome}")
        self.stage.jobs.remove(self)


class Crowd:
    """All callers under way."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._groups: list[tuple[Callers, list[Job]]] = []
        self.objects: list[CognitoClientCredentials] = []
        """Every credentials object there was."""

    def start(self, world: World, jobs: list[Job], *, wait: bool = True) -> None:
        """Let them do it, and return when they stand still or have ended."""
        self._groups.append((world.start(jobs), jobs))
        if wait:
            self.settle()

    def cancel(self, which: int) -> None:
        """Cancel one task that waits, if there is one."""
        waiting = [
            (callers, jobs.index(job)) for callers, jobs in self._groups for job in jobs if job in self._stage.jobs
        ]
        if waiting:
            callers, number = waiting[which % len(waiting)]
            callers.cancel(number)
            self.settle()

    def settle(self) -> None:
        """Block until everybody stands still."""
        until = time.monotonic() + PATIENCE
        before: object = None
        while True:
            found = self._standing()
            if (found is not None and found == before) or self._stage.ledger.wrong:
                return  # what is wrong already may have left somebody behind: it is looked at next
            before = found
            assert time.monotonic() < until, f"somebody neither ends nor waits: {self._stage.jobs}"
            time.sleep(0.0005)  # standing still tells nobody

    def join(self) -> None:
        """Block until every thread has ended; nobody may be waiting any more."""
        for callers, _ in self._groups:
            callers.results()
        self._groups.clear()

    def flights(self) -> list[Flight]:
        """The latest flight of each key, if it is under way."""
        slots = [slot for each in self.objects for slot in each._engine.slots.all()]
        return [slot.flight for slot in slots if slot.flight.flying]

    def _standing(self) -> object:
        """What everybody waits for, as something to compare; None if somebody is on the way."""
        stage = self._stage
        jobs, flights, trips = list(stage.jobs), self.flights(), list(stage.ledger.trips)
        sleepers = {id(sleeper.lock): id(sleeper) for sleeper in list(stage.clock._sleepers)}
        held = {
            value
            for request in list(stage.fake._endpoint.held.values())
            for name, value in request.headers
            if name.lower() == REQUEST_ID.lower()
        }
        threads = {flight.thread: flight for flight in flights}
        if {trip.thread for trip in trips} != threads.keys():
            return None
        for trip in trips:
            at_the_gate = bool(trip.asked) and not trip.asked[-1].result and str(trip.asked[-1].number) in held
            if not at_the_gate and id(threads[trip.thread].pause) not in sleepers:
                return None
        waiting = [
            sleepers[id(lock)] for flight in flights for lock in list(flight._waiters._locks) if id(lock) in sleepers
        ]
        tasks = 0
        for flight in flights:
            for room in list(flight._waiters._rooms.values()):
                futures = getattr(room, "futures", None)
                if futures is None:
                    tasks += room.event.statistics().tasks_waiting  # type: ignore[attr-defined]  # a room of trio's
                else:
                    tasks += sum(not future.done() for future in list(futures))
        if len(waiting) + tasks != len(jobs):
            return None
        return sorted(sleepers.values()), sorted(waiting), tasks, len(jobs), [trip.number for trip in trips]
