"""What is known per key and of the client, and the bounded map of keys.

Private, because which entry stands after two flights have ended in any order cannot be arranged from outside.
"""

import gc
import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth import CredentialsClosed, Freshness, TokenUnavailable
from s2sauth._core.entry import Entry, Instant
from s2sauth._core.errors import Cause, Failure, InvalidClient
from s2sauth._core.issued import Issued
from s2sauth._core.retry import ForcedBudget
from s2sauth._core.settings import key_id
from s2sauth._flight import Flight
from s2sauth._process import next_generation
from s2sauth._slots import KEPT, Slot, SlotMap
from s2sauth._state import state
from tests.support.entries import POLICY, START, Held, after, empty_slot, entry, failure, settings

REFUSED = Failure(Cause.CLIENT_REFUSED, InvalidClient, ("no", "invalid_client", None, 400, None))


# What is cached.


def test_a_new_slot_knows_nothing_and_has_cost_nothing() -> None:
    """It is named after its settings."""
    held = empty_slot()
    assert held.id == key_id(held.settings)
    assert (held.newest, held.cooldown, held.last_error, held.budget) == (None,) * 4
    assert (held.token_requests, held.tokens_billed, held.entry.number) == (0, 0, 0)


@given(st.permutations([1, 2, 3, 4, 5, 6]))
def test_the_token_of_the_latest_flight_stays_whatever_the_order(numbers: list[int]) -> None:
    """A flight that was given up and comes back late does not undo a newer one."""
    held, entries = empty_slot(), [entry(number=number) for number in numbers]
    for each in entries:
        held.keep(each)
    assert held.entry.number == 6
    assert held.newest is held.entry
    kept, last = [], 0
    for number in numbers:
        if number > last:
            kept.append(number)
            last = number
    assert [each.number for each in entries if each.next] == kept[:-1]  # those that came too late were never cached


def test_a_flight_may_bring_two_entries() -> None:
    """A suspected one of another process first, for the case that it brings no better one."""
    held, fallback, own = empty_slot(), entry(number=1, suspected=True), entry(number=1)
    held.keep(fallback)
    held.keep(own)
    assert held.newest is own


class Meddling(Entry):  # type: ignore[misc]  # final for users; here another thread comes in between
    """An entry that another one overtakes while it is about to be followed."""

    others: list[Entry]
    slot: Slot

    def follow_with(self, entry: Entry) -> bool:
        while self.others:
            self.slot.keep(self.others.pop())
        return super().follow_with(entry)


@given(st.permutations([2, 3, 4, 5, 6]))
def test_the_latest_stays_when_others_come_in_between(numbers: list[int]) -> None:
    """Between looking for the end of the chain and adding to it."""
    held = empty_slot()
    first = entry(number=1)
    meddling = Meddling(first.token, asked_at=START, life=3600, policy=POLICY, chance=0.5, number=1)
    meddling.slot, meddling.others = held, [entry(number=number) for number in numbers[1:]]
    held.keep(meddling)
    held.keep(entry(number=numbers[0]))
    assert held.entry.number == 6
    assert meddling.fresh_until_wall < 0


