"""Which token of the store is taken, how long its lease is respected, when a store that failed is tried again.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth import RenewalPolicy, TokenUnavailable
from s2sauth._core.entry import Entry
from s2sauth._core.errors import Cause
from s2sauth._core.retry import Cooldown, in_force
from s2sauth._core.sharing import (
    AFTER_LEASE,
    Circuit,
    Lease,
    Verdict,
    busy_delay,
    judge,
    lease_seconds,
    left_to_another,
    may_leave,
    opened,
    poll_delay,
    seen_lease,
    store_limit,
    time_to_wait,
)
from tests.support.entries import POLICY, START, after, entry, failure

TAKE, RETIRE, FALL_BACK, PASS = Verdict.TAKE, Verdict.RETIRE, Verdict.FALL_BACK, Verdict.PASS
OLD = entry(value="old")
NEW = entry(value="new", asked_at=after(100))
SUSPECTED = entry(value="new", asked_at=after(100), suspected=True)
BRIEF = entry(life=2.0)
SHORT = entry(value="short", life=20.0, asked_at=after(3000))
"""Asked for later than the others, and over before them."""


@pytest.mark.parametrize(
    ("found", "cached", "replaces", "at", "verdict"),
    [
        (OLD, None, None, 100, TAKE),
        (OLD, None, None, 3589.999, TAKE),
        (OLD, None, None, 3590, PASS),
        (BRIEF, None, None, BRIEF.usable_for - 0.01, TAKE),
        (NEW, OLD, None, 3000, TAKE),
        (OLD, OLD, None, 3000, PASS),
        (OLD, NEW, None, 3000, PASS),
        (entry(value="other"), OLD, None, 3000, PASS),
        (entry(value="old", asked_at=after(1)), OLD, None, 3000, PASS),
        (NEW, OLD, None, 3595, TAKE),
        (NEW, entry(value="x", life=3690.0, asked_at=after(-100)), None, 3595, TAKE),
        (OLD, SHORT, None, 3000 + SHORT.usable_for, TAKE),
        (OLD, SHORT, None, 3000 + SHORT.usable_for - 0.5, PASS),
        (OLD, OLD, OLD, 100, RETIRE),
        (entry(value="old", suspected=True), OLD, OLD, 100, PASS),
        (NEW, OLD, OLD, 200, TAKE),
        (OLD, NEW, NEW, 200, PASS),
        (SUSPECTED, OLD, None, 3000, PASS),
        (SUSPECTED, OLD, OLD, 200, PASS),
        (SUSPECTED, None, None, 200, FALL_BACK),
        (SUSPECTED, OLD, None, 3590, FALL_BACK),
    ],
    ids=[
        "cold",
        "last tick of its life",
        "its life is over",
        "a brief one at its last tick",
        "a newer one",
        "the one in hand",
        "an older one",
        "another one of the same moment",
        "the one in hand by another clock",
        "the one in hand is over",
        "in hand and over, whatever its age",
        "in hand and over, though asked for later",
        "in hand, nearly over, and asked for later",
        "the rejected one",
        "the rejected one, and the store knows",
        "newer than the rejected one",
        "older than the rejected one",
        "suspected, and a good one is in hand",
        "suspected, and one is in hand that was rejected",
        "suspected, and nothing is in hand",
        "suspected, and the one in hand is over",
    ],
)
def test_verdicts(found: Entry, cached: Entry | None, replaces: Entry | None, at: float, verdict: Verdict) -> None:
    """What lies in the store is taken when it is better than what is in hand, and never when it was rejected."""
    assert judge(found, cached=cached, replaces=replaces, now=after(at)) is verdict


@pytest.mark.parametrize(
    ("min_ttl", "verdict"),
    [(0.0, TAKE), (600.0, TAKE), (math.nextafter(600, 700), PASS), (3599.0, PASS), (3600.0, TAKE)],
    ids=["", "just enough", "a tick too little", "nearly all", "more than tokens have"],
)
def test_what_is_taken_has_the_life_that_is_needed(min_ttl: float, verdict: Verdict) -> None:
    """Else a new one is asked for."""
    assert judge(OLD, cached=None, replaces=None, now=after(3000), min_ttl=min_ttl) is verdict


@given(
    asked_at=st.floats(-4000, 4000),
    cached_at=st.floats(-4000, 4000) | st.none(),
    now=st.floats(0, 8000),
    suspected=st.booleans(),
    forced=st.booleans(),
)
def test_what_is_taken_is_alive_and_newer_than_what_is_in_hand(
    asked_at: float, cached_at: float | None, now: float, suspected: bool, forced: bool
) -> None:
    """For any ages: never a dead, a suspected, the rejected or an older token."""
    found = entry(value="found", asked_at=after(asked_at), suspected=suspected)
    cached = None if cached_at is None else entry(value="cached", asked_at=after(cached_at))
    if judge(found, cached=cached, replaces=cached if forced else None, now=after(now)) is TAKE:
        assert found.usable_left(after(now)) > 0
        assert not suspected
        if cached is not None and cached.usable_left(after(now)) > 0:
            assert found.asked_at > cached.asked_at


def test_two_holders_may_die_and_there_is_time_left_for_a_request() -> None:
    """Its seconds fit twice into what a flight waits, with what passes on average before the next one writes."""
    lease = lease_seconds(POLICY)
    assert lease == 2.0
    assert time_to_wait(POLICY.deadline - 2 * lease - AFTER_LEASE, POLICY.deadline) > 0


@pytest.mark.parametrize(("deadline", "seconds"), [(8.0, 2.0), (240.0, 60.0), (math.nextafter(240, 241), 60.0)])
def test_no_lease_lasts_longer_than_a_minute(deadline: float, seconds: float) -> None:
    """A quarter of the deadline, whatever it is: what lasts longer is no lease for the others."""
    assert lease_seconds(RenewalPolicy(deadline=deadline)) == seconds
    assert Lease(OWNER, START, lease_seconds(RenewalPolicy(deadline=deadline))).is_ours


@pytest.mark.parametrize(
    ("left", "busy", "seconds"),
    [
        (8.0, False, 4.8),
        (3.2, False, 0.0),
        (0.0, False, -3.2),
        (8.0, True, 6.4),
        (1.6, True, 0.0),
        (-1.0, True, -2.6),
        (3.2 + 1e-12, False, 0.0),
    ],
)
def test_the_last_part_of_the_time_is_not_spent_on_waiting(left: float, busy: bool, seconds: float) -> None:
    """Of 8 s the last 3.2 are for a request of its own, or 1.6 while the store is busy."""
    assert time_to_wait(left, 8.0, busy=busy) == seconds


OWNER, OTHER = b"0123456789abcdef" * 2, b"f" * 32


@pytest.mark.fault(191)
@pytest.mark.parametrize(
    ("owner", "left", "ours"),
    [
        (OWNER, 2.0, True),
        (OWNER, 0.0, True),
        (OWNER, 60.0, True),
        (OWNER, 60, True),
        (OWNER, math.nextafter(60, 61), False),
        (OWNER, math.inf, False),
        (OWNER, math.nan, False),
        (OWNER, -math.ulp(0), False),
        (OWNER[1:], 2.0, False),
        (OWNER + b"0", 2.0, False),
        (OWNER + b"\n", 2.0, False),
        (OWNER.upper(), 2.0, False),
        (b"", 2.0, False),
    ],
)
def test_what_can_be_a_lease(owner: bytes, left: float, ours: bool) -> None:
    """32 hexadecimal digits, for a minute at most."""
    lease = Lease(owner, START, left)

    assert lease.is_ours is ours
    assert lease.lasts(START) == (left if ours else 0.0)


def test_a_lease_ends_to_the_tick() -> None:
    """By either clock."""
    lease = Lease(OWNER, START, 2.0)

    assert lease.lasts(after(0.5)) == 1.5
    assert lease.lasts(after(2.0)) == lease.lasts(after(3.0)) == 0.0


@pytest.mark.fault(191)
@pytest.mark.parametrize(
    ("before", "owner", "left", "seen"),
    [
        (None, OWNER, 2.0, Lease(OWNER, after(1), 2.0)),
        (Lease(OWNER, START, 2.0), OWNER, 2.0, Lease(OWNER, START, 2.0)),
        (Lease(OWNER, START, 2.0), OWNER, 0.5, Lease(OWNER, START, 2.0)),
        (Lease(OTHER, START, 2.0), OWNER, 2.0, Lease(OWNER, after(1), 2.0)),
        (Lease(OWNER, START, 61.0), OWNER, 60.0, Lease(OWNER, after(1), 60.0)),
        (Lease(OWNER, START, 2.0), OWNER, 61.0, Lease(OWNER, after(1), 61.0)),
    ],
    ids=["first", "stands still", "gets less", "another's", "was none", "is none by now"],
)
def test_a_lease_counts_from_when_it_was_seen_first(
    before: Lease | None, owner: bytes, left: float, seen: Lease
) -> None:
    """None of ours is ever made longer."""
    assert seen_lease(owner, left, before, after(1)) == seen


@pytest.mark.parametrize(
    ("polls", "chance", "delay"),
    [
        (0, 0.0, 0.05),
        (0, 1.0, 0.1),
        (1, 1.0, 0.2),
        (2, 1.0, 0.4),
        (3, 1.0, 0.8),
        (4, 1.0, 1.0),
        (4, 0.0, 0.5),
        (10_000, 1.0, 1.0),
    ],
)
def test_polls_are_spread_and_bounded(polls: int, chance: float, delay: float) -> None:
    """A tenth of a second, twice as much each time, a second at most; half of it is chance."""
    assert poll_delay(polls, None, START, chance) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("left", "at", "chance", "delay"),
    [
        (1.0, 0.0, 0.5, 0.75),
        (0.75, 0.0, 0.5, 0.75),
        (0.7, 0.0, 0.5, 0.95),
        (0.7, 0.0, 1.0, 1.2),
        (0.4, 0.0, 0.0, 0.4),
        (0.7, 0.5, 0.5, 0.45),
        (0.7, 0.7, 0.5, 0.75),
        (61.0, 0.0, 0.5, 0.75),
    ],
    ids=["longer", "as long", "shorter", "last", "first", "seen some time ago", "ended", "none of ours"],
)
def test_a_lease_that_ends_sooner_is_waited_for(left: float, at: float, chance: float, delay: float) -> None:
    """And those who wait for its end spread over the half second after it."""
    lease = Lease(OWNER, START, left)

    assert poll_delay(10, lease, after(at), chance) == pytest.approx(delay)


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 0.375), (0.5, 0.5625), (1.0, 0.75)])
def test_a_busy_store_is_asked_again_within_three_quarters_of_a_second(chance: float, delay: float) -> None:
    """Half of it is chance."""
    assert busy_delay(chance) == delay


HALF = (OLD.renew_after + OLD.usable_for) / 2
"""Of the time that it is STALE."""


@pytest.mark.parametrize(
    ("cached", "lease", "at", "leaves"),
    [
        (None, None, 0.0, True),
        (OLD, None, OLD.renew_after, True),
        (OLD, None, HALF - 0.001, True),
        (OLD, None, HALF, False),
        (OLD, None, OLD.usable_for, False),
        (OLD, Lease(OWNER, after(HALF), 2.0), HALF + 1.999, True),
        (OLD, Lease(OWNER, after(HALF), 2.0), HALF + 2.0, False),
        (OLD, Lease(b"somebody else", after(HALF), 2.0), HALF, False),
        (OLD, Lease(OWNER, after(OLD.usable_for), 2.0), OLD.usable_for, True),
    ],
    ids=[
        "callers that left",
        "STALE",
        "the last tick of its half",
        "half",
        "EXPIRED",
        "later, with a lease",
        "later, with an ended lease",
        "later, with what is no lease",
        "EXPIRED, with a lease",
    ],
)
def test_until_when_a_renewal_is_left_to_another(
    cached: Entry | None, lease: Lease | None, at: float, leaves: bool
) -> None:
    """As long as it has the lease; without one, for half of the time that the cached token is STALE."""
    assert may_leave(cached, lease, after(at)) is leaves


@pytest.mark.parametrize(
    ("left", "first", "waited_for", "limit"),
    [
        (8.0, True, True, 1.0),
        (8.0, False, True, 1.0),
        (8.0, True, False, 1.0),
        (8.0, False, False, 0.15),
        (1.0, True, True, 0.5),
        (0.2, False, False, 0.1),
        (0.01, True, True, 0.05),
        (0.0, True, True, 1.0),
        (-5.0, False, False, 0.15),
    ],
    ids=[
        "cold",
        "somebody waits",
        "it may have to connect",
        "a token is in hand",
        "half of the time",
        "half of little time",
        "hardly any time",
        "late, first",
        "late",
    ],
)
def test_the_time_of_one_operation(left: float, first: bool, waited_for: bool, limit: float) -> None:
    """Long where it pays, short where a token is in hand, half of what is left at most; a late flight has its time."""
    assert store_limit(left, first=first, waited_for=waited_for, policy=POLICY) == pytest.approx(limit)


def test_a_longer_store_timeout_holds_for_all_operations() -> None:
    """It is the user's word."""
    policy = RenewalPolicy(store_timeout=3.0)

    assert [
        store_limit(8.0, first=first, waited_for=waited, policy=policy)
        for first in (True, False)
        for waited in (True, False)
    ] == [3.0] * 4


