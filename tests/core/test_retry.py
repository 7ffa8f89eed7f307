"""What is tried again, when, how long a failure is remembered, and how many tokens are requested at most.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth import RenewalPolicy
from s2sauth._core.entry import Entry, Instant
from s2sauth._core.errors import Cause, Failure, TokenUnavailable
from s2sauth._core.retry import (
    Backoff,
    Cooldown,
    ForcedBudget,
    Purchase,
    background_limit,
    budget_spent,
    cooldown_after_outage,
    cooldown_after_refusal,
    cooldown_of_key,
    cooldown_while_usable,
    forced_now,
    in_force,
    is_spent,
    may_force,
    next_delay,
    purchase_wait,
    purchases_allowed,
    timeouts,
)
from tests.support.entries import POLICY, START, after, entry, failure

chances = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("left", "limits"),
    [(8, (2, 4)), (4, (2, 4)), (3, (2, 3)), (1, (1, 1)), (0.01, (0.05, 0.05)), (0, (0.05, 0.05)), (-5, (0.05, 0.05))],
)
def test_attempt_is_given_2_and_4_seconds_and_never_more_than_is_left(left: float, limits: tuple[float, float]) -> None:
    """And never nothing, which means another thing to an HTTP client."""
    assert timeouts(left) == limits


@pytest.mark.parametrize(("usable", "limit"), [(0.5, 2), (4, 2), (10, 5), (710, 355)])
def test_flight_with_a_token_with_token_has_2_s_or_half_of_what_is_left(usable: float, limit: float) -> None:
    """Whichever is longer."""
    assert background_limit(usable) == limit


def delay(
    cause: Cause = Cause.UNREACHABLE,
    attempt: int = 1,
    *,
    waited_for: bool = True,
    left: float = 8.0,
    chance: float = 0.5,
    retry_after: float | None = None,
    policy: RenewalPolicy = POLICY,
) -> float | None:
    """`next_delay` with what is usual."""
    return next_delay(
        failure(cause, retry_after), attempt, waited_for=waited_for, left=left, policy=policy, chance=chance
    )


@pytest.mark.parametrize(("attempt", "expected"), [(1, 0.1), (2, 0.2), (3, None), (4, None)])
def test_unreachable_is_tried_as_often_as_the_policy_says(attempt: int, expected: float | None) -> None:
    """0.2 s·2ⁿ with full jitter."""
    assert delay(attempt=attempt) == expected


@pytest.mark.parametrize(
    ("attempt", "expected"), [(1, 0.25), (2, 0.5), (3, 1.0), (4, 2.0), (5, 2.0), (50, 2.0), (10_000, 2.0)]
)
def test_throttling_is_tried_as_long_as_the_deadline_holds(attempt: int, expected: float) -> None:
    """0.5 s·2ⁿ with full jitter, at most 4 s, whatever the number of attempts."""
    assert delay(Cause.THROTTLED, attempt) == expected


@pytest.mark.parametrize(
    "cause", [Cause.UNTRUSTED, Cause.CLIENT_REFUSED, Cause.REQUEST_REFUSED, Cause.MISUSE, Cause.CLOSED]
)
def test_nothing_else_is_tried_again(cause: Cause) -> None:
    """No retry helps."""
    assert delay(cause) is None


@pytest.mark.parametrize("cause", list(Cause))
def test_nothing_is_tried_again_when_nobody_waits(cause: Cause) -> None:
    """One attempt with a token in hand."""
    assert delay(cause, waited_for=False) is None


@pytest.mark.parametrize(
    ("retry_after", "left", "expected"),
    [(3.0, 8.0, 3.0), (0.0, 8.0, 0.1), (0.05, 8.0, 0.1), (8.0, 8.0, None), (7.9, 8.0, 7.9), (1e9, 8.0, None)],
)
def test_retry_after_is_honoured_if_it_fits(retry_after: float, left: float, expected: float | None) -> None:
    """Else the failure is raised, with it."""
    assert delay(retry_after=retry_after, left=left) == expected


@pytest.mark.parametrize(("left", "expected"), [(0.1, None), (0.1000001, 0.1), (0.0, None), (-1.0, None)])
def test_pause_that_does_not_fit_is_not_begun(left: float, expected: float | None) -> None:
    """The deadline is the deadline."""
    assert delay(left=left) == expected


@given(
    cause=st.sampled_from(list(Cause)),
    attempt=st.integers(1, 100),
    chance=chances,
    left=st.floats(-10, 100),
    retry_after=st.none() | st.floats(0, 1e6),
)
def test_every_pause_lies_within_its_bounds(
    cause: Cause, attempt: int, chance: float, left: float, retry_after: float | None
) -> None:
    """Never negative, never beyond what is left, never beyond 4 s unless the server asked for it."""
    pause = delay(cause, attempt, chance=chance, left=left, retry_after=retry_after)
    if pause is not None:
        assert 0 <= pause < left
        assert pause <= max(4.0, retry_after or 0)
        assert retry_after is None or pause >= retry_after


def repeat(remember: object, times: int, **arguments: object) -> list[float]:
    """The pauses of so many failures in a row."""
    before, pauses = None, []
    for _ in range(times):
        before = remember(failure(), before, now=START, **arguments)  # type: ignore[operator]  # one of three functions
        pauses.append(before.pause)
    return pauses


def test_renewals_that_fail_while_stale_pause_ever_longer() -> None:
    """5 s·2ⁿ, at most a minute."""
    assert repeat(cooldown_while_usable, 6, window=900, usable_left=700, chance=1.0) == [5, 10, 20, 40, 60, 60]
    assert repeat(cooldown_while_usable, 3, window=900, usable_left=700, chance=0.0) == [2.5, 5, 10]


def test_renewals_that_fail_while_stale_pause_an_eighth_of_the_window_at_most() -> None:
    """A short life has a short window."""
    assert repeat(cooldown_while_usable, 3, window=75, usable_left=60, chance=1.0) == [5, 9.375, 9.375]


def test_outages_pause_ever_longer() -> None:
    """0.5 s·2ⁿ, at most 30 s."""
    assert repeat(cooldown_after_outage, 8, chance=1.0) == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert repeat(cooldown_after_outage, 2, chance=0.0) == [0.25, 0.5]


def test_refusals_pause_ever_longer() -> None:
    """U(1, 5) s, doubling to a minute."""
    assert repeat(cooldown_after_refusal, 7, chance=0.0) == [1, 2, 4, 8, 16, 32, 60]
    assert repeat(cooldown_after_refusal, 5, chance=1.0) == [5, 10, 20, 40, 60]


@pytest.mark.parametrize(("asked", "pause"), [(1.0, 5.0), (20.0, 20.0), (1e6, 350.0)])
def test_retry_after_while_stale_is_kept_up_to_half_of_the_usable_life(asked: float, pause: float) -> None:
    """The other half is for trying."""
    found = cooldown_while_usable(failure(retry_after=asked), None, now=START, window=900, usable_left=700, chance=1.0)
    assert found.pause == pause


@pytest.mark.parametrize(("asked", "pause"), [(0.1, 0.5), (20.0, 20.0), (1e6, 30.0)])
def test_retry_after_in_an_outage_is_kept_up_to_half_a_minute(asked: float, pause: float) -> None:
    """Nobody waits an hour because a proxy said so."""
    assert cooldown_after_outage(failure(retry_after=asked), None, now=START, chance=1.0).pause == pause


@given(
    times=st.integers(1, 200),
    chance=chances,
    window=st.floats(0.1, 3600),
    usable_left=st.floats(0.01, 86_400),
    retry_after=st.none() | st.floats(0, 1e6),
)
def test_no_memory_holds_longer_than_its_cap(
    times: int, chance: float, window: float, usable_left: float, retry_after: float | None
) -> None:
    """However often it failed, and never an overflow."""
    stale = outage = refusal = None
    for _ in range(times):
        failed = failure(retry_after=retry_after)
        stale = cooldown_while_usable(failed, stale, now=START, window=window, usable_left=usable_left, chance=chance)
        outage = cooldown_after_outage(failed, outage, now=START, chance=chance)
        refusal = cooldown_after_refusal(failed, refusal, now=START, chance=chance)
    assert stale is not None
    assert outage is not None
    assert refusal is not None
    assert 0 < stale.pause <= max(60, window / 8, usable_left / 2)
    assert stale.pause <= max(min(60, window / 8), min(retry_after or 0, usable_left / 2))
    assert 0 < outage.pause <= 30
    assert 1 <= refusal.pause <= 60


def test_failures_of_another_kind_begin_anew() -> None:
    """With and without a token in hand are two counts."""
    stale = cooldown_while_usable(failure(), None, now=START, window=900, usable_left=700, chance=1.0)
    assert cooldown_after_outage(failure(), stale, now=START, chance=1.0).repeated == 0
    outage = cooldown_after_outage(failure(), None, now=START, chance=1.0)
    assert cooldown_after_outage(failure(), outage, now=START, chance=1.0).repeated == 1
    assert cooldown_while_usable(failure(), outage, now=START, window=900, usable_left=700, chance=1.0).repeated == 0


def test_a_renewal_that_was_left_to_another_is_no_failure_before_this_one() -> None:
    """However long another process was waited for, the first failure of its own has the shortest pause."""
    elsewhere = Cooldown(Failure.unavailable(Cause.ELSEWHERE, ""), START, 60.0, 6, with_token=True)

    stale = cooldown_while_usable(failure(), elsewhere, now=START, window=900, usable_left=700, chance=1.0)
    assert (stale.pause, stale.repeated) == (5.0, 0)


def cooldown(pause: float, *, with_token: bool = False) -> Cooldown:
    """A memory made at START."""
    return Cooldown(failure(), START, pause, 0, with_token)


def test_memory_holds_for_its_pause() -> None:
    """By the larger of both clocks; to the tick."""
    held = cooldown(10)
    assert held.left(after(4)) == 6
    assert in_force((held, None), after(9.99), with_token=False) is held
    assert in_force((held, None), after(10), with_token=False) is None


def test_the_memory_that_holds_longest_counts() -> None:
    """Of the key's and the client's."""
    short, long = cooldown(5), cooldown(10)
    assert in_force((short, long), START, with_token=False) is long
    assert in_force((long, short), START, with_token=False) is long
    assert in_force((None, None), START, with_token=True) is None


def test_memory_with_a_token_with_token_says_nothing_to_who_has_none() -> None:
    """Nobody waited for that flight."""
    held = cooldown(10, with_token=True)
    assert in_force((held, None), START, with_token=False) is None
    assert in_force((held, None), START, with_token=True) is held
    assert in_force((cooldown(10), None), START, with_token=True) is not None


@pytest.mark.parametrize(
    ("age", "allowed"), [(0, False), (29.99, False), (30, True), (3000, True)], ids=["new", "last tick", "edge", "old"]
)
def test_only_a_token_of_half_a_minute_is_renewed_by_force(age: float, allowed: bool) -> None:
    """An hour's; what has just been issued is not what is wrong."""
    assert may_force(None, entry(), now=after(age), policy=POLICY) is allowed


