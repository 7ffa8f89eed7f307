"""A store that fails, hangs or is slow: how long it may take, and when it is tried again.

`_guarded` is private: who asks for a token sees that a store is skipped, and not how often it was tried.
"""

import _thread
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from s2sauth import Event
from s2sauth.events import Reporter
from s2sauth.stores import Store, StoreBusy
from s2sauth.stores._guarded import MAX_HANGING, TRIES, Guarded, StoreUnusable
from s2sauth.testing import ManualClock, MemoryStore
from tests.support.settled import eventually


@pytest.fixture
def clock() -> ManualClock:
    """Time that passes when the test says so."""
    return ManualClock()


@pytest.fixture
def events() -> list[Event]:
    """What was reported."""
    return []


@pytest.fixture
def guarded(clock: ManualClock, events: list[Event]) -> Guarded:
    """A store that does as the operation says."""
    return Guarded(MemoryStore(clock=clock), clock=clock, report=Reporter(clock, events.append))


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hangs goes on at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def call(guarded: Guarded, operation: Callable[[Store], Any], seconds: float = 1.0) -> Any:
    """One operation."""
    return guarded.call(operation, seconds=seconds, key="0123abcd")


def hang(guarded: Guarded, clock: ManualClock, gate: threading.Event) -> None:
    """One operation that does not end, given up after its second."""
    entered = threading.Event()

    def operation(store: Store) -> None:
        entered.set()
        gate.wait(10)

    def give_up() -> None:
        with pytest.raises(StoreUnusable):
            call(guarded, operation)

    caller = threading.Thread(target=give_up)
    caller.start()
    assert entered.wait(10)
    clock.wait_for_sleepers(1)
    clock.advance(1.0)
    caller.join(10)
    assert not caller.is_alive()


def fail(error: type[BaseException]) -> Callable[[Store], None]:
    """An operation that raises."""

    def operation(store: Store) -> None:
        raise error("the store's own words")

    return operation


def test_what_comes_back_comes_back(guarded: Guarded) -> None:
    """False and None are answers like others."""
    assert [call(guarded, lambda store, value=value: value) for value in (1, False, None)] == [1, False, None]


@pytest.mark.parametrize(("failures", "usable"), [(TRIES - 1, True), (TRIES, False)], ids=["the last", "none"])
def test_one_of_some_tries_has_to_succeed(guarded: Guarded, events: list[Event], failures: int, usable: bool) -> None:
    """In a crowd a connection that was made anew may be cut as well."""
    outcomes: list[type[Exception] | None] = [*[ConnectionResetError] * failures, None]

    def cut(store: Store) -> str:
        if (error := outcomes.pop(0)) is not None:
            raise error
        return "done"

    if usable:
        assert call(guarded, cut) == "done"
        assert not events
    else:
        with pytest.raises(StoreUnusable):
            call(guarded, cut)
        assert outcomes == [None]


def test_a_failure_that_came_late_is_not_tried_again(guarded: Guarded, clock: ManualClock) -> None:
    """More than half of its time is gone."""
    calls: list[int] = []

    def slow(store: Store) -> None:
        calls.append(1)
        clock.advance(0.6)
        raise ConnectionError

    with pytest.raises(StoreUnusable):
        call(guarded, slow)
    assert calls == [1]


@pytest.mark.parametrize("error", [StoreBusy, TimeoutError, OSError, ValueError, SystemExit])
def test_nothing_but_a_cut_connection_is_tried_again_at_once(guarded: Guarded, error: type[BaseException]) -> None:
    """It would be refused again, and a store that is busy would be busier."""
    calls: list[int] = []

    def refuse(store: Store) -> None:
        calls.append(1)
        raise error

    with pytest.raises((StoreUnusable, StoreBusy)):
        call(guarded, refuse)
    assert calls == [1]


def test_a_cut_connection_and_then_a_busy_store(guarded: Guarded, events: list[Event]) -> None:
    """It is busy: there is no failure."""
    errors: list[type[Exception]] = [ConnectionError, StoreBusy]

    def refuse(store: Store) -> None:
        raise errors.pop(0)

    with pytest.raises(StoreBusy):
        call(guarded, refuse)
    assert [event.name for event in events] == ["store_busy"]


@pytest.mark.fault(192)
def test_a_busy_store_has_not_failed(guarded: Guarded, events: list[Event]) -> None:
    """It is told, each time, and asked again without a pause of ours; nothing of the error comes along."""
    for _ in range(3):
        with pytest.raises(StoreBusy) as caught:
            call(guarded, fail(StoreBusy))
        assert caught.value.__cause__ is caught.value.__context__ is None
        assert caught.value.args == ()
    assert call(guarded, lambda store: 1) == 1
    assert [(event.name, event.error, event.seconds) for event in events] == [("store_busy", "StoreBusy", None)] * 3


