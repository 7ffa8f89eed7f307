"""What is known per key, and the bounded map of keys."""

import gc
import itertools
import threading
from typing import Any

import pytest

from s2sauth import CredentialsClosed, Freshness, TokenUnavailable
from s2sauth._core.config import key_id
from s2sauth._core.errors import Cause, Failure, InvalidClient
from s2sauth._core.freshness import Entry, Instant
from s2sauth._core.issued import Issued
from s2sauth._core.retry import Forced
from s2sauth._flight import Flight
from s2sauth._process import next_generation
from s2sauth._slots import KEPT, REMEMBERED, Client, OurHeaders, Slot, SlotMap
from s2sauth._state import state
from s2sauth.testing import ManualClock
from tests.support.entries import POLICY, START, after, empty_slot, entry, failure, settings

REFUSED = Failure(Cause.CLIENT_REFUSED, InvalidClient, ("no", "invalid_client", None, 400, None))

numbers = itertools.count(2)
"""Of flights, each later than all others."""


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
    held = empty_slot()
    held.remember(failed, next(numbers), now=START, policy=POLICY, chance=0.5)
    assert (held.memory is not None, held.client.memory is not None) == (own, clients)
    assert held.last_error == failed.name


@pytest.mark.parametrize("cause", list(Cause))
def test_failure_with_a_token_in_hand_pauses_the_renewal(cause: Cause) -> None:
    """Whatever the cause; a refused client is remembered for all as well."""
    held = empty_slot()
    held.offer(entry())
    held.remember(failure(cause), next(numbers), now=after(2900), policy=POLICY, chance=0.5)
    assert held.memory is not None
    assert held.memory.in_hand
    assert (held.client.memory is not None) is (cause is Cause.CLIENT_REFUSED)


def test_token_in_hand_that_has_ended_is_none() -> None:
    """The failure is an outage then."""
    held = empty_slot()
    held.offer(entry())
    held.remember(failure(), next(numbers), now=after(3590), policy=POLICY, chance=0.5)
    assert held.memory is not None
    assert not held.memory.in_hand


def test_failure_that_nobody_waited_for_is_one_with_a_token_in_hand() -> None:
    """Although the token ended before it did: the first caller without one makes its own try."""
    held = empty_slot()
    held.offer(entry())
    held.remember(failure(), next(numbers), now=after(3590), policy=POLICY, chance=0.5, waited_for=False)
    assert held.memory is not None
    assert held.memory.in_hand


def test_success_forgets_the_failures() -> None:
    """Of the key and of the client."""
    held = empty_slot()
    held.remember(failure(), next(numbers), now=START, policy=POLICY, chance=0.5)
    held.remember(REFUSED, next(numbers), now=START, policy=POLICY, chance=0.5)
    held.succeeded(entry(number=next(numbers)))
    assert (held.memory, held.client.memory, held.last_error) == (None, None, None)


def test_failure_of_an_earlier_flight_than_the_token_is_void() -> None:
    """A flight that was given up may be remembered after a newer one has brought a token, or after its own has come."""
    held, late = empty_slot(), next(numbers)
    held.succeeded(entry(number=late))
    held.remember(failure(), late, now=START, policy=POLICY, chance=0.5)
    assert (held.memory, held.last_error) == (None, None)


def test_failure_of_one_flight_counts_once() -> None:
    """The flight itself and the caller that gives it up may both remember it."""
    held, failed = empty_slot(), next(numbers)
    for _ in range(2):
        held.remember(failure(), failed, now=START, policy=POLICY, chance=0.5)
    assert held.memory is not None
    assert held.memory.repeated == 0


def test_success_of_a_flight_that_was_forgotten_keeps_nothing() -> None:
    """Closed while it was under way."""
    held = empty_slot()
    held.forget(2)
    held.succeeded(entry())
    assert (held.entry, held.newest) == (None, None)