@pytest.mark.parametrize(("life", "edge"), [(100, 10), (299, 29.9), (300, 30), (3600, 30)])
def test_least_age_is_a_tenth_of_short_lives(life: float, edge: float) -> None:
    """min(½·forced_renewal_every, L/10)."""
    assert may_force(None, entry(life=life), now=after(edge + 1e-6), policy=POLICY)
    assert not may_force(None, entry(life=life), now=after(edge - 0.01), policy=POLICY)


@pytest.mark.parametrize(("passed", "allowed"), [(0, False), (59.99, False), (60, True)])
def test_forced_renewals_are_an_interval_apart(passed: float, allowed: bool) -> None:
    """By the larger of both clocks."""
    budget = ForcedBudget(START, 60.0, 1, 60.0)
    assert may_force(budget, entry(asked_at=after(-1000)), now=after(passed), policy=POLICY) is allowed


def forced(times: int, life: float = 3600.0, *, rejected: bool = True, policy: RenewalPolicy = POLICY) -> list[float]:
    """The intervals of so many forced renewals in a row, whose replacement is rejected or not."""
    last, intervals = None, []
    for number in range(times):
        replaced = entry(life=life, number=number, forced=rejected and number > 0)
        last = forced_now(last, now=START, number=number, replaced=replaced, for_life=False, policy=policy)
        intervals.append(last.interval)
    return intervals


