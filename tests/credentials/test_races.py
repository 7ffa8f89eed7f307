"""Interleavings that real threads meet once in a million calls, made to happen each time.

Private modules: the moments between two steps of a caller have no public name. `tests/explore` tries them all.
"""

import _thread
import sys
from collections.abc import Callable
from typing import Any

import pytest

import s2sauth
from s2sauth import CognitoClientCredentials, Event, TokenUnavailable, _flight, _supply
from s2sauth._clock import Lock
from s2sauth._core.errors import Failure
from s2sauth._process import Process, this_process
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import settled
from tests.support.worlds import GetToken, Threads

Make = Callable[..., CognitoClientCredentials]


def test_caller_with_old_news_finds_the_flight_that_came_and_went(
    credentials: CognitoClientCredentials, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It saw no token and decided to fly; before it did, another caller's flight came and went: no second one."""
    others = [credentials.get_token]

    def meddling() -> Process:
        if others:
            others.pop()()  # while the caller makes its flight
        return this_process()

    monkeypatch.setattr(_flight, "this_process", meddling)
    token = credentials.get_token()
    assert token is credentials.get_token()
    assert fake.counts()["token_requests"] == 1


def test_caller_in_lambda_that_lost_the_race_to_renew_does_not_wait(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both found the token STALE; the other one began the flight, and is the one to wait for it."""
    old = credentials.get_token()
    clock.advance(2880)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "caller")
    fake.gate()
    others = [lambda: credentials.get_token(timeout=0)]

    def meddling() -> Process:
        if others:
            others.pop()()
        return this_process()

    monkeypatch.setattr(_flight, "this_process", meddling)
    callers = Threads().start([GetToken(credentials)])
    assert callers.values() == [old]
    fake.wait_for_token_requests(2)
    assert fake.counts()["token_requests"] == 2


class Sleepy(ManualClock):  # type: ignore[misc]  # final for users; this one falls asleep
    """The machine is suspended for a while between an outcome and the waiter's waking."""

    nap = 0.0

    def wait(self, lock: Lock, seconds: float, /) -> None:
        super().wait(lock, seconds)
        nap, self.nap = self.nap, 0.0
        self.suspend(nap)


def test_caller_that_slept_through_the_life_of_its_token_gets_another(make: Make, fake: FakeCognito) -> None:
    """A dead token is not handed out: what is left of the caller's time is for the next one."""
    clock = Sleepy()
    clock.nap = 6.0
    fake.set_expires_in(5)
    assert make(clock=clock).get_token().remaining() == 5
    assert fake.counts()["token_requests"] == 2


def test_the_next_flight_of_that_caller_has_the_rest_of_its_time(make: Make, fake: FakeCognito) -> None:
    """In a Lambda function no token request goes on when the invocation has ended."""
    clock = Sleepy()
    clock.nap = 6.0
    fake.set_expires_in(5)
    credentials = make(clock=clock)
    with s2sauth.time_limit(lambda: 7.0):
        credentials.get_token()
    assert credentials._slot.flight.number == 2
    assert credentials._slot.flight.limit[1] == pytest.approx(0.75)


def test_caller_that_slept_through_its_deadline_fails_and_the_next_one_has_a_token(
    make: Make, fake: FakeCognito
) -> None:
    """The deadline is by our clocks; the flight that it started meanwhile is everybody's."""
    clock = Sleepy()
    clock.nap = 4000.0
    credentials = make(clock=clock)
    with pytest.raises(TokenUnavailable, match="within 8 s"):
        credentials.get_token()
    settled(credentials)
    assert credentials.get_token(timeout=0).remaining() == 3600


def test_flight_that_has_just_ended_is_not_given_up(
    credentials: CognitoClientCredentials, clock: ManualClock, events: list[Event]
) -> None:
    """Its outcome came between looking at the clock and acting on it: that stands."""
    credentials.get_token()
    slot, flight = credentials._slot, credentials._slot.flight
    outcome = flight.outcome
    credentials._engine.give_up(slot, flight)
    assert flight.outcome is outcome
    assert slot.last_error is None
    assert "flight_replaced" not in names(events)


def hold_starts(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Any]]:
    """From now on threads that the engine starts do not begin before the test calls them."""
    waiting: list[Callable[[], Any]] = []

    def start(function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
        waiting.append(lambda: function(*arguments))
        return 0

    monkeypatch.setattr(_thread, "start_new_thread", start)
    return waiting


def test_flight_whose_thread_begins_after_close_sends_and_keeps_nothing(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting a thread and running it are two moments; close() may come between them."""
    old = credentials.get_token()
    clock.advance(60)
    waiting = hold_starts(monkeypatch)
    assert credentials.get_token(rejected=old, timeout=0) is old
    credentials.close()
    waiting[0]()
    assert credentials._slot.newest is None
    assert credentials._slot.budget is None
    assert fake.counts()["token_requests"] == 1


def test_flight_that_was_given_up_before_its_thread_began_sends_nothing(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A starved machine: the next flight gets the token, and nobody pays for two."""
    waiting = hold_starts(monkeypatch)
    with pytest.raises(Exception, match="No token within 0 s"):
        credentials.get_token(timeout=0)
    clock.advance(9)
    with pytest.raises(Exception, match="Remembered"):
        credentials.get_token(timeout=0)
    assert isinstance(credentials._slot.flight.outcome, Failure)
    waiting.pop(0)()
    assert fake.counts()["token_requests"] == 0
    clock.advance(1)
    with pytest.raises(Exception, match="No token within 0 s"):
        credentials.get_token(timeout=0)
    waiting.pop(0)()
    assert credentials.get_token(timeout=0).remaining() == 3600
    assert fake.counts()["token_requests"] == 1


def test_decision_that_nobody_knows_is_loud(
    credentials: CognitoClientCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new Step without a line for it fails the first test that meets it."""
    monkeypatch.setattr(_supply, "next_step", lambda *_, **__: "something new")
    with pytest.raises(AssertionError, match="something new"):
        credentials.get_token()


def test_many_threads_and_a_short_switch_interval(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Fifty threads at each of five expiries, switched every microsecond: one request each time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for round_ in range(1, 6):
            fake.gate()
            callers = Threads().ask(credentials, 50)
            fake.release()
            assert len({id(token) for token in callers.values()}) == 1
            assert fake.counts()["token_requests"] == round_
            clock.advance(3600)
    finally:
        sys.setswitchinterval(before)


class Held(ManualClock):  # type: ignore[misc]  # final for users; this one lets another caller go first
    """The next look at the wall clock takes so long that another caller comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Callable[[], object]] = []

    def wall(self) -> float:
        now = super().wall()
        if self.others:
            self.others.pop()()
        return now


def test_rejected_token_is_not_handed_out_on_old_news(make: Make, fake: FakeCognito) -> None:
    """Another caller's flight spends the budget meanwhile: this caller looks again, and waits for that flight."""
    clock = Held()
    credentials = make(clock=clock)
    old = credentials.get_token()
    clock.advance(100)
    fake.gate()

    def other() -> None:
        assert credentials.get_token(rejected=old, timeout=0) is old
        fake.wait_for_token_requests(2)  # from its start on, the flight has used up the budget

    clock.others.append(other)
    callers = Threads().start([GetToken(credentials, {"rejected": old})], clock).all_wait()
    fake.release()
    assert callers.values() != [old]
    assert fake.counts()["token_requests"] == 2