@pytest.mark.parametrize("suspected", [False, True])
@pytest.mark.parametrize("forced", [False, True])
def test_a_token_that_arrives_is_an_entry_of_its_flight(forced: bool, suspected: bool) -> None:
    """Its life counts from the request, by the clock that says more; one that was forced is on trial with the API."""
    held, clock = empty_slot(), ManualClock(random=0.25)
    asked_at = Instant(clock.wall(), clock.boottime())
    flight = Flight(7, limit=(asked_at, 8.0), replaces=entry() if forced else None)
    held.forced = Forced(asked_at, 960.0, 7, 60.0)
    clock.suspend(100.0)
    issued = Issued("abc", 3600.0, ("demo/a",), issued_life=7200.0)
    known = {"suspected": True} if suspected else {}
    found = held.arrived(issued, flight, asked_at=asked_at, policy=POLICY, clock=clock, **known)
    assert (found.number, found.forced, found.suspected) == (7 - suspected, forced, suspected)
    assert (found.asked_at, found.life, found.usable_for) == (asked_at, 3600.0, POLICY.usable_for(3600.0))
    assert (found.renew_after, found.issued_life) == (POLICY.renew_after(3600.0, 0.25), 7200.0)
    token = found.token
    assert (token.access_token, token.scopes, token.expires_in) == ("abc", ("demo/a",), 3600.0)
    assert token.expires_at.timestamp() == asked_at.wall + 3600.0
    assert token.remaining() == 3500.0
    clock.step_wall(-50.0)
    assert token.remaining() == 3500.0
    clock.step_wall(80.0)
    assert token.remaining() == 3470.0
    if token._trial is not None:
        token._trial()
    assert held.forced.interval == (60.0 if forced else 960.0)


def test_trial_is_passed_once_and_for_its_own_flight() -> None:
    """A late answer to another token resets nothing."""
    held = empty_slot()
    held.trial_passed(1)
    assert held.forced is None
    held.forced = Forced(START, 960.0, 2, 60.0)
    held.trial_passed(1)
    assert held.forced.interval == 960.0
    held.trial_passed(2)
    assert held.forced.interval == 60.0
    kept = held.forced
    held.trial_passed(2)
    assert held.forced is kept


def test_equal_settings_share_a_empty_slot() -> None:
    """As long as somebody holds it, or it is among the most recent."""
    slots = SlotMap(Client())
    assert slots.slot(settings("a")) is slots.slot(settings("a"))
    assert slots.slot(settings("a")) is not slots.slot(settings("b"))


def test_slots_of_one_map_share_their_client() -> None:
    """What the endpoint says of the client holds for all."""
    client = Client()
    slots = SlotMap(client)
    assert slots.slot(settings("a")).client is slots.slot(settings("b")).client is client


def test_map_is_bounded() -> None:
    """The least recently used go first; what is held stays."""
    slots = SlotMap(Client())
    held = slots.slot(settings("held"))
    for number in range(KEPT + 50):
        slots.slot(settings(f"s{number}"))
    gc.collect()
    assert len(slots.all()) == KEPT + 1
    assert slots.slot(settings("held")) is held


def test_single_scope_set_is_held_by_its_object_alone() -> None:
    """And needs no import of cachetools."""
    slots = SlotMap(Client())
    slot = slots.slot(settings())
    assert slots._recent is None
    del slot
    gc.collect()
    assert slots.all() == []


def test_map_has_another_lock_in_a_child() -> None:
    """One that a thread of the parent held at the fork would never be released."""
    slots = SlotMap(Client())
    slots.slot(settings())
    before = slots._lock
    next_generation()
    slots.slot(settings())
    assert slots._lock is not before


def test_signal_handler_may_look_up_in_mid_look_up() -> None:
    """The one lock there is lets the same thread in twice."""
    slots = SlotMap(Client())
    with slots._lock:
        assert slots.slot(settings("a")) is not slots.slot(settings("b"))


def test_map_is_safe_for_threads() -> None:
    """Equal settings are one slot, whoever comes first."""
    slots = SlotMap(Client())
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


def test_state_of_nothing() -> None:
    """No token is EXPIRED."""
    found = state(empty_slot(), START, POLICY)
    assert (found.freshness, found.expires_in, found.next_renewal_in) == (Freshness.EXPIRED, None, 0.0)


