"""What is known per key, and the bounded map of keys."""

import gc
import itertools
import threading

import pytest

from s2sauth import CredentialsClosed, Freshness, TokenUnavailable
from s2sauth._core.errors import Cause, Failure, InvalidClient
from s2sauth._core.retry import Forced
from s2sauth._process import next_generation
from s2sauth._slots import KEPT, Client, Slot, SlotMap, state
from tests.support.entries import POLICY, START, after, empty_slot, entry, failure, settings

REFUSED = Failure(Cause.CLIENT_REFUSED, InvalidClient, ("no", "invalid_client", None, 400, None))


@pytest.mark.parametrize(
    ("failed", "own", "clients"),
    [
        (failure(), True, False),
        (failure(Cause.THROTTLED), True, False),
        (failure(Cause.UNTRUSTED), True, False),
        (failure(Cause.REQUEST_REFUSED), True, False),
        (REFUSED, False, True),
        (failure(Cause.MISUSE), False, False),
        (failure(Cause.CLOSED), False, False),
    ],
    ids=lambda value: value.cause.name if isinstance(value, Failure) else str(value),
)
def test_failure_without_a_token_is_remembered_where_it_belongs(failed: Failure, own: bool, clients: bool) -> None:
    """By the key, by the client, or, when our caller is at fault, by nobody."""
    held = empty_slot()
    held.remember(failed, now=START, policy=POLICY, chance=0.5)
    assert (held.memory is not None, held.client.memory is not None) == (own, clients)
    assert held.last_error == failed.name


@pytest.mark.parametrize("cause", list(Cause))
def test_failure_with_a_token_in_hand_pauses_the_renewal(cause: Cause) -> None:
    """Whatever the cause; a refused client is remembered for all as well."""
    held = empty_slot()
    held.offer(entry())
    held.remember(failure(cause), now=after(2900), policy=POLICY, chance=0.5)
    assert held.memory is not None
    assert held.memory.in_hand
    assert (held.client.memory is not None) is (cause is Cause.CLIENT_REFUSED)


def test_token_in_hand_that_has_ended_is_none() -> None:
    """The failure is an outage then."""
    held = empty_slot()
    held.offer(entry())
    held.remember(failure(), now=after(3590), policy=POLICY, chance=0.5)
    assert held.memory is not None
    assert not held.memory.in_hand


def test_failure_that_nobody_waited_for_is_one_with_a_token_in_hand() -> None:
    """Although the token ended before it did: the first caller without one makes its own try."""
    held = empty_slot()
    held.offer(entry())
    held.remember(failure(), now=after(3590), policy=POLICY, chance=0.5, waited_for=False)
    assert held.memory is not None
    assert held.memory.in_hand


def test_success_forgets_the_failures() -> None:
    """Of the key and of the client."""
    held = empty_slot()
    held.remember(failure(), now=START, policy=POLICY, chance=0.5)
    held.remember(REFUSED, now=START, policy=POLICY, chance=0.5)
    held.succeeded(entry())
    assert (held.memory, held.client.memory, held.last_error) == (None, None, None)


def test_success_after_close_keeps_nothing() -> None:
    """Closed while it was under way."""
    held = empty_slot()
    held.client.closed = True
    held.succeeded(entry())
    assert held.entry is None


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
    found = state(empty_slot(), START)
    assert (found.freshness, found.expires_in, found.next_renewal_in) == (Freshness.EXPIRED, None, 0.0)


def test_state_of_a_remembered_failure_of_the_client() -> None:
    """The pause that holds longest."""
    held = empty_slot()
    held.remember(REFUSED, now=START, policy=POLICY, chance=0.5)
    held.remember(failure(), now=START, policy=POLICY, chance=0.5)
    assert state(held, START).next_renewal_in == 3.0


def test_first_flight_gives_nobody_its_outcome() -> None:
    """It stands for 'none yet': settled, number 0."""
    flight = empty_slot().flight
    assert flight.number == 0
    assert isinstance(flight.outcome, Failure)
    assert flight.outcome.error in (TokenUnavailable, CredentialsClosed)
    assert not flight.flying
