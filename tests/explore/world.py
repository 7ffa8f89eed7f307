"""Real credentials objects under the scheduler, an endpoint that answers from a script, and what was seen.

Private modules: the explorer stops at reads and writes of the engine's own state, which nothing public shows.
"""

import _thread
import asyncio
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from s2sauth import AccessToken, CognitoClientCredentials, RenewalPolicy
from s2sauth._core.entry import Entry
from s2sauth._core.errors import Cause, Failure, InvalidScope, TokenUnavailable
from s2sauth._core.retry import Timeouts
from s2sauth._core.token_endpoint import Answer, TokenRequest
from s2sauth._engine import Engine
from s2sauth._flight import Flight, Outcome
from s2sauth._prepare import open_store
from s2sauth._renewal import renew
from s2sauth._slots import Slot
from s2sauth.stores import Store

from .scheduler import Actor, Scheduler
from .stand_ins import Clock, Loop

LIFE = 3600
STALE_AT = 3000.0
DEADLINE = 8.0


def outcome(flight: Flight) -> Outcome | None:
    """What came out, looked at without a step."""
    settled = flight._outcome.get(None)
    return None if settled is None else settled[0]


def latest(slot: Slot) -> Flight:
    """The latest flight, looked at without a step; `slot.flight` may not say so yet."""
    flight = slot.flight
    while flight.next:
        flight = flight.next[None]
    return flight


class Request:
    """A token request that was sent."""

    def __init__(self, flight: Flight, scopes: str, *, after_close: bool, given_up: bool) -> None:
        self.flight = flight
        self.scopes = scopes
        self.beside: list[Request] = []
        """Those for the same scopes that were in progress when it was sent."""
        self.answered = False
        self.after_close = after_close
        self.given_up = given_up
        """Its flight had been given up, and told so: nobody waited for it any more."""


class Call:
    """One call of `get_token()`, and what came of it."""

    def __init__(self, name: str, rejected: str | None = None, may_raise: tuple[type[BaseException], ...] = ()) -> None:
        self.name = name
        self.may_raise = may_raise
        self.rejected = rejected
        self.begun = False
        self.after_close = False
        self.newest_before = 0
        """The highest number of a flight that had brought its token when the call began."""
        self.result: str | None = None
        self.error: BaseException | None = None