def test_state_of_a_remembered_failure_of_the_client() -> None:
    """The pause that holds longest."""
    held = empty_slot()
    held.remember(REFUSED, next(numbers), now=START, policy=POLICY, chance=0.5)
    held.remember(failure(), next(numbers), now=START, policy=POLICY, chance=0.5)
    assert state(held, START, POLICY).next_renewal_in == 3.0


def test_first_flight_gives_nobody_its_outcome() -> None:
    """It stands for 'none yet': settled, number 0."""
    flight = empty_slot().flight
    assert flight.number == 0
    assert isinstance(flight.outcome, Failure)
    assert flight.outcome.error in (TokenUnavailable, CredentialsClosed)
    assert not flight.flying


def test_a_new_slot_knows_nothing_and_has_cost_nothing() -> None:
    """It is named after its settings."""
    held = empty_slot()
    assert held.id == key_id(held.settings)
    assert (held.last_error, held.token_requests, held.tokens_billed) == (None, 0, 0)
    assert (held.entry, held.memory, held.forced, held.client.memory, held.client.closed) == (None,) * 4 + (False,)
    held.succeeded(entry())
    assert held.entry is not None


def test_the_entry_of_the_highest_rank_stays_whatever_the_order() -> None:
    """A flight that was given up and comes back late does not undo a newer one; suspicion outranks none."""
    first, second = entry(number=1), entry(number=2)
    suspected = second.under_suspicion()
    for order in itertools.permutations([first, second, suspected]):
        held = empty_slot()
        for one in order:
            held.offer(one)
        assert held.entry is suspected
        assert held._arrived == {suspected.rank: suspected}


def test_an_entry_that_was_taken_away_meanwhile_does_not_stop_another() -> None:
    """Two that offer at the same time clear away the same old ones."""

    class Contested(dict[tuple[int, bool], Entry]):
        def items(self) -> Any:
            found = list(super().items())
            self.pop((1, False), None)  # another thread was faster
            return found

    held = empty_slot()
    held._arrived = Contested({(1, False): entry(number=1)})
    newer = entry(number=2)
    held.offer(newer)
    assert held.entry is newer


def test_forgetting_leaves_a_slot_that_takes_a_token_again() -> None:
    """Of a flight that began after that; and nothing hands out the old one, whoever still has it."""
    held, old = empty_slot(), entry()
    held.offer(old)
    held.forget(2)
    assert held.entry is None
    assert old.fresh_until_wall < 0
    held.offer(entry(number=3))
    assert held.entry is not None


@pytest.mark.parametrize("failed", [failure(), failure(Cause.REQUEST_REFUSED), REFUSED], ids=lambda one: one.cause.name)
def test_failures_in_a_row_are_counted(failed: Failure) -> None:
    """Each pause is drawn from twice the one before, from the moment of its own failure."""
    held = empty_slot()
    for number in range(3):
        held.remember(failed, next(numbers), now=after(number), policy=POLICY, chance=0.5)
        memory = held.client.memory if failed is REFUSED else held.memory
        assert memory is not None
        assert (memory.failure, memory.at, memory.repeated) == (failed, after(number), number)


def test_failures_in_a_row_with_a_token_in_hand_are_counted() -> None:
    """And Retry-After is kept up to half of what that token has left."""
    held = empty_slot()
    held.offer(entry())
    for number in range(3):
        held.remember(failure(retry_after=1e4), next(numbers), now=after(3000), policy=POLICY, chance=0.5)
        assert held.memory is not None
        assert (held.memory.repeated, held.memory.at, held.memory.pause) == (number, after(3000), 295.0)


def test_a_token_in_hand_is_one_until_its_very_end() -> None:
    """Half a second before it the failure is still no outage."""
    held = empty_slot()
    held.offer(entry())
    held.remember(failure(), next(numbers), now=after(3589.5), policy=POLICY, chance=0.5)
    assert held.memory is not None
    assert held.memory.in_hand


