"""What a caller gets: the cached token, the one that a flight brings, or the failure. For threads and tasks alike."""

from functools import partial
from typing import assert_never, final

from ._clock import Clock
from ._core.decision import Asked, Decision, Known, next_step
from ._core.entry import Entry, Instant, is_short
from ._core.errors import Cause, ConfigurationError, CredentialsClosed, Failure, TokenUnavailable
from ._core.policy import LAMBDA_WAIT, RenewalPolicy, is_number
from ._core.retry import SHORTEST_LIMIT, Cooldown, background_limit, in_force
from ._core.values import AccessToken
from ._engine import CLOSED, Engine
from ._flight import Flight
from ._process import in_lambda
from ._slots import Slot
from ._time_limit import time_left

Wait = tuple[Flight, float]
"""The flight that a caller waits for, and for how many seconds at most."""


@final
class Call:
    """One call of `get_token()`: decides, starts or joins a flight, waits for it, looks at what it brought."""

    def __init__(
        self, engine: Engine, slot: Slot, timeout: float | None, rejected: AccessToken | None, min_ttl: float
    ) -> None:
        self._engine = engine
        self._clock: Clock = engine.clock
        self._slot = slot
        self._time_left = time_left()
        self._patience = _patience(engine.policy, timeout, self._time_left)
        self._asked = _ANYTHING if rejected is None and min_ttl == 0 else _asked(rejected, min_ttl)
        self._began = self._clock.boottime()
        self._joined: Flight | None = None
        """The flight that it waits for."""
        self._waited = False
        """It has seen the outcome of a flight."""
        self._token: AccessToken | None = None
        """What it returns, once that is known."""

    def get(self) -> AccessToken:
        """The token; waits in this thread if it must."""
        while (token := self._token) is None:
            if (wait := self._step()) is not None:
                wait[0].wait_in_thread(self._clock, wait[1])
        return token

    async def aget(self) -> AccessToken:
        """The same for a task."""
        while (token := self._token) is None:
            if (wait := self._step()) is not None:
                await wait[0].wait_in_task(wait[1])
        return token

    def _now(self) -> Instant:
        return Instant(self._clock.wall(), self._clock.boottime())

    def _step(self) -> Wait | None:
        return self._decide() if self._joined is None else self._look_at(self._joined)

    def _decide(self) -> Wait | None:
        engine, slot = self._engine, self._slot
        flight = slot.latest  # read before anything else: see _flight, rule 1
        if engine.closed:
            raise CredentialsClosed(CLOSED)
        now = self._now()
        flying = flight.flying and self._goes_on(flight, now)
        entry = slot.newest
        known = Known(
            engine.policy,
            flying=flying,
            entry=entry,
            cooldowns=(slot.cooldown, engine.refused),
            budget=slot.budget,
        )
        decision = next_step(known, self._asked, now)
        if flight.next:
            return None  # another flight has begun since: the values that were read do not belong together
        match decision:
            case Decision.SERVE:
                assert entry is not None
                self._serve(entry)
            case Decision.FAIL:
                raise _remembered(known, now)
            case Decision.RENEW:
                assert entry is not None
                return self._renew(flight, entry, now)
            case Decision.REPLACE:
                self._join(flight, now, flying=flying, replaces=entry)
            case Decision.FETCH:
                self._join(flight, now, flying=flying, replaces=None)
            case _:
                assert_never(decision)
        return None

    def _goes_on(self, flight: Flight, now: Instant) -> bool:
        """Whether it is in progress: a flight that has not begun is begun, one past its deadline is given up."""
        self._begin(flight, now)
        if flight.left(now) > 0:
            return True
        self._engine.give_up(self._slot, flight)
        return False

    def _serve(self, entry: Entry) -> None:
        if entry.token.access_token == self._asked.rejected:
            self._engine.report("forced_renewal_withheld", self._slot.id)
        self._hand_out(entry)

    def _hand_out(self, entry: Entry) -> None:
        if (min_ttl := self._asked.min_ttl) and (left := entry.left(self._now())) < min_ttl:
            self._engine.report("min_ttl_not_met", self._slot.id, seconds=left)
        self._token = entry.token

    def _renew(self, flight: Flight, entry: Entry, now: Instant) -> Wait | None:
        """Start a renewal in the background. In Lambda, wait for it: threads stand still between invocations."""
        limit = now, self._in_time(background_limit(entry.usable_left(now)), now)
        candidate = Flight(flight.number + 1, limit=limit, min_ttl=self._asked.min_ttl)
        if self._start(flight, candidate) is candidate and in_lambda():
            return candidate, min(LAMBDA_WAIT, self._patience)
        self._token = entry.token
        return None

    def _join(self, flight: Flight, now: Instant, *, flying: bool, replaces: Entry | None) -> None:
        """Wait for the flight in progress, or for the next one, which another caller may already have begun."""
        limit = now, self._in_time(self._engine.policy.deadline, now)
        if not flying:
            number, min_ttl = flight.number + 1, self._asked.min_ttl
            candidate = Flight(number, limit=limit, replaces=replaces, min_ttl=min_ttl, waited_for=True)
            flight = self._start(flight, candidate)
        elif not flight.waited_for:
            # It began while a usable token was cached, for one attempt; now a caller waits for it.
            flight.limit = limit
            flight.waited_for = True
        self._joined = flight

    def _in_time(self, seconds: float, now: Instant) -> float:
        """How long a flight that begins now may last: so many seconds, but no longer than the caller has."""
        return min(seconds, max(SHORTEST_LIMIT, self._time_left - (now.boot - self._began)))

    def _start(self, last: Flight, candidate: Flight) -> Flight:
        """The flight after `last`: the candidate, or another caller's; begun in either case."""
        self._slot.flight = flight = last.next.settle(candidate)
        self._begin(flight, candidate.limit[0])
        return flight

    def _begin(self, flight: Flight, now: Instant) -> None:
        """Begin it, unless it has begun: the caller that decided on it may have been interrupted, perhaps long ago."""
        if flight.begun:
            return
        flight.limit = now, flight.limit[1]
        engine = self._engine
        assert engine.renew is not None  # prepare() comes before every call
        if not flight.launch(partial(engine.renew, engine, self._slot)):
            engine.report("thread_refused", self._slot.id)

    def _look_at(self, flight: Flight) -> Wait | None:
        """Act on the outcome of the flight that it waits for, or go on waiting."""
        outcome = flight.outcome
        if outcome is None:
            return self._wait_for(flight)
        self._joined = None
        if isinstance(outcome, Entry):
            self._take(outcome)
        else:
            self._fail(outcome)
        return None

    def _wait_for(self, flight: Flight) -> Wait | None:
        engine = self._engine
        now = self._now()
        left, flight_left = self._patience - (now.boot - self._began), flight.left(now)
        if flight_left <= 0:
            engine.give_up(self._slot, flight)
        elif left <= 0:
            self._fail(flight.too_long(self._patience))
        else:
            return flight, min(left, flight_left)
        return None

    def _take(self, entry: Entry) -> None:
        now = self._now()
        if entry.usable_left(now) <= 0:
            return  # this caller slept until the token that it waited for had expired: decide again
        min_ttl = self._asked.min_ttl
        if self._waited or not min_ttl or not is_short(entry, min_ttl, now):
            self._hand_out(entry)
        self._waited = True  # it joined the flight of a caller that needs less

    def _fail(self, failure: Failure) -> None:
        if failure.cause is Cause.ELSEWHERE:
            return  # that flight began when no caller waited; now this one does
        entry = self._slot.newest  # the one to replace, as good as before; or a suspected one, which is all there is
        if failure.cause is Cause.CLOSED or entry is None or entry.usable_left(self._now()) <= 0:
            raise failure.exception()
        self._hand_out(entry)