def test_interval_doubles_while_the_replacement_is_rejected_as_well() -> None:
    """Up to three quarters of the life."""
    assert forced(9) == [60, 120, 240, 480, 960, 1920, 2700, 2700, 2700]


def test_interval_stays_while_replacements_are_replaced_in_their_time() -> None:
    """Only a replacement that is itself replaced by force doubles it."""
    assert forced(4, rejected=False) == [60, 60, 60, 60]


def test_interval_of_a_short_life_is_its_window() -> None:
    """min(forced_renewal_every, W), doubled to 0.75·L at most, and never below where it began."""
    assert forced(4, life=100) == [25, 50, 75, 75]
    assert forced(3, life=100, policy=RenewalPolicy(renew_at=0.05)) == [60, 75, 75]
    assert forced(3, life=70, policy=RenewalPolicy(renew_at=0.05)) == [60, 60, 60]


@pytest.mark.parametrize(
    ("accepted", "number", "wait"), [(False, 5, 953.0), (True, 5, 53.0), (True, 6, 953.0)], ids=["no", "yes", "another"]
)
def test_accepted_replacement_resets_the_interval(accepted: bool, number: int, wait: float) -> None:
    """Of the flight that brought it, and of no other."""
    cached = entry(number=number)
    if accepted:
        cached.accepted = True
    assert ForcedBudget(START, 960.0, 5, 60.0).wait(cached, after(7)) == wait


