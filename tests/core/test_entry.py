"""How old a token is: two clocks, three states, and never back.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import math
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth import Freshness, RenewalPolicy
from s2sauth._core.entry import (
    Entry,
    Instant,
    clock_step,
    cut_margin,
    elapsed,
    freshness,
    is_alive_by_longest,
    surely_elapsed,
)
from s2sauth._core.once import Once
from tests.support.entries import POLICY, START, after, entry, token

FRESH, STALE, EXPIRED = Freshness.FRESH, Freshness.STALE, Freshness.EXPIRED


def before(seconds: float) -> Instant:
    """The last tick before START + seconds, by both clocks."""
    then = after(seconds)
    return Instant(math.nextafter(then.wall, 0), math.nextafter(then.boot, 0))


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (after(0), FRESH),
        (after(-5), FRESH),
        (before(2880), FRESH),
        (after(2880), STALE),
        (before(3590), STALE),
        (after(3590), EXPIRED),
        (after(3600), EXPIRED),
        (after(1e9), EXPIRED),
    ],
    ids=["new", "clock back", "last tick FRESH", "STALE", "last tick STALE", "EXPIRED", "end", "long ago"],
)
def test_boundaries(now: Instant, state: Freshness) -> None:
    """A token of an hour, chance a half: STALE at 2880 s, EXPIRED at 3590 s, to the tick."""
    assert freshness(entry(), now) is state


@pytest.mark.parametrize(
    ("wall", "boot", "state"),
    [
        (2880, 0, STALE),
        (0, 2880, STALE),
        (3590, 0, EXPIRED),
        (0, 3590, EXPIRED),
        (-86_400, 100, FRESH),
        (-86_400, 3590, EXPIRED),
        (100, -86_400, FRESH),
    ],
)
def test_the_clock_that_is_ahead_counts(wall: float, boot: float, state: Freshness) -> None:
    """Suspend, steps and restored snapshots: each clock alone is wrong in one of them."""
    assert freshness(entry(), Instant(START.wall + wall, START.boot + boot)) is state


@pytest.mark.parametrize(
    ("life", "margin", "cut"),
    [
        (3600, 10.0, None),
        (300, 10.0, None),
        (200, 10.0, None),
        (199, 10.0, None),
        (198.9, 10.0, pytest.approx(9.945)),
        (1199, 60.0, None),
        (60, 10.0, 3.0),
        (1200, 60.0, None),
        (300, 60.0, 15.0),
        (60, 0.0, None),
        (1, 0.0, None),
    ],
)
def test_a_margin_is_cut_when_it_is_more_than_a_twentieth_of_the_life(
    life: float, margin: float, cut: float | None
) -> None:
    """10 s are a twentieth of 200 s, of which the answer may have taken one. No margin cannot be cut."""
    assert cut_margin(life, RenewalPolicy(expiry_margin=margin)) == cut


@pytest.mark.parametrize(
    ("life", "issued_life", "cut"),
    [(150, 3600, None), (199, 200, None), (199, 199.9, 9.95), (150, 199, 7.5)],
    ids=["cached for long", "a second later", "short", "short and cached"],
)
def test_a_margin_is_judged_by_the_life_that_the_token_was_issued_with(
    life: float, issued_life: float, cut: float | None
) -> None:
    """What a caching proxy has left of it is no short token expiration."""
    assert cut_margin(life, RenewalPolicy(), issued_life) == (None if cut is None else pytest.approx(cut))


def test_an_entry_knows_the_life_that_its_token_was_issued_with() -> None:
    """Without a word about it, it is the life that it has."""
    assert entry().issued_life == entry().life
    assert entry(issued_life=7200.0).issued_life == 7200.0


def test_no_token_is_expired() -> None:
    """'Never fetched' is None, not 0."""
    assert freshness(None, START) is EXPIRED


@pytest.mark.parametrize(("wall", "boot", "seconds"), [(5, 3, 5), (3, 5, 5), (-5, 3, 3), (-5, -3, -3), (0, 0, 0)])
def test_elapsed_is_the_larger(wall: float, boot: float, seconds: float) -> None:
    """Of what the two clocks say."""
    assert elapsed(START, Instant(START.wall + wall, START.boot + boot)) == seconds


ORDER = [FRESH, STALE, EXPIRED]


@given(
    life=st.floats(1, 86_400),
    chance=st.floats(0, 1, exclude_max=True),
    steps=st.lists(st.tuples(st.floats(0, 10_000), st.floats(0, 10_000)), max_size=20),
)
def test_freshness_only_ever_moves_forward(life: float, chance: float, steps: list[tuple[float, float]]) -> None:
    """However unevenly the two clocks go on."""
    held, now, states = entry(life=life, chance=chance), START, list[int]()
    for wall, boot in steps:
        now = Instant(now.wall + wall, now.boot + boot)
        states.append(ORDER.index(freshness(held, now)))
    assert states == sorted(states)


@given(st.floats(-100_000, 100_000), st.floats(0, 100_000))
def test_token_past_its_life_by_the_boot_clock_is_never_served(step: float, age: float) -> None:
    """No step of the wall clock revives it."""
    held = entry()
    state = freshness(held, Instant(START.wall + age + step, START.boot + age))
    assert state is EXPIRED or age < 3590


@given(st.floats(0, 4000))
def test_usable_left_agrees_with_freshness(age: float) -> None:
    """More than 0 exactly while it is not EXPIRED."""
    held = entry()
    assert (held.usable_left(after(age)) > 0) is (freshness(held, after(age)) is not EXPIRED)


def test_entry_says_until_when_it_is_fresh() -> None:
    """By each clock, computed once: the read only compares."""
    held = entry()
    assert held.fresh_until_wall == START.wall + 2880
    assert held.fresh_until_boot == START.boot + 2880
    assert held.usable_for == POLICY.usable_for(3600)


def test_suspected_entry_is_as_fresh_as_before_but_never_read_without_a_look() -> None:
    """Once suspected, always suspected."""
    held = entry()
    held.suspect()
    held.suspect()
    assert held.suspected
    assert held.fresh_until_wall == -math.inf
    assert freshness(held, after(100)) is FRESH
    assert held.usable_left(after(100)) == 3490


def test_the_entry_that_another_one_follows_is_not_read_without_a_look() -> None:
    """The first one that follows it stays."""
    first, second, third = entry(number=1), entry(number=2), entry(number=3)
    assert first.follow_with(second)
    assert not first.follow_with(third)
    assert first.next.get(None) is second
    assert first.fresh_until_wall == -math.inf
    assert second.fresh_until_wall == START.wall + 2880


def test_no_entry_at_all_is_never_fresh() -> None:
    """It stands at the end of a chain when the tokens were dropped."""
    nothing = Entry.nothing(7)
    assert (nothing.number, nothing.life, nothing.fresh_until_wall) == (7, 0, -math.inf)
    assert not nothing.next
    assert not hasattr(nothing, "token")


@pytest.mark.parametrize(
    ("wall", "boot", "step"),
    [
        (0, 0, None),
        (3600, 3600, None),
        (1, 0, None),
        (math.nextafter(1, 2), 0, math.nextafter(1, 2)),
        (-1, 0, None),
        (math.nextafter(-1, -2), 0, math.nextafter(-1, -2)),
        (3604.5, 3600, None),
        (3605, 3600, 5),
        (3595.5, 3600, None),
        (3595, 3600, -5),
        (0, 3600, -3600),
        (-1e9, 10, -1e9 - 10),
        (2000, -1000, 3000),
    ],
    ids=[
        "nothing passed",
        "an hour",
        "adjusted",
        "first tick forward",
        "adjusted back",
        "first tick back",
        "slewed in an hour",
        "more than NTP slews",
        "slewed back",
        "more than NTP slews back",
        "back by an hour",
        "back to the seventies",
        "booted anew",
    ],
)
def test_clock_step(wall: float, boot: float, step: float | None) -> None:
    """A second and a thousandth of what has passed may come of adjustment; beyond it the clock was set, both ways."""
    assert clock_step(Instant(0.0, 0.0), Instant(wall, boot)) == step


def test_an_entry_is_not_forced_unless_it_is_said() -> None:
    """A forced one makes the interval of forced renewals double."""
    plain = Entry(token(), asked_at=START, life=10.0, policy=POLICY, chance=0.5, number=1)
    assert (plain.forced, plain.suspected) == (False, False)


def test_clock_step_counts_from_the_moment_before() -> None:
    """Not from the epoch."""
    assert clock_step(Instant(1000.0, 50.0), Instant(1010.0, 60.0)) is None
    assert clock_step(Instant(1000.0, 50.0), Instant(1310.0, 60.0)) == 300.0


# The cell in which an entry names the one that followed it.


def test_a_cell_is_set_once() -> None:
    """The second value has no effect, and its owner is told so; nothing else empties or changes it."""
    cell = Once[object]()
    first, second = object(), object()
    assert (bool(cell), cell.get(None)) == (False, None)
    assert cell.set(first)
    assert not cell.set(second)
    assert cell.settle(second) is first
    assert (bool(cell), cell.get(None)) == (True, first)


def test_many_threads_agree_on_the_value_of_a_cell() -> None:
    """Each is told whether it was its own."""
    for _ in range(50):
        cell, barrier, told = Once[int](), threading.Barrier(8), list[tuple[int, bool]]()

        def decide(mine: int, cell: Once[int] = cell, barrier: threading.Barrier = barrier, told: Any = told) -> None:
            barrier.wait()
            told.append((mine, cell.set(mine)))

        threads = [threading.Thread(target=decide, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [mine for mine, first in told if first] == [cell.get(None)]


def test_an_entry_is_neither_suspected_nor_accepted_at_first() -> None:
    """And nothing is usable where there is no entry."""
    assert (entry().suspected, entry().accepted) == (False, False)
    assert Entry.nothing(7).usable_for == 0.0


@pytest.mark.parametrize(("wall", "boot", "surely"), [(5, 5, 5), (100, 5, 5), (-100, 5, 0), (5, 0, 0)])
def test_what_has_surely_passed_is_what_both_clocks_say(wall: float, boot: float, surely: float) -> None:
    """Never less than nothing."""
    assert surely_elapsed(START, Instant(START.wall + wall, START.boot + boot)) == surely


@pytest.mark.parametrize(("age", "alive"), [(50, False), (58, True), (899, True), (900, False)])
def test_the_longest_reading_counts_where_the_shortest_one_ends(age: float, alive: bool) -> None:
    """To its last second, without a margin."""
    made = Entry(token(), asked_at=START, life=60.0, policy=POLICY, chance=0.5, number=1, longest=900.0)
    assert is_alive_by_longest(made, after(age)) is alive


def test_margin_of_an_entry_replaces_that_of_the_policy() -> None:
    """None at all for a token that has no successor; a longer one where whole seconds hide a part of the life."""
    made = [
        Entry(token(), asked_at=START, life=20.0, policy=POLICY, chance=0.5, number=1, margin=margin)
        for margin in (None, 0.0, 2.0)
    ]
    assert [each.usable_for for each in made] == [19.0, 20.0, 18.0]