def _patience(policy: RenewalPolicy, timeout: float | None, most: float) -> float:
    """How many seconds a caller waits at most."""
    most = min(policy.deadline, most)
    if timeout is None:
        return most
    if not is_number(timeout) or timeout < 0:
        raise ConfigurationError(f"timeout: seconds, 0 or more, or None for the policy's deadline; got {timeout!r}")
    return min(timeout, most)


def _asked(rejected: AccessToken | None, min_ttl: float) -> Asked:
    if not is_number(min_ttl) or min_ttl < 0:
        raise ConfigurationError(f"min_ttl: seconds of life that the token must have, 0 or more; got {min_ttl!r}")
    return Asked(None if rejected is None else rejected.access_token, min_ttl)


_ANYTHING = Asked()  # what most callers ask for


def _remembered(known: Known, now: Instant) -> Exception:
    """The remembered failure, raised without a token request; it says when the next one may be made."""
    cooldown: Cooldown | None = in_force(known.cooldowns, now, with_token=False)
    assert cooldown is not None
    failure = cooldown.failure
    if failure.error is TokenUnavailable:
        left = cooldown.retry_after(now)
        text = f"{failure.args[0]} (Remembered; the next token request may be made in {left:.1f} s.)"
        return TokenUnavailable(text, left)
    return failure.exception()