def test_a_child_changes_its_lock_once() -> None:
    """Two threads of the child must not use two."""
    slots = SlotMap(Client())
    lock = slots._lock
    slots.slot(settings())
    assert slots._lock is lock
    next_generation()
    slots.slot(settings())
    changed = slots._lock
    slots.all()
    assert slots._lock is changed


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
    held = empty_slot()
    held.offer(entry())
    found = state(held, after(age), POLICY)
    assert (found.freshness, found.expires_in, found.next_renewal_in) == (freshness, expires_in, next_renewal_in)
    assert (found.last_error, found.token_requests, found.tokens_billed, found.scopes) == (None, 0, 0, ("a",))


def test_state_tells_what_it_cost_and_what_went_wrong() -> None:
    """As the slot has it."""
    held = empty_slot()
    held.token_requests, held.tokens_billed = 7, 5
    held.remember(failure(), next(numbers), now=START, policy=POLICY, chance=0.5)
    found = state(held, START, POLICY)
    assert (found.last_error, found.token_requests, found.tokens_billed) == ("TokenUnavailable", 7, 5)


def test_state_while_a_renewal_is_under_way_knows_no_next_one() -> None:
    """Until it has come back."""
    held = empty_slot()
    held.flight = Flight(1, limit=(START, 8.0))
    assert state(held, START, POLICY).next_renewal_in is None
    held.flight.settle(entry())
    assert state(held, START, POLICY).next_renewal_in == 0.0


@pytest.mark.parametrize(
    ("age", "forced_at", "next_renewal_in"),
    [(10, None, 20), (29, None, 1), (30, None, 0), (100, None, 0), (100, 90, 50), (2870, 2865, 10), (2880, 2870, 0)],
    ids=["too young", "a second too young", "old enough", "older", "just replaced", "due before that", "due"],
)
def test_state_of_a_suspected_token_goes_by_the_budget_of_forced_renewals(
    age: float, forced_at: float | None, next_renewal_in: float
) -> None:
    """However fresh it is: the next call replaces it once it is 30 s old and a minute after the last replacement."""
    held = empty_slot()
    held.offer(entry())
    held.offer(held_entry(held).under_suspicion())
    if forced_at is not None:
        held.forced = Forced(after(forced_at), 60.0, 1, 60.0)
    assert state(held, after(age), POLICY).next_renewal_in == pytest.approx(next_renewal_in)


def test_state_of_a_suspected_token_does_not_wait_for_the_end_of_a_pause() -> None:
    """The next call replaces it all the same."""
    held = empty_slot()
    held.offer(entry())
    held.offer(held_entry(held).under_suspicion())
    held.remember(failure(), next(numbers), now=after(100), policy=POLICY, chance=0.5)
    assert state(held, after(100), POLICY).next_renewal_in == 0.0


@pytest.mark.parametrize(("age", "next_renewal_in"), [(2879, 3.75), (2870, 10), (3589, 3.75), (3590, 0)])
def test_state_after_a_failure_with_a_token_in_hand(age: float, next_renewal_in: float) -> None:
    """The later of pause and renewal point; the pause says nothing once the token has ended."""
    held = empty_slot()
    held.offer(entry())
    held.remember(failure(), next(numbers), now=after(min(age, 3589.9)), policy=POLICY, chance=0.5)
    assert state(held, after(age), POLICY).next_renewal_in == pytest.approx(next_renewal_in)


def held_entry(held: Slot) -> Entry:
    """The cached token of a slot that has one."""
    assert held.entry is not None
    return held.entry


def test_our_headers_are_remembered_as_numbers_and_never_more_than_a_few() -> None:
    """The memory neither grows nor has a token in it."""
    ours = OurHeaders()
    for number in range(3 * REMEMBERED):
        ours.remember(f"Bearer {number}")
        assert ours.recognise("Bearer 0"), "one that comes back again and again is kept"
    assert all(isinstance(kept, int) for kept in ours._hashes)
    assert len(ours._hashes) == REMEMBERED
    newest = range(3 * REMEMBERED)[1 - REMEMBERED :]
    assert [number for number in range(3 * REMEMBERED) if ours.recognise(f"Bearer {number}")] == [0, *newest]
