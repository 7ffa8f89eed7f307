"""Who gets which token: the cached one, the one that a flight brings, the failure. One code for threads and tasks."""

from collections.abc import Callable, Generator, Iterator
from typing import assert_never, final

from ._core.errors import Cause, ConfigurationError, CredentialsClosed, Failure, TokenUnavailable
from ._core.freshness import Entry, Instant
from ._core.plan import Step, is_short, next_step
from ._core.policy import LAMBDA_WAIT, RenewalPolicy, is_number
from ._core.retry import SHORTEST_LIMIT, Memory, background_limit, holding
from ._core.values import AccessToken
from ._flight import Flight, Outcome
from ._process import Clock, in_lambda
from ._slots import Client, Slot
from ._time_limit import time_left
from .events import Reporter

Wait = tuple[Flight, float]
"""What somebody waits for, and for how many seconds at most."""


@final
class _Waits:
    """The waits of one caller, and the token at their end."""

    token: AccessToken

    def __init__(self, steps: Generator[Wait, None, AccessToken]) -> None:
        self._steps = steps

    def __iter__(self) -> Iterator[Wait]:
        self.token = yield from self._steps


@final
class Supply:
    """Hands out tokens; starts flights and waits for them."""

    def __init__(
        self,
        *,
        policy: RenewalPolicy,
        clock: Clock,
        report: Reporter,
        renew: Callable[[Slot, Flight], Outcome],
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._report = report
        self._renew = renew
        self.working: dict[Flight, None] = {}
        """Flights whose thread works, also those that were closed or given up meanwhile."""

    def now(self) -> Instant:
        """This moment by both clocks."""
        return Instant(self._clock.wall(), self._clock.boottime())

    def get(self, slot: Slot, timeout: float | None, rejected: AccessToken | None, min_ttl: float) -> AccessToken:
        """A token, waiting in this thread if it must."""
        waits = _Waits(self._steps(slot, self._patience(timeout), rejected, _checked(min_ttl)))
        for flight, seconds in waits:
            flight.wait_in_thread(self._clock, seconds)
        return waits.token

    async def aget(
        self,
        slot: Slot,
        timeout: float | None,  # noqa: ASYNC109  # a shorter wait than the policy's, never a cancelled flight
        rejected: AccessToken | None,
        min_ttl: float,
    ) -> AccessToken:
        """A token, waiting in this task if it must."""
        waits = _Waits(self._steps(slot, self._patience(timeout), rejected, _checked(min_ttl)))
        for flight, seconds in waits:
            await flight.wait_in_task(seconds)
        return waits.token

    def suspect(self, slot: Slot, access_token: str) -> None:
        """Mark the cached token as suspected, if it is this one."""
        entry = slot.newest
        is_cached = entry is not None and entry.token.access_token == access_token
        del access_token  # a traceback may show the locals of its frames
        if entry is not None and is_cached and not entry.suspected:
            slot.offer(entry.under_suspicion())
            self._report("token_suspected", slot.id)

    def forget(self, slots: list[Slot]) -> None:
        """Drop tokens and failures, end the flights: this process becomes a snapshot, or was one."""
        for slot in slots:
            self._end(slot, Failure(Cause.ELSEWHERE, TokenUnavailable, ("a snapshot was taken meanwhile", None)))
            slot.client.memory = None

    def close(self, key: str, client: Client, slots: list[Slot]) -> None:
        """Forget the tokens, end the flights, refuse what comes; `key` is for the event."""
        if not client.closed:
            client.closed = True
            self._report("closed", key)
        for slot in slots:
            self._end(slot, Failure(Cause.CLOSED, CredentialsClosed, (_CLOSED,)))

    @staticmethod
    def _end(slot: Slot, outcome: Failure) -> None:
        latest = slot.latest
        while True:
            ended = Flight.ended(latest.number + 1, outcome)
            successor = latest.succeed(ended)  # first: from here on nobody begins another one
            if latest.settle(outcome):
                latest.interrupt()
            if successor is ended:
                break
            latest = successor
        slot.flight = ended
        slot.forget(ended.number)  # what the flights before it bring is not kept either

    def _patience(self, timeout: float | None) -> float:
        most = min(self._policy.deadline, time_left())
        if timeout is None:
            return most
        if not is_number(timeout) or timeout < 0:
            raise ConfigurationError(f"timeout: seconds, 0 or more, or None for the policy's deadline; got {timeout!r}")
        return min(timeout, most)

    def _steps(
        self, slot: Slot, patience: float, rejected: AccessToken | None, min_ttl: float
    ) -> Generator[Wait, None, AccessToken]:
        began = self._clock.boottime()
        waited = False
        while True:
            flight = slot.latest  # read before anything else: see _flight, rule 1
            if slot.client.closed:
                raise CredentialsClosed(_CLOSED)
            now = self.now()
            self._see_to(slot, flight, now)
            flying = flight.flying
            entry = slot.newest
            memories = (slot.memory, slot.client.memory)
            step = next_step(
                entry,
                now=now,
                policy=self._policy,
                memories=memories,
                forced=slot.forced,
                flying=flying,
                rejected=None if rejected is None else rejected.access_token,
                min_ttl=min_ttl,
            )
            if flight.successor is not None:
                continue  # another flight has begun meanwhile: what was read does not belong together
            match step:
                case Step.SERVE:
                    assert entry is not None
                    if rejected is not None and entry.token.access_token == rejected.access_token:
                        self._report("forced_renewal_withheld", slot.id)
                    return self._handed_out(slot, entry, min_ttl)
                case Step.FAIL:
                    raise _remembered(memories, now)
                case Step.RENEW:
                    assert entry is not None
                    limit = _in_time(background_limit(entry.usable_left(now)))
                    candidate = Flight(flight.number + 1, limit=(now, limit), min_ttl=min_ttl)
                    if self._next(slot, flight, candidate) is candidate and in_lambda():
                        yield candidate, min(LAMBDA_WAIT, patience)
                        continue
                    return entry.token
                case Step.REPLACE | Step.FETCH:
                    replaces = entry if step is Step.REPLACE else None
                    next_one = Flight(
                        flight.number + 1,
                        limit=(now, _in_time(self._policy.deadline)),
                        replaces=replaces,
                        min_ttl=min_ttl,
                        waited_for=True,
                    )
                    joined = self._join(slot, flight, next_one, flying=flying)
                    outcome = yield from self._await(slot, joined, began, patience)
                case _:
                    assert_never(step)
            if isinstance(outcome, Entry):
                if outcome.usable_left(self.now()) <= 0:
                    continue  # this caller slept through the life of what it waited for
                if waited or not is_short(outcome, min_ttl, self.now()):
                    return self._handed_out(slot, outcome, min_ttl)
                waited = True  # it joined a flight of somebody who needs less
                continue
            if outcome.cause is Cause.ELSEWHERE:
                continue  # it began when nobody waited; now somebody does
            entry = slot.newest  # what was to be replaced stays as good as it was; or a suspected one was all there is
            if outcome.cause is not Cause.CLOSED and entry is not None and entry.usable_left(self.now()) > 0:
                return self._handed_out(slot, entry, min_ttl)
            raise outcome.exception()

    def _next(self, slot: Slot, latest: Flight, candidate: Flight) -> Flight:
        """The flight after `latest`: the candidate, or another caller's; begun in either case."""
        slot.flight = flight = latest.succeed(candidate)
        self._begin(slot, flight, candidate.limit[0])
        return flight

    def _see_to(self, slot: Slot, flight: Flight, now: Instant) -> None:
        """Begin the latest flight if it has not begun, and give it up if it outlived its deadline."""
        if flight.flying:
            self._begin(slot, flight, now)
            if flight.left(now) <= 0:
                self._give_up(slot, flight, now)

    def _begin(self, slot: Slot, flight: Flight, now: Instant) -> None:
        """Begin it, unless it has begun: whoever decided on it may have been interrupted before that, long ago."""
        if flight.begun:
            return
        flight.limit = now, flight.limit[1]
        if not flight.launch(lambda flight: self._work(slot, flight)):
            self._report("thread_refused", slot.id)

    def _work(self, slot: Slot, flight: Flight) -> Outcome:
        self.working[flight] = None
        try:
            return self._renew(slot, flight)
        finally:
            self.working.pop(flight, None)

    def _handed_out(self, slot: Slot, entry: Entry, min_ttl: float) -> AccessToken:
        if entry.left(self.now()) < min_ttl:
            self._report("min_ttl_not_met", slot.id, seconds=entry.left(self.now()))
        return entry.token

    def _join(self, slot: Slot, latest: Flight, candidate: Flight, *, flying: bool) -> Flight:
        """The flight to wait for: the one under way, or the next one, which another caller may have begun meanwhile."""
        if not flying:
            return self._next(slot, latest, candidate)
        if not latest.waited_for:
            # It began with a usable token in hand and for one attempt; now somebody waits for it.
            latest.limit = candidate.limit
            latest.waited_for = True
        return latest

    def _await(self, slot: Slot, flight: Flight, began: float, patience: float) -> Generator[Wait, None, Outcome]:
        """Wait for the flight's outcome; a failure of one's own when patience ends first."""
        while flight.outcome is None:
            now = self.now()
            left = patience - (self._clock.boottime() - began)
            if flight.left(now) <= 0:
                self._give_up(slot, flight, now)
            elif left <= 0:
                return flight.too_long(patience)
            else:
                yield flight, min(left, flight.left(now))
        return flight.outcome

    def _give_up(self, slot: Slot, flight: Flight, now: Instant) -> None:
        """End a flight that outlived its deadline; whoever notices does it."""
        failure = flight.too_long(flight.limit[1])
        chance, number = self._clock.random(), flight.number
        slot.remember(failure, number, now=now, policy=self._policy, chance=chance, waited_for=flight.waited_for)
        if flight.settle(failure):
            flight.interrupt()
            self._report("flight_replaced", slot.id, seconds=flight.limit[1])


_CLOSED = "These credentials were closed. Build the object once, at module level, and close it when the process ends."


def _in_time(seconds: float) -> float:
    """How long a flight may last that would have these seconds, but for the caller's own time."""
    return min(seconds, max(SHORTEST_LIMIT, time_left()))


def _checked(min_ttl: float) -> float:
    if not is_number(min_ttl) or min_ttl < 0:
        raise ConfigurationError(f"min_ttl: seconds of life that the token must have, 0 or more; got {min_ttl!r}")
    return min_ttl


def _remembered(memories: tuple[Memory | None, ...], now: Instant) -> Exception:
    """The remembered failure, raised without a token request; it says when the next one may be made."""
    memory = holding(memories, now, in_hand=False)
    assert memory is not None
    failure = memory.failure
    if failure.error is TokenUnavailable:
        left = memory.left(now)
        text = f"{failure.args[0]} (Remembered; the next token request may be made in {left:.1f} s.)"
        return TokenUnavailable(text, left)
    return failure.exception()