@pytest.mark.parametrize(
    ("accepted", "for_life", "interval"), [(False, False, 1920.0), (True, False, 60.0), (False, True, 60.0)]
)
def test_the_interval_doubles_for_a_replacement_that_no_api_accepted(
    accepted: bool, for_life: bool, interval: float
) -> None:
    """Not when it is replaced because it lives too short for a caller."""
    replaced = entry(number=5, forced=True)
    if accepted:
        replaced.accepted = True
    last = ForcedBudget(START, 960.0, 5, 60.0)
    again = forced_now(last, now=START, number=6, replaced=replaced, for_life=for_life, policy=POLICY)
    assert again.interval == interval


@given(times=st.integers(1, 50), life=st.floats(1, 86_400))
def test_interval_never_shrinks_while_rejected_and_never_exceeds_its_cap(times: int, life: float) -> None:
    """A misconfigured API must not buy a token per call."""
    intervals = forced(times, life)
    assert intervals == sorted(intervals)
    assert intervals[-1] <= max(0.75 * life, min(60, POLICY.window(life)))


def test_a_memory_holds_the_failure_and_since_when() -> None:
    """Whoever finds it raises that failure, and counts from that moment."""
    failed, now = failure(), after(7)
    remembered = [
        cooldown_while_usable(failed, None, now=now, window=900, usable_left=600, chance=0.5),
        cooldown_after_outage(failed, None, now=now, chance=0.5),
        cooldown_after_refusal(failed, None, now=now, chance=0.5),
    ]
    assert [(each.failure, each.at) for each in remembered] == [(failed, now)] * 3


def test_a_forced_renewal_is_recorded_with_its_time_and_its_flight() -> None:
    """What the next one is measured by."""
    record = forced_now(None, now=after(7), number=3, replaced=entry(), for_life=False, policy=POLICY)
    assert record == ForcedBudget(after(7), 60.0, 3, 60.0)


@pytest.mark.parametrize(("failures", "pause"), [(0, 0.1), (1, 0.3), (2, 0.9), (3, 2.0), (10_000, 2.0)])
def test_a_backoff_grows_up_to_its_cap(failures: int, pause: float) -> None:
    """However many failures there were."""
    assert Backoff(0.1, 2.0, 3.0).after(failures) == pytest.approx(pause)


# The purchase budget.


def bought(*at: float, life: float = 3600.0) -> list[Purchase]:
    """Tokens that came so many seconds after START."""
    return [Purchase(after(seconds), number, life, None, date_is_wrong=False) for number, seconds in enumerate(at)]


def purchases_wait(purchases: list[Purchase], now: float | Instant, cached: Entry | None = None) -> float:
    """Until the next one, without a usable token unless one is given."""
    moment = now if isinstance(now, Instant) else after(now)
    return purchase_wait(purchases, moment, cached, policy=POLICY)


@pytest.mark.parametrize(
    ("life", "number"),
    [
        (0.5, 84),
        (60, 84),
        (119.9, 84),
        (120, 44),
        (299, 44),
        (300, 20),
        (899, 20),
        (900, 10),
        (3599, 10),
        (3600, 8),
        (86_400, 8),
    ],
)
def test_the_number_goes_by_the_issued_life(life: float, number: int) -> None:
    """Between two rows it is that of the shorter life."""
    assert purchases_allowed(life) == number


def test_nothing_bought_is_no_wait() -> None:
    """The first one is free."""
    assert purchases_wait([], 0) == 0


@pytest.mark.parametrize(("life", "number"), [(60, 84), (120, 44), (300, 20), (900, 10), (3600, 8)])
def test_one_hour_holds_so_many_and_no_more(life: float, number: int) -> None:
    """The next one comes when the first of them is an hour old."""
    purchases = bought(*range(number), life=life)
    assert purchases_wait(purchases[:-1], number) == 0
    assert purchases_wait(purchases, number) == 3600 - number
    assert purchases_wait(purchases, 3599.5) == 0.5
    assert purchases_wait(purchases, 3600) == 0
    assert purchases_wait(bought(-10, *range(number), life=life), 3600) == 0  # one more, which is older still