def test_tokens_of_many_threads_leave_the_latest() -> None:
    """For real."""
    for _ in range(20):
        held = empty_slot()
        entries = [entry(number=number) for number in range(1, 17)]
        barrier = threading.Barrier(16)

        def keep(each: Entry, held: Slot = held, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            held.keep(each)

        threads = [threading.Thread(target=keep, args=(each,)) for each in entries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert held.entry is entries[-1]


def test_dropping_the_tokens_leaves_a_slot_that_takes_one_again() -> None:
    """Of a flight that began after that; and nothing hands out the old one, whoever still has it."""
    held, old = empty_slot(), entry()
    held.keep(old)
    held.keep(Entry.nothing(2))
    assert held.newest is None
    assert old.fresh_until_wall < 0
    held.keep(entry(number=1))
    assert held.newest is None
    held.keep(entry(number=3))
    assert held.newest is not None


@pytest.mark.parametrize("suspected", [False, True])
@pytest.mark.parametrize("forced", [False, True])
def test_a_token_that_arrives_is_an_entry_of_its_flight(forced: bool, suspected: bool) -> None:
    """Its life counts from the request, by the clock that says more; a suspected one comes before the flight's own."""
    held, asked_at = Held(), START
    flight = Flight(7, limit=(asked_at, 8.0), replaces=entry() if forced else None)
    held.clock.now = Instant(START.wall + 100.0, START.boot + 100.0)
    issued = Issued("abc", 3600.0, ("demo/a",), issued_life=7200.0)
    found = held.engine.entry(issued, flight, asked_at=asked_at, suspected=suspected)
    assert (found.number, found.forced, found.suspected) == (7 - suspected, forced, suspected)
    assert (found.asked_at, found.life, found.usable_for) == (asked_at, 3600.0, POLICY.usable_for(3600.0))
    assert (found.renew_after, found.issued_life) == (POLICY.renew_after(3600.0, 0.5), 7200.0)
    token = found.token
    assert (token.access_token, token.scopes, token.expires_in) == ("abc", ("demo/a",), 3600.0)
    assert token.expires_at.timestamp() == asked_at.wall + 3600.0
    assert token.remaining() == 3500.0
    held.clock.now = Instant(START.wall + 50.0, START.boot + 100.0)
    assert token.remaining() == 3500.0
    held.clock.now = Instant(START.wall + 130.0, START.boot + 100.0)
    assert token.remaining() == 3470.0


# What is remembered of failures.


@pytest.mark.parametrize(
    ("failed", "own", "clients"),
    [
        (failure(), True, False),
        (failure(Cause.THROTTLED), True, False),
        (failure(Cause.UNTRUSTED), True, False),
        (failure(Cause.REQUEST_REFUSED), True, False),
        (REFUSED, False, True),
        (failure(Cause.MISUSE), True, False),
        (failure(Cause.CLOSED), False, False),
    ],
    ids=lambda value: value.cause.name if isinstance(value, Failure) else str(value),
)
def test_failure_without_a_token_is_remembered_where_it_belongs(failed: Failure, own: bool, clients: bool) -> None:
    """By the key, or by the client."""
    held = Held()
    held.fail(failed)
    assert (held.slot.cooldown is not None, held.engine.refused is not None) == (own, clients)
    assert held.slot.last_error == failed.name


@pytest.mark.parametrize("cause", list(Cause))
def test_failure_while_a_token_is_cached_pauses_the_renewal(cause: Cause) -> None:
    """Whatever the cause; a refused client is remembered for all as well."""
    held = Held()
    held.keep(entry())
    held.fail(failure(cause), after(2900))
    assert held.slot.cooldown is not None
    assert held.slot.cooldown.with_token
    assert (held.engine.refused is not None) is (cause is Cause.CLIENT_REFUSED)


@pytest.mark.parametrize(
    ("age", "waited_for", "with_token"),
    [(3589.5, True, True), (3590.0, True, False), (3590.0, False, True)],
    ids=["half a second before its end", "at its end", "at its end, and nobody waited"],
)
def test_token_is_cached_until_its_very_end(age: float, waited_for: bool, with_token: bool) -> None:
    """Then the failure is an outage, unless nobody waited: the first caller without a token makes its own try."""
    held = Held()
    held.keep(entry())
    held.fail(failure(), after(age), waited_for=waited_for)
    assert held.slot.cooldown is not None
    assert held.slot.cooldown.with_token is with_token


def test_success_makes_the_failures_void() -> None:
    """Of the key and of the client."""
    held = Held()
    held.fail(failure())
    number = held.fail(REFUSED)
    held.engine.keep(held.slot, entry(number=number + 1))
    assert (held.slot.cooldown, held.engine.refused, held.slot.last_error) == (None, None, None)


def test_failure_of_an_earlier_flight_than_the_token_is_void() -> None:
    """A flight that was given up may be remembered after a newer one has brought a token, or after its own has come."""
    held = Held()
    held.keep(entry(number=7))
    held.fail(failure(), number=7)
    assert (held.slot.cooldown, held.slot.last_error) == (None, None)


def test_failure_of_one_flight_counts_once() -> None:
    """The flight itself and the caller that gives it up may both remember it."""
    held = Held()
    held.fail(failure(), number=7)
    held.fail(failure(), number=7)
    assert held.slot.cooldown is not None
    assert held.slot.cooldown.repeated == 0


@pytest.mark.parametrize("failed", [failure(), failure(Cause.REQUEST_REFUSED), REFUSED], ids=lambda one: one.cause.name)
def test_failures_in_a_row_are_counted(failed: Failure) -> None:
    """Each pause is drawn from twice the one before, from the moment of its own failure."""
    held = Held()
    for number in range(3):
        held.fail(failed, after(number))
        cooldown = held.engine.refused if failed is REFUSED else held.slot.cooldown
        assert cooldown is not None
        assert (cooldown.failure, cooldown.at, cooldown.repeated) == (failed, after(number), number)


def test_failures_in_a_row_while_a_token_is_cached_are_counted() -> None:
    """And Retry-After is kept up to half of what that token has left."""
    held = Held()
    held.keep(entry())
    for number in range(3):
        held.fail(failure(retry_after=1e4), after(3000))
        cooldown = held.slot.cooldown
        assert cooldown is not None
        assert (cooldown.repeated, cooldown.at, cooldown.pause) == (number, after(3000), 295.0)


# The latest flight.


def test_first_flight_gives_nobody_its_outcome() -> None:
    """It stands for 'none yet': settled, number 0."""
    flight = empty_slot().flight
    assert flight.number == 0
    assert isinstance(flight.outcome, Failure)
    assert flight.outcome.error in (TokenUnavailable, CredentialsClosed)
    assert not flight.flying


def test_the_latest_flight_is_the_last_of_those_that_followed() -> None:
    """The slot may still name an earlier one."""
    held = empty_slot()
    second, third = Flight(1, limit=(START, 8.0)), Flight(2, limit=(START, 8.0))
    held.flight.next.set(second)
    second.next.set(third)
    assert held.latest is third


def test_flight_that_a_caller_decides_on_during_close_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes between the look at the latest flight and its end."""
    held, decided = Held(), Flight(1, limit=(START, 8.0), waited_for=True)
    latest, ended = held.slot.flight, Flight.ended

    def meddling(number: int, outcome: Failure) -> Flight:
        latest.next.set(decided)
        return ended(number, outcome)

    monkeypatch.setattr(Flight, "ended", meddling)
    held.engine.close("0123abcd")
    assert isinstance(decided.outcome, Failure)
    assert decided.outcome.cause is Cause.CLOSED
    assert decided.next.get(None) is held.slot.latest
    assert not held.slot.latest.flying


# The map of slots.


def test_equal_settings_share_a_slot() -> None:
    """As long as somebody holds it, or it is among the most recent."""
    slots = SlotMap()
    assert slots.slot(settings("a")) is slots.slot(settings("a"))
    assert slots.slot(settings("a")) is not slots.slot(settings("b"))


def test_map_is_bounded() -> None:
    """The least recently used go first; what is held stays."""
    slots = SlotMap()
    held = slots.slot(settings("held"))
    for number in range(KEPT + 50):
        slots.slot(settings(f"s{number}"))
    gc.collect()
    assert len(slots.all()) == KEPT + 1
    assert slots.slot(settings("held")) is held


def test_single_scope_set_is_held_by_its_object_alone() -> None:
    """And needs no import of cachetools."""
    slots = SlotMap()
    slot = slots.slot(settings())
    assert slots._recent is None
    del slot
    gc.collect()
    assert slots.all() == []


def test_a_child_changes_its_lock_once() -> None:
    """One that a thread of the parent held at the fork would never be released; two threads must not use two."""
    slots = SlotMap()
    lock = slots._lock
    slots.slot(settings())
    assert slots._lock is lock
    next_generation()
    slots.slot(settings())
    changed = slots._lock
    assert changed is not lock
    slots.all()
    assert slots._lock is changed


def test_signal_handler_may_look_up_in_mid_look_up() -> None:
    """The one lock there is lets the same thread in twice."""
    slots = SlotMap()
    with slots._lock:
        assert slots.slot(settings("a")) is not slots.slot(settings("b"))


def test_map_is_safe_for_threads() -> None:
    """Equal settings are one slot, whoever comes first."""
    slots = SlotMap()
    found: list[Slot] = []
    barrier = threading.Barrier(8)

    def look() -> None:
        barrier.wait()
        for number in itertools.islice(itertools.cycle(range(3)), 300):
            found.append(slots.slot(settings(f"s{number}")))  # noqa: PERF401  # one look-up at a time is what is tested

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(slot) for slot in found}) == 3


# The snapshot for people.


def test_state_of_nothing() -> None:
    """No token is EXPIRED."""
    held = Held()
    found = state(held.engine, held.slot)
    assert (found.freshness, found.expires_in, found.next_renewal_in) == (Freshness.EXPIRED, None, 0.0)


def test_state_of_a_remembered_failure_of_the_client() -> None:
    """The pause that holds longest."""
    held = Held()
    held.fail(REFUSED)
    held.fail(failure())
    assert state(held.engine, held.slot).next_renewal_in == 3.0


@pytest.mark.parametrize(
    ("age", "freshness", "expires_in", "next_renewal_in"),
    [
        (0, Freshness.FRESH, 3590, 2880),
        (2879, Freshness.FRESH, 711, 1),
        (2880, Freshness.STALE, 710, 0),
        (3589, Freshness.STALE, 1, 0),
        (3590, Freshness.EXPIRED, 0, 0),
        (5000, Freshness.EXPIRED, 0, 0),
    ],
)
def test_state_of_a_token(age: float, freshness: Freshness, expires_in: float, next_renewal_in: float) -> None:
    """Seconds until it is no longer handed out, and until the next call renews it."""
    held = Held()
    held.keep(entry())
    held.clock.now = after(age)
    found = state(held.engine, held.slot)
    assert (found.freshness, found.expires_in, found.next_renewal_in) == (freshness, expires_in, next_renewal_in)
    assert (found.last_error, found.token_requests, found.tokens_billed, found.scopes) == (None, 0, 0, ("a",))


def test_state_tells_what_it_cost_and_what_went_wrong() -> None:
    """As the slot has it."""
    held = Held()
    held.slot.token_requests, held.slot.tokens_billed = 7, 5
    held.fail(failure())
    found = state(held.engine, held.slot)
    assert (found.last_error, found.token_requests, found.tokens_billed) == ("TokenUnavailable", 7, 5)


def test_state_while_a_renewal_is_in_progress_knows_no_next_one() -> None:
    """Until it has come back."""
    held = Held()
    held.slot.flight = Flight(1, limit=(START, 8.0))
    assert state(held.engine, held.slot).next_renewal_in is None
    held.slot.flight.settle(entry())
    assert state(held.engine, held.slot).next_renewal_in == 0.0


@pytest.mark.parametrize(
    ("age", "forced_at", "next_renewal_in"),
    [(10, None, 20), (29, None, 1), (30, None, 0), (100, None, 0), (100, 90, 50), (2870, 2865, 10), (2880, 2870, 0)],
    ids=["too young", "a second too young", "old enough", "older", "just replaced", "due before that", "due"],
)
def test_state_of_a_suspected_token_goes_by_the_budget_of_forced_renewals(
    age: float, forced_at: float | None, next_renewal_in: float
) -> None:
    """However fresh it is: the next call replaces it once it is 30 s old and a minute after the last replacement."""
    held = Held()
    held.keep(entry(suspected=True))
    if forced_at is not None:
        held.slot.budget = ForcedBudget(after(forced_at), 60.0, 1, 60.0)
    held.clock.now = after(age)
    assert state(held.engine, held.slot).next_renewal_in == pytest.approx(next_renewal_in)


def test_state_of_a_suspected_token_does_not_wait_for_the_end_of_a_pause() -> None:
    """The next call replaces it all the same."""
    held = Held()
    held.keep(entry(suspected=True))
    held.fail(failure(), after(100))
    assert state(held.engine, held.slot).next_renewal_in == 0.0


@pytest.mark.parametrize(("age", "next_renewal_in"), [(2879, 3.75), (2870, 10), (3589, 3.75), (3590, 0)])
def test_state_after_a_failure_while_a_token_was_cached(age: float, next_renewal_in: float) -> None:
    """The later of pause and renewal point; the pause says nothing once the token has expired."""
    held = Held()
    held.keep(entry())
    held.fail(failure(), after(min(age, 3589.9)))
    held.clock.now = after(age)
    assert state(held.engine, held.slot).next_renewal_in == pytest.approx(next_renewal_in)
