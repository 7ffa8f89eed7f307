"""The one decision behind get_token(): what to do for one caller, now.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.decision import Asked, Decision, Known, next_step
from s2sauth._core.entry import Entry
from s2sauth._core.errors import Cause
from s2sauth._core.retry import Cooldown, ForcedBudget
from tests.support.entries import POLICY, START, after, entry, failure

FRESH, STALE, EXPIRED = 100.0, 2900.0, 3595.0


def step(
    age: float,
    held: Entry | None,
    *,
    cooldown: Cooldown | None = None,
    budget: ForcedBudget | None = None,
    flying: bool = False,
    rejected: str | None = None,
    min_ttl: float = 0.0,
) -> Decision:
    """The decision at this age of the token."""
    known = Known(POLICY, flying=flying, entry=held, cooldowns=(cooldown, None), budget=budget)
    return next_step(known, Asked(rejected, min_ttl), after(age))


def remembered(age: float, *, with_token: bool) -> Cooldown:
    """A failure that still holds at this age."""
    return Cooldown(failure(), after(age), 10.0, 0, with_token)


PLAIN: dict[str, tuple[float, Entry | None, bool, Cooldown | None, Decision]] = {
    "nothing": (0.0, None, False, None, Decision.FETCH),
    "nothing, flying": (0.0, None, True, None, Decision.FETCH),
    "nothing, outage": (0.0, None, False, remembered(0.0, with_token=False), Decision.FAIL),
    "nothing, outage, flying": (0.0, None, True, remembered(0.0, with_token=False), Decision.FETCH),
    "nothing, failed with one in hand": (0.0, None, False, remembered(0.0, with_token=True), Decision.FETCH),
    "EXPIRED": (EXPIRED, entry(), False, None, Decision.FETCH),
    "EXPIRED, flying": (EXPIRED, entry(), True, None, Decision.FETCH),
    "EXPIRED, outage": (EXPIRED, entry(), False, remembered(EXPIRED, with_token=False), Decision.FAIL),
    "EXPIRED, failed with one in hand": (EXPIRED, entry(), False, remembered(EXPIRED, with_token=True), Decision.FETCH),
    "FRESH": (FRESH, entry(), False, None, Decision.SERVE),
    "FRESH, flying": (FRESH, entry(), True, None, Decision.SERVE),
    "FRESH, outage": (FRESH, entry(), False, remembered(FRESH, with_token=False), Decision.SERVE),
    "STALE": (STALE, entry(), False, None, Decision.RENEW),
    "STALE, flying": (STALE, entry(), True, None, Decision.SERVE),
    "STALE, failed with one in hand": (STALE, entry(), False, remembered(STALE, with_token=True), Decision.SERVE),
    "STALE, outage": (STALE, entry(), False, remembered(STALE, with_token=False), Decision.SERVE),
}


@pytest.mark.parametrize(("age", "held", "flying", "cooldown", "expected"), PLAIN.values(), ids=PLAIN)
def test_what_to_do(
    age: float, held: Entry | None, flying: bool, cooldown: Cooldown | None, expected: Decision
) -> None:
    """Without a suspicion: what there is, how old it is, whether somebody flies, what is remembered."""
    assert step(age, held, flying=flying, cooldown=cooldown) is expected


USED_UP = ForcedBudget(after(0), 1e6, 1, 60.0)


@pytest.mark.parametrize(
    ("age", "min_ttl", "flying", "budget", "expected"),
    [
        (FRESH, 3500.0, False, None, Decision.SERVE),
        (FRESH, math.nextafter(3500.0, 4000), False, None, Decision.REPLACE),
        (FRESH, 3599.0, False, None, Decision.REPLACE),
        (FRESH, 3600.0, False, None, Decision.SERVE),
        (FRESH, 3599.0, True, None, Decision.REPLACE),
        (FRESH, 3599.0, False, USED_UP, Decision.SERVE),
        (FRESH, 3599.0, True, USED_UP, Decision.REPLACE),
        (29.0, 3599.0, False, None, Decision.SERVE),
        (STALE, 700.0, False, None, Decision.RENEW),
        (STALE, 701.0, False, USED_UP, Decision.REPLACE),
        (EXPIRED, 100.0, False, USED_UP, Decision.FETCH),
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
    age: float, min_ttl: float, flying: bool, budget: ForcedBudget | None, expected: Decision
) -> None:
    """It is replaced for whoever needs more, within the budget; not where a new one would have no more either."""
    assert step(age, entry(), flying=flying, budget=budget, min_ttl=min_ttl) is expected


@pytest.mark.parametrize(
    ("age", "flying", "budget", "expected"),
    [
        (FRESH, False, None, Decision.REPLACE),
        (FRESH, True, None, Decision.SERVE),
        (FRESH, False, USED_UP, Decision.SERVE),
        (10.0, False, None, Decision.SERVE),
        (STALE, False, None, Decision.REPLACE),
        (STALE, False, USED_UP, Decision.RENEW),
        (STALE, True, None, Decision.SERVE),
        (EXPIRED, False, USED_UP, Decision.FETCH),
    ],
)
def test_suspected_token(age: float, flying: bool, budget: ForcedBudget | None, expected: Decision) -> None:
    """The first caller replaces it, within the budget; everybody else is served."""
    assert step(age, entry(suspected=True), flying=flying, budget=budget) is expected


@pytest.mark.parametrize(
    ("age", "flying", "budget", "cooldown", "expected"),
    [
        (FRESH, False, None, None, Decision.REPLACE),
        (FRESH, True, USED_UP, None, Decision.REPLACE),
        (FRESH, False, USED_UP, None, Decision.SERVE),
        (10.0, False, None, None, Decision.SERVE),
        (10.0, True, None, None, Decision.REPLACE),
        (STALE, False, USED_UP, None, Decision.REPLACE),
        (STALE, False, USED_UP, remembered(STALE, with_token=True), Decision.SERVE),
        (EXPIRED, False, USED_UP, None, Decision.FETCH),
    ],
)
def test_rejected_token(
    age: float, flying: bool, budget: ForcedBudget | None, cooldown: Cooldown | None, expected: Decision
) -> None:
    """Whoever saw the 401 waits for another one: one under way, one that was due, or one within the budget."""
    assert step(age, entry(), flying=flying, budget=budget, cooldown=cooldown, rejected="abc") is expected


@pytest.mark.parametrize("age", [FRESH, STALE])
def test_token_that_is_not_the_rejected_one_is_served(age: float) -> None:
    """Free of charge and of every guard."""
    assert step(age, entry(value="new"), rejected="abc", flying=True) is Decision.SERVE
    assert step(FRESH, entry(value="new"), rejected="abc", budget=USED_UP) is Decision.SERVE


def test_client_wide_cooldown_counts_as_the_keys_own() -> None:
    """A refused client fails for every scope set."""
    known = Known(POLICY, flying=False, entry=None, cooldowns=(None, remembered(0.0, with_token=False)))
    assert next_step(known, Asked(), START) is Decision.FAIL


@given(
    age=st.floats(-100, 5000),
    flying=st.booleans(),
    suspected=st.booleans(),
    rejected=st.sampled_from([None, "abc", "other"]),
    pause=st.none() | st.floats(0, 100),
    with_token=st.booleans(),
    last=st.none() | st.floats(0, 5000),
)
def test_dead_token_is_never_served_and_a_usable_one_never_fails(
    age: float,
    flying: bool,
    suspected: bool,
    rejected: str | None,
    pause: float | None,
    with_token: bool,
    last: float | None,
) -> None:
    """And while somebody flies nobody else starts."""
    held = entry(suspected=True) if suspected else entry()
    found = step(
        age,
        held,
        flying=flying,
        rejected=rejected,
        cooldown=None if pause is None else Cooldown(failure(), after(age), pause, 0, with_token),
        budget=None if last is None else ForcedBudget(after(last), 60.0, 1, 60.0),
    )
    if age >= 3590:
        assert found in (Decision.FETCH, Decision.FAIL)
    else:
        assert found in (Decision.SERVE, Decision.RENEW, Decision.REPLACE)
    assert not (flying and found is Decision.RENEW)
    assert not (flying and found is Decision.FAIL)


def test_a_caller_who_asks_for_nothing_takes_what_is_cached() -> None:
    """Whatever life it has left."""
    assert (Asked().rejected, Asked().min_ttl) == (None, 0.0)


@pytest.mark.parametrize(
    "asked", [{"rejected": "abc"}, {"min_ttl": 3599.0}, {}], ids=["rejected", "min_ttl", "suspected"]
)
def test_spent_purchase_budget_outranks_a_forced_renewal(asked: dict[str, Any]) -> None:
    """The cached token is what there is."""
    spent = Cooldown(failure(Cause.SPENT, 1000.0), after(FRESH), 30.0, 0, with_token=True)
    held = entry(suspected=not asked)
    assert step(FRESH, held, **asked) is Decision.REPLACE
    assert step(FRESH, held, cooldown=spent, **asked) is Decision.SERVE