@pytest.mark.fault(192)
def test_a_busy_store_is_neither_a_recovery_nor_a_failure(
    guarded: Guarded, clock: ManualClock, events: list[Event]
) -> None:
    """After a pause for a failure: it goes on to be asked, and the next failure's pause is twice as long."""
    with pytest.raises(StoreUnusable):
        call(guarded, fail(ValueError))
    clock.advance(5)
    with pytest.raises(StoreBusy):
        call(guarded, fail(StoreBusy))
    with pytest.raises(StoreUnusable):
        call(guarded, fail(ValueError))
    assert [(event.name, event.seconds) for event in events] == [
        ("store_failed", 3.75),
        ("store_busy", None),
        ("store_failed", 7.5),
    ]


def test_a_store_can_be_left_alone_from_outside(guarded: Guarded, clock: ManualClock, events: list[Event]) -> None:
    """One that was busy for too long."""
    guarded.leave_alone("0123abcd", "Name")
    with pytest.raises(StoreUnusable):
        call(guarded, lambda store: pytest.fail("it is left alone"))
    clock.advance(3.75)
    assert call(guarded, lambda store: 1) == 1
    told = [(event.name, event.key, event.error, event.seconds) for event in events]
    assert told == [("store_failed", "0123abcd", "Name", 3.75), ("store_recovered", "0123abcd", None, None)]


class Throttled(Exception):
    """What a store's library raises."""


class Cut(ConnectionError):
    """What a library raises that derives its own from Python's."""


@pytest.mark.parametrize(
    ("error", "cause", "told"),
    [
        (StoreBusy, Throttled, "Throttled"),
        (StoreBusy, None, "StoreBusy"),
        (ConnectionError, Throttled, "Throttled"),
        (ConnectionError, None, "ConnectionError"),
        (Cut, Throttled, "Cut"),
        (ConnectionResetError, OSError, "ConnectionResetError"),
        (ValueError, Throttled, "ValueError"),
    ],
)
def test_an_event_names_what_the_library_raised(
    guarded: Guarded,
    events: list[Event],
    error: type[Exception],
    cause: type[Exception] | None,
    told: str,
) -> None:
    """An engine raises StoreBusy and ConnectionError from it."""

    def refuse(store: Store) -> None:
        raise error from (None if cause is None else cause())

    with pytest.raises((StoreUnusable, StoreBusy)):
        call(guarded, refuse)
    assert [event.error for event in events] == [told]


@pytest.mark.parametrize("error", [ConnectionError, ValueError, SystemExit])
def test_whatever_an_engine_raises_is_a_store_that_cannot_be_used(
    guarded: Guarded, clock: ManualClock, events: list[Event], error: type[BaseException]
) -> None:
    """Its class is named, its words are not: they may contain anything."""
    with pytest.raises(StoreUnusable) as caught:
        call(guarded, fail(error))
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert [(event.name, event.error) for event in events] == [("store_failed", error.__name__)]


def test_pauses_double_and_a_success_ends_them(guarded: Guarded, clock: ManualClock, events: list[Event]) -> None:
    """5, 10, 20 s at most, three quarters of it at this chance."""
    for pause in (3.75, 7.5, 15.0):
        with pytest.raises(StoreUnusable):
            call(guarded, fail(ConnectionError))
        clock.advance(pause - 0.01)
        with pytest.raises(StoreUnusable):
            call(guarded, lambda store: pytest.fail("it is left alone"))
        clock.advance(0.02)
    assert call(guarded, lambda store: 1) == 1
    assert [event.name for event in events] == ["store_failed"] * 3 + ["store_recovered"]
    with pytest.raises(StoreUnusable):
        call(guarded, fail(ConnectionError))
    assert events[-1].seconds == 3.75


def test_what_hangs_is_given_up_after_its_time(
    guarded: Guarded, clock: ManualClock, events: list[Event], gate: threading.Event
) -> None:
    """To the tick of the clock."""
    hang(guarded, clock, gate)

    assert [(event.name, event.error) for event in events] == [("store_failed", "StoreTimeout")]


def test_so_many_may_hang_and_no_more(guarded: Guarded, clock: ManualClock, gate: threading.Event) -> None:
    """Each try leaves a thread behind as long as the store hangs; when one ends, there is a next try."""
    for _ in range(MAX_HANGING):
        hang(guarded, clock, gate)
        clock.advance(60)

    with pytest.raises(StoreUnusable):
        call(guarded, lambda store: pytest.fail("too many hang"))

    gate.set()
    eventually(lambda: not guarded._under_way)
    clock.advance(60)
    assert call(guarded, lambda store: 1) == 1


def test_what_hangs_in_the_parent_does_not_count_in_a_forked_child(
    guarded: Guarded, clock: ManualClock, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its threads are not there."""
    for _ in range(MAX_HANGING):
        hang(guarded, clock, gate)
        clock.advance(60)
    monkeypatch.setattr("s2sauth.stores._guarded.this_process", lambda: (0, 0))

    assert call(guarded, lambda store: 1) == 1


def test_without_a_thread_it_is_done_here(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing but the engine's own time limits holds."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    assert call(guarded, lambda store: threading.get_ident()) == threading.get_ident()