def test_the_row_is_that_of_the_latest_purchase() -> None:
    """The app client's token expiration was changed."""
    assert purchases_wait([*bought(*range(10), life=300.0), *bought(10, life=3600.0)], 11) > 0
    assert purchases_wait([*bought(*range(10), life=3600.0), *bought(10, life=300.0)], 11) == 0


def test_time_passes_by_the_larger_of_the_two_clocks() -> None:
    """A clock set back gives nothing away, and one set forward counts as time passed."""
    purchases = bought(*range(8))
    assert purchases_wait(purchases, Instant(START.wall - 9000, START.boot + 3599)) == 1
    assert purchases_wait(purchases, Instant(START.wall + 3600, START.boot + 10)) == 0


@pytest.mark.parametrize(
    ("early", "cached", "expected"),
    [
        pytest.param(7, False, 0.0, id="ten tokens of a quarter of an hour, none usable"),
        pytest.param(5, True, 0.0, id="four are reserved, and five bought"),
        pytest.param(7, True, 930.0 - 7.0, id="three are reserved, and seven bought"),
    ],
)
def test_while_a_token_is_usable_enough_is_reserved(early: int, cached: bool, expected: float) -> None:
    """A token of 900 s is usable for 890 s: three more are needed within the hour."""
    purchases = bought(*range(early), life=900.0)
    assert purchases_wait(purchases, 7.0, entry(life=900.0) if cached else None) == expected


def test_nothing_is_reserved_for_tokens_that_cannot_be_had_all_the_time() -> None:
    """84 tokens of half a minute are gone after three quarters of an hour, however they are spread."""
    assert purchases_wait(bought(0, life=30.0), 1, entry(life=30.0)) == 0
    assert purchases_wait(bought(*range(83), life=30.0), 84, entry(life=30.0, asked_at=after(82))) == 0


def test_expired_token_is_not_in_hand() -> None:
    """Its replacement cannot wait."""
    assert purchases_wait(bought(*range(7), life=900.0), 7, entry(life=900.0, asked_at=after(-895))) == 0


def test_spent_budget_says_when_it_is_no_longer() -> None:
    """To the millisecond, and never too early."""
    failure = budget_spent(bought(0), 12.00049)
    assert (failure.cause, failure.error, failure.retry_after) == (Cause.SPENT, TokenUnavailable, 12.001)
    assert "8 tokens with a life of 3600 s" in str(failure.args[0])
    assert "in 12.0 s" in str(failure.args[0])


def spent(wait: float) -> Cooldown | None:
    """What a flight leaves that found the budget spent for so long."""
    refused = budget_spent(bought(0), wait)
    return cooldown_of_key(refused, None, None, waited_for=True, now=START, policy=POLICY, chance=0.5)


@pytest.mark.parametrize(("wait", "pause"), [(2000.0, 30.0), (5.0, 5.0)])
def test_spent_budget_is_looked_at_again_after_half_a_minute(wait: float, pause: float) -> None:
    """By then another process may have put a token into the store; what callers are told is the whole wait."""
    cooldown = spent(wait)
    assert cooldown is not None
    assert (cooldown.pause, cooldown.repeated, cooldown.with_token) == (pause, 0, False)
    assert cooldown.retry_after(after(4)) == wait - 4


def test_other_failures_say_when_the_next_request_may_be_made() -> None:
    """The rest of the pause, whatever the server asked for."""
    assert Cooldown(failure(retry_after=100.0), START, 10.0, 0, with_token=False).retry_after(after(4)) == 6


@pytest.mark.parametrize(("now", "found"), [(0, True), (29, True), (30, False)])
def test_a_spent_budget_is_known_as_long_as_its_pause(now: float, found: bool) -> None:
    """No renewal is forced meanwhile."""
    assert is_spent((spent(2000.0), None), after(now)) is found
    assert not is_spent((Cooldown(failure(), START, 100.0, 0, with_token=False), None), after(now))


def test_outdated_token_of_a_cache_is_asked_for_again_when_it_has_expired() -> None:
    """Then the cache fetches another one; as often as an endpoint that cannot be reached."""
    assert delay(Cause.OUTDATED, retry_after=1.5) == 1.5
    assert delay(Cause.OUTDATED, 3, retry_after=1.5) is None
    outdated = failure(Cause.OUTDATED, 1.5)
    cooldown = cooldown_of_key(outdated, None, None, waited_for=True, now=START, policy=POLICY, chance=0.0)
    assert cooldown == cooldown_after_refusal(outdated, None, now=START, chance=0.0)