@pytest.mark.parametrize(
    ("window", "chance", "pause"),
    [(900.0, 1.0, 1.0), (900.0, 0.0, 0.5), (2.5, 1.0, 0.3125)],
    ids=["", "early", "short"],
)
def test_what_another_renews_is_looked_for_soon(window: float, chance: float, pause: float) -> None:
    """A second, or an eighth of the window; it holds for those who have a token, and for nobody else."""
    cooldown = left_to_another(None, START, window=window, chance=chance)

    assert (cooldown.pause, cooldown.repeated) == (pause, 0)
    assert cooldown.failure.cause is Cause.ELSEWHERE
    error = cooldown.failure.exception()
    assert isinstance(error, TokenUnavailable)
    assert str(error) == "another process is renewing this token"
    assert in_force((cooldown, None), START, with_token=True) is cooldown
    assert in_force((cooldown, None), START, with_token=False) is None


def test_what_another_does_not_renew_is_looked_for_ever_more_rarely() -> None:
    """A second, doubling to a minute; an eighth of the window at most. Any other pause before it does not count."""
    cooldown: Cooldown | None = None
    pauses: list[float] = []
    for _ in range(8):
        cooldown = left_to_another(cooldown, START, window=900.0, chance=1.0)
        pauses.append(cooldown.pause)

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert left_to_another(cooldown, START, window=80.0, chance=1.0).pause == 10.0
    failed = Cooldown(failure(), START, 5.0, 3, with_token=True)
    assert left_to_another(failed, START, window=900.0, chance=1.0).pause == 1.0


def test_a_failing_store_is_left_alone_ever_longer() -> None:
    """5 s, doubling to a minute, half of it chance."""
    circuit: Circuit | None = None
    pauses: list[float] = []
    for _ in range(6):
        circuit = opened(circuit, now=START, chance=1.0)
        pauses.append(circuit.pause)

    assert pauses == [5, 10, 20, 40, 60, 60]
    assert opened(None, now=START, chance=0.0).pause == 2.5


def test_the_circuit_closes_to_the_tick() -> None:
    """By either clock."""
    circuit = opened(None, now=START, chance=1.0)

    assert circuit.left(after(math.nextafter(START.wall + 5, 0) - START.wall)) > 0
    assert circuit.left(after(5)) <= 0