class World:
    """What happens in one order of one scenario."""

    def __init__(self, scheduler: Scheduler, patch: pytest.MonkeyPatch) -> None:
        self.scheduler = scheduler
        self.patch = patch
        """Undone when the order is over."""
        self.clock = Clock(scheduler)
        self.requests: list[Request] = []
        self.flights: list[tuple[Slot, Flight]] = []
        self.calls: list[Call] = []
        self.members: list[CognitoClientCredentials] = []
        self.views: list[CognitoClientCredentials] = []
        self.closed = False
        """close() has returned."""
        self.answers: dict[int, tuple[float, Failure | None]] = {}
        """By number of the request: seconds, and the failure, or None for a token. Default: a token, at once."""
        self.secret_delays: list[float] = []
        """How long each reading of the secret takes."""
        self.numbers: dict[str, int] = {}
        """Which flight brought which token."""
        self.flying: dict[int, Flight] = {}
        """By thread: the flight that it does."""
        self.interrupted: list[Flight] = []
        """Flights that were settled from outside, and told so."""
        interrupt = Flight.interrupt

        def noted(flight: Flight) -> None:
            interrupt(flight)
            self.interrupted.append(flight)

        patch.setattr(Flight, "interrupt", noted)

    def credentials(self, store: Store | None = None) -> CognitoClientCredentials:
        """A credentials object; one more is another process, if they share a store."""
        made = CognitoClientCredentials(
            domain="https://auth.example.com",
            client_id="abc",
            client_secret=self._secret,
            scopes="files/read",
            policy=RenewalPolicy(deadline=DEADLINE),
            store=store,
            clock=self.clock,
        )
        engine: Any = made._engine
        if store is not None:
            open_store(engine, store)

        def noted(engine: Engine, slot: Slot, flight: Flight) -> Outcome:
            self.flights.append((slot, flight))
            self.flying[_thread.get_ident()] = flight
            return renew(engine, slot, flight)

        engine.renew = noted
        engine.open_sender = lambda url: Sender(self)
        self.members.append(made)
        return made

    def slots(self) -> list[Slot]:
        """Every slot that is alive."""
        return [slot for member in self.members for slot in list(member._engine.slots._alive.values())]

    def newest(self, slot: Slot) -> int:
        """The highest number of a flight that has brought a token to this slot, and has told those who wait."""
        brought = [
            flight.number for each, flight in self.flights if each is slot and isinstance(outcome(flight), Entry)
        ]
        return max(brought, default=0)

    # Actors.

    def caller(self, name: str, credentials: CognitoClientCredentials, **arguments: Any) -> Actor:
        """A thread that asks for a token, `after` so many seconds, when the actor that it `follows` has ended."""
        return self.scheduler.add(name, self._asking(name, credentials, arguments))

    def handler(self, name: str, host: Actor, credentials: CognitoClientCredentials, **arguments: Any) -> Actor:
        """A signal handler that asks for a token, on the thread of `host`, at any of its steps or never."""
        return self.scheduler.add(name, self._asking(name, credentials, arguments), interrupts=host)

    def tasks(
        self,
        name: str,
        credentials: CognitoClientCredentials,
        *,
        count: int = 1,
        cancel_after: float | None = None,
        **arguments: Any,
    ) -> Actor:
        """A thread with an event loop and so many tasks that ask; the first is cancelled after so many seconds."""
        may_raise = arguments.pop("may_raise", ())
        calls = [self._called(name, {**arguments, "may_raise": may_raise}) for _ in range(count)]

        async def ask(call: Call) -> None:
            self._begins(call, credentials)
            try:
                call.result = (await credentials.aget_token(**arguments)).access_token
            except BaseException as error:
                call.error = error

        def run() -> None:
            loop = Loop(self.scheduler)
            try:
                tasks = [loop.create_task(ask(call)) for call in calls]
                if cancel_after is not None:
                    loop.call_later(cancel_after, tasks[0].cancel)
                loop.run_until_complete(asyncio.wait(tasks))
            finally:
                loop.close()

        return self.scheduler.add(name, run)

    def interruption(self, name: str, host: Actor) -> Actor:
        """Ctrl-C on the thread of `host`, at any of its steps or never."""

        def interrupt() -> None:
            raise KeyboardInterrupt

        return self.scheduler.add(name, interrupt, interrupts=host)

    def closer(self, name: str, credentials: CognitoClientCredentials, *, after: float = 0.0) -> Actor:
        """A thread that closes the credentials."""

        def close() -> None:
            credentials.close()
            self.closed = True

        return self.doer(name, close, after=after)

    def doer(self, name: str, act: Callable[[], object], *, after: float = 0.0) -> Actor:
        """A thread that does something else, after so many seconds."""
        call = self._called(name, {})

        def do() -> None:
            call.begun = True
            if after:
                self.scheduler.wait(lambda: False, after, "a pause")
            try:
                act()
                call.result = "done"
            except Exception as error:
                call.error = error

        return self.scheduler.add(name, do)

    def viewer(
        self, name: str, credentials: CognitoClientCredentials, scopes: str, *, interrupts: Actor | None = None
    ) -> Actor:
        """A thread, or a signal handler, that asks through a view of its own, which it keeps."""
        call = self._called(name, {})

        def ask() -> None:
            view = credentials.with_scopes(scopes)
            self.views.append(view)
            self._begins(call, view)
            try:
                call.result = view.get_token().access_token
            except Exception as error:
                call.error = error

        return self.scheduler.add(name, ask, interrupts=interrupts)

    def _asking(
        self, name: str, credentials: CognitoClientCredentials, arguments: dict[str, Any]
    ) -> Callable[[], None]:
        after, follows = arguments.pop("after", 0.0), arguments.pop("follows", None)
        again = arguments.pop("again", 0)
        calls = [self._called(name, arguments)]
        calls += [self._called(name, {**arguments, "may_raise": calls[0].may_raise}) for _ in range(again)]

        def ask() -> None:
            if follows is not None:
                self.scheduler.wait(lambda: follows.done, inf, f"the end of {follows.name}")
            if after:
                self.scheduler.wait(lambda: False, after, "a pause")
            for call in calls:
                self._begins(call, credentials)
                try:
                    call.result = credentials.get_token(**arguments).access_token
                except (Exception, KeyboardInterrupt) as error:
                    call.error = error

        return ask

    def _called(self, name: str, arguments: dict[str, Any]) -> Call:
        rejected: AccessToken | None = arguments.get("rejected")
        call = Call(name, None if rejected is None else rejected.access_token, arguments.pop("may_raise", ()))
        self.calls.append(call)
        return call

    def _begins(self, call: Call, credentials: CognitoClientCredentials) -> None:
        call.begun = True
        call.after_close = self.closed
        call.newest_before = self.newest(credentials._slot)

    def _secret(self) -> str:
        if self.secret_delays:
            self.scheduler.sleep(self.secret_delays.pop(0), "the secret source answers")
        return "s" * 40


class Sender:
    """Answers token requests from the script of a world."""

    proxy: str | None = None

    def __init__(self, world: World) -> None:
        self._world = world
        self._aborted = False

    def send(self, request: TokenRequest, limits: Timeouts) -> Answer | Failure:
        """The answer that the script has for this request."""
        world = self._world
        if self._aborted:
            return outage()  # the connection is shut down as soon as it is there, and nothing goes over it
        flight = world.flying[_thread.get_ident()]
        sent = Request(flight, request.body.decode(), after_close=world.closed, given_up=flight in world.interrupted)
        sent.beside = [
            each
            for each in world.requests
            if not each.answered and each.scopes == sent.scopes and outcome(each.flight) is None
        ]
        world.requests.append(sent)
        number = len(world.requests)
        seconds, failure = world.answers.get(number, (0.0, None))
        what = f"token request {number} is answered"
        if seconds:
            world.scheduler.sleep(seconds, what)
        else:
            world.scheduler.step(what)
        sent.answered = True
        if failure is not None:
            return failure
        world.numbers[f"T{number}"] = sent.flight.number
        body = f'{{"access_token": "T{number}", "token_type": "Bearer", "expires_in": {LIFE}}}'
        return Answer(200, {"content-type": "application/json"}, body.encode())

    def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """A request that was sent is answered all the same: its answer is on its way already."""
        self._aborted = True


def outage() -> Failure:
    """An endpoint that cannot be reached."""
    return Failure(Cause.UNREACHABLE, TokenUnavailable, ("cannot connect", None))


def refusal() -> Failure:
    """An endpoint that refuses the request."""
    return Failure(Cause.REQUEST_REFUSED, InvalidScope, ("no such scope", "invalid_scope"))
