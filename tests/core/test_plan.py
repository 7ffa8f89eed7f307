"""The one decision behind get_token(): what to do for one caller, now."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.freshness import Entry
from s2sauth._core.plan import Step, next_step
from s2sauth._core.retry import Forced, Memory
from tests.support.entries import POLICY, START, after, entry, failure

FRESH, STALE, EXPIRED = 100.0, 2900.0, 3595.0


def step(
    age: float,
    held: Entry | None,
    *,
    memory: Memory | None = None,
    forced: Forced | None = None,
    flying: bool = False,
    rejected: str | None = None,
    min_ttl: float = 0.0,
) -> Step:
    """The decision at this age of the token."""
    return next_step(
        held,
        now=after(age),
        policy=POLICY,
        memories=(memory, None),
        forced=forced,
        flying=flying,
        rejected=rejected,
        min_ttl=min_ttl,
    )


def remembered(age: float, *, in_hand: bool) -> Memory:
    """A failure that still holds at this age."""
    return Memory(failure(), after(age), 10.0, 0, in_hand)


PLAIN: dict[str, tuple[float, Entry | None, bool, Memory | None, Step]] = {
    "nothing": (0.0, None, False, None, Step.FETCH),
    "nothing, flying": (0.0, None, True, None, Step.FETCH),
    "nothing, outage": (0.0, None, False, remembered(0.0, in_hand=False), Step.FAIL),
    "nothing, outage, flying": (0.0, None, True, remembered(0.0, in_hand=False), Step.FETCH),
    "nothing, failed with one in hand": (0.0, None, False, remembered(0.0, in_hand=True), Step.FETCH),
    "EXPIRED": (EXPIRED, entry(), False, None, Step.FETCH),
    "EXPIRED, flying": (EXPIRED, entry(), True, None, Step.FETCH),
    "EXPIRED, outage": (EXPIRED, entry(), False, remembered(EXPIRED, in_hand=False), Step.FAIL),
    "EXPIRED, failed with one in hand": (EXPIRED, entry(), False, remembered(EXPIRED, in_hand=True), Step.FETCH),
    "FRESH": (FRESH, entry(), False, None, Step.SERVE),
    "FRESH, flying": (FRESH, entry(), True, None, Step.SERVE),
    "FRESH, outage": (FRESH, entry(), False, remembered(FRESH, in_hand=False), Step.SERVE),
    "STALE": (STALE, entry(), False, None, Step.RENEW),
    "STALE, flying": (STALE, entry(), True, None, Step.SERVE),
    "STALE, failed with one in hand": (STALE, entry(), False, remembered(STALE, in_hand=True), Step.SERVE),
    "STALE, outage": (STALE, entry(), False, remembered(STALE, in_hand=False), Step.SERVE),
}


@pytest.mark.parametrize(("age", "held", "flying", "memory", "expected"), PLAIN.values(), ids=PLAIN)
def test_what_to_do(age: float, held: Entry | None, flying: bool, memory: Memory | None, expected: Step) -> None:
    """Without a suspicion: what there is, how old it is, whether somebody flies, what is remembered."""
    assert step(age, held, flying=flying, memory=memory) is expected


USED_UP = Forced(after(0), 1e6, 1, 60.0)


@pytest.mark.parametrize(
    ("age", "min_ttl", "flying", "forced", "expected"),
    [
        (FRESH, 3500.0, False, None, Step.SERVE),
        (FRESH, math.nextafter(3500.0, 4000), False, None, Step.REPLACE),
        (FRESH, 3599.0, False, None, Step.REPLACE),
        (FRESH, 3600.0, False, None, Step.SERVE),
        (FRESH, 3599.0, True, None, Step.REPLACE),
        (FRESH, 3599.0, False, USED_UP, Step.SERVE),
        (FRESH, 3599.0, True, USED_UP, Step.REPLACE),
        (29.0, 3599.0, False, None, Step.SERVE),
        (STALE, 700.0, False, None, Step.RENEW),
        (STALE, 701.0, False, USED_UP, Step.REPLACE),
        (EXPIRED, 100.0, False, USED_UP, Step.FETCH),
    ],
    ids=[
        "just enough",
        "a tick too little",
        "nearly all",
        "more than tokens have",
        "one is coming",
        "beyond the budget",
        "beyond the budget, one is coming",
        "too young",
        "STALE and enough",
        "STALE, which costs nothing extra",
        "EXPIRED",
    ],
)
def test_a_token_of_too_short_a_life(
    age: float, min_ttl: float, flying: bool, forced: Forced | None, expected: Step
) -> None:
    """It is replaced for whoever needs more, within the budget; not where a new one would have no more either."""
    assert step(age, entry(), flying=flying, forced=forced, min_ttl=min_ttl) is expected


@pytest.mark.parametrize(
    ("age", "flying", "forced", "expected"),
    [
        (FRESH, False, None, Step.REPLACE),
        (FRESH, True, None, Step.SERVE),
        (FRESH, False, USED_UP, Step.SERVE),
        (10.0, False, None, Step.SERVE),
        (STALE, False, None, Step.REPLACE),
        (STALE, False, USED_UP, Step.RENEW),
        (STALE, True, None, Step.SERVE),
        (EXPIRED, False, USED_UP, Step.FETCH),
    ],
)
def test_suspected_token(age: float, flying: bool, forced: Forced | None, expected: Step) -> None:
    """The first caller replaces it, within the budget; everybody else is served."""
    assert step(age, entry().under_suspicion(), flying=flying, forced=forced) is expected


@pytest.mark.parametrize(
    ("age", "flying", "forced", "memory", "expected"),
    [
        (FRESH, False, None, None, Step.REPLACE),
        (FRESH, True, USED_UP, None, Step.REPLACE),
        (FRESH, False, USED_UP, None, Step.SERVE),
        (10.0, False, None, None, Step.SERVE),
        (10.0, True, None, None, Step.REPLACE),
        (STALE, False, USED_UP, None, Step.REPLACE),
        (STALE, False, USED_UP, remembered(STALE, in_hand=True), Step.SERVE),
        (EXPIRED, False, USED_UP, None, Step.FETCH),
    ],
)
def test_rejected_token(age: float, flying: bool, forced: Forced | None, memory: Memory | None, expected: Step) -> None:
    """Whoever saw the 401 waits for another one: one under way, one that was due, or one within the budget."""
    assert step(age, entry(), flying=flying, forced=forced, memory=memory, rejected="abc") is expected


@pytest.mark.parametrize("age", [FRESH, STALE])
def test_token_that_is_not_the_rejected_one_is_served(age: float) -> None:
    """Free of charge and of every guard."""
    assert step(age, entry(value="new"), rejected="abc", flying=True) is Step.SERVE
    assert step(FRESH, entry(value="new"), rejected="abc", forced=USED_UP) is Step.SERVE


def test_client_wide_memory_counts_as_the_keys_own() -> None:
    """A refused client fails for every scope set."""
    memories = (None, remembered(0.0, in_hand=False))
    found = next_step(None, now=START, policy=POLICY, memories=memories, forced=None, flying=False, rejected=None)
    assert found is Step.FAIL


@given(
    age=st.floats(-100, 5000),
    flying=st.booleans(),
    suspected=st.booleans(),
    rejected=st.sampled_from([None, "abc", "other"]),
    pause=st.none() | st.floats(0, 100),
    in_hand=st.booleans(),
    last=st.none() | st.floats(0, 5000),
)
def test_dead_token_is_never_served_and_a_usable_one_never_fails(
    age: float,
    flying: bool,
    suspected: bool,
    rejected: str | None,
    pause: float | None,
    in_hand: bool,
    last: float | None,
) -> None:
    """And while somebody flies nobody else starts."""
    held = entry().under_suspicion() if suspected else entry()
    found = step(
        age,
        held,
        flying=flying,
        rejected=rejected,
        memory=None if pause is None else Memory(failure(), after(age), pause, 0, in_hand),
        forced=None if last is None else Forced(after(last), 60.0, 1, 60.0),
    )
    if age >= 3590:
        assert found in (Step.FETCH, Step.FAIL)
    else:
        assert found in (Step.SERVE, Step.RENEW, Step.REPLACE)
    assert not (flying and found is Step.RENEW)
    assert not (flying and found is Step.FAIL)
