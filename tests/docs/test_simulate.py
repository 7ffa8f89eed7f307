"""The simulation behind docs/costs.md: its processes decide as the library does, its world counts right.

Private modules: the simulation is of the engine's own decisions.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from s2sauth import RenewalPolicy, TokenUnavailable
from s2sauth._core.sharing import AFTER_LEASE, POLL, lease_seconds
from s2sauth._core.token_endpoint import Answer
from tests.support.fleet import Process, busiest_second, callers_fly, issue

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

sharing: Any = import_module("_sharing")
stored: Any = import_module("_stored")
worlds: Any = import_module("_world")
simulate: Any = import_module("simulate")

POLICY = RenewalPolicy()
QUOTA = 150
HOUR = 3600.0
AT_ONCE = (worlds.Deploy(0.0, spread=0.0),)
"""All start in the same moment."""
Way = sharing.Way
BY_ALL = pytest.mark.parametrize("way", [way for way in Way if way.by_all], ids=lambda way: way.value)
EVERY_WAY = pytest.mark.parametrize("way", Way, ids=lambda way: way.value)


def day(seconds: float, **happens: Any) -> Any:
    """A day whose fleet starts at once."""
    return worlds.Day(seconds, **{"deploys": AT_ONCE, **happens})


def world(way: Any = Way.PRIVATE, *, of: Any, processes: int = 1, life: float = HOUR, seed: str = "seed") -> Any:
    """A fleet with ten processes on a machine."""
    return sharing.World(of, sharing.Fleet(processes, on_machine=10), way, life, seed)


@pytest.mark.parametrize(
    ("life", "chance", "tokens"),
    # In a day: 86,400 s / 2,880 s; 86,400 s / 240 s; renewed once, after 23.2 h. Earlier and later points of an hour.
    [(3600.0, 0.5, 30), (300.0, 0.5, 360), (86400.0, 0.5, 2), (3600.0, 0.0, 32), (3600.0, 0.99, 29)],
)
def test_one_process_buys_what_can_be_reckoned_by_hand(life: float, chance: float, tokens: int) -> None:
    """It renews after L - W * (1 - 0.4 * chance), a moment later at most, all day."""
    one = world(of=day(24 * HOUR), life=life)
    one.chance = lambda: chance
    one.call = lambda: 0.001
    assert sum(one.run().minted) == tokens


def outage(began: float, ended: float) -> Callable[[float], Answer | None]:
    """An endpoint that cannot be reached for so long."""
    return lambda at: None if began <= at < ended else issue()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("began", "ended"), [(3000.0, 3300.0), (3000.0, 6000.0), (0.0, 500.0), (9e9, 9e9)])
def test_simulated_process_asks_when_the_engine_asks(seed: int, began: float, ended: float) -> None:
    """The real engine and a simulated process, with the same chances and calls, send the same token requests."""
    endpoint = outage(began, ended)
    real: list[float] = []
    process = Process(endpoint, real, Random(seed))
    with callers_fly():
        while process.clock.at < 5 * HOUR:
            try:
                process.get()
            except TokenUnavailable:
                process.clock.at += 0.25
            else:
                entry = process.slot.newest
                assert entry is not None
                left = entry.usable_left(process._engine.now())
                process.clock.at += min(process.due, left) + 0.001 + 0.25

    simulated: list[float] = []

    def answer(now: float, limits: object) -> tuple[int | None, float]:
        simulated.append(now)
        return (None if endpoint(now) is None else 200), 0.0

    one = world(of=day(5 * HOUR))
    one.chance = Random(seed).random
    one.call = lambda: 0.25
    one.cognito.answer = answer
    one.run()
    assert simulated == pytest.approx([at + 0.25 for at in real if at + 0.25 < 5 * HOUR], abs=0.01)
    assert len(simulated) > 6


@pytest.mark.parametrize(("way", "keys"), [(Way.PRIVATE, 30), (Way.MACHINE, 3), (Way.REDIS, 1), (Way.DYNAMODB, 1)])
def test_a_token_is_bought_for_those_who_share_it(way: Any, keys: int) -> None:
    """30 processes on 3 machines, a day of hourly tokens."""
    books = world(way, of=day(24 * HOUR), processes=30).run()
    assert keys * 28 <= sum(books.minted) <= keys * 32
    assert sum(books.failed) == 0


def test_one_asks_while_the_others_wait() -> None:
    """200 processes without a token, at the same moment: one token request, and nobody waits much longer for it."""
    books = world(Way.DYNAMODB, of=day(60.0), processes=200).run()
    assert sum(books.requests) == 1
    assert books.longest < 1.0


def test_a_dead_holder_is_waited_for_until_its_lease_ends() -> None:
    """Then one of the others has the lease, and the rest its token."""
    fleet = world(Way.DYNAMODB, of=day(60.0), processes=200)
    assert fleet.store(0, 0).take_lease(b"f" * 32, lease_seconds(POLICY), None)
    books = fleet.run()
    assert sum(books.requests) == 1
    assert lease_seconds(POLICY) - 2.0 < books.longest < lease_seconds(POLICY) + AFTER_LEASE + POLL.cap


def test_a_holder_that_a_deploy_ends_is_waited_for_no_longer() -> None:
    """Every process is replaced in the middle of the first token request: its lease ends, and others ask."""
    deploys = (worlds.Deploy(0.0, spread=0.0), worlds.Deploy(30.0, spread=0.5))
    fleet = world(Way.DYNAMODB, of=day(60.0, deploys=deploys), processes=200)
    answer, number = fleet.cognito.answer, count()
    fleet.cognito.answer = lambda now, limits: answer(now, limits) if next(number) else (200, 1e6)
    fleet.call = lambda: 29.9 if fleet.env.now < 29 else 0.1
    books = fleet.run()
    assert books.minted.index(1) == pytest.approx(29.9 + lease_seconds(POLICY), abs=1.0)
    assert sum(books.failed) == 0


@EVERY_WAY
def test_an_outage_within_the_budget_is_not_noticed(way: Any) -> None:
    """A second shorter than the guaranteed one, at any time of a token's life."""
    for began in (600.0, 2800.0, 4200.0, 7000.0):
        down = worlds.Outage(began, began + simulate.budget(HOUR) - 1, hangs=False)
        books = world(way, of=day(3 * HOUR, outages=(down,)), processes=100, seed=f"{began}").run()
        assert sum(books.failed) == 0


@EVERY_WAY
def test_an_outage_beyond_it_is_noticed(way: Any) -> None:
    """An hour outlasts every token; calls fail in it, and none once half a minute has passed after it."""
    down = worlds.Outage(2 * HOUR, 3 * HOUR, hangs=True)
    books = world(way, of=day(4 * HOUR, outages=(down,)), processes=20).run()
    assert sum(books.failed) > 1000
    assert sum(books.failed[int(down.ended) + 45 :]) == 0
    assert max(books.longest, POLICY.deadline) < POLICY.deadline + 0.1


def test_a_store_that_is_down_costs_tokens_and_no_call() -> None:
    """Each process buys its own at its next renewal; when the store is back they share again."""
    books = world(Way.DYNAMODB, of=day(9 * HOUR, store_outages=((2 * HOUR, 3 * HOUR),)), processes=50).run()
    assert sum(books.failed) == 0
    assert 50 <= sum(books.minted[int(2 * HOUR) : int(3 * HOUR)]) <= 100
    assert sum(books.minted[int(5 * HOUR) :]) <= 6


def test_the_quota_holds() -> None:
    """1,000 private processes at once are over it: no more tokens come than it lets through; the retries get them."""
    books = world(of=day(60.0), processes=1000).run()
    assert max(books.requests) > QUOTA
    assert books.throttled == sum(books.requests) - 1000
    assert all(sum(books.minted[at : at + 3]) <= 4 * QUOTA for at in range(60))
    assert sum(books.failed) == 0


CROWD = sharing.Fleet(300, on_machine=10, once=True)


@pytest.mark.fault(193)
@BY_ALL
@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("kills", [False, True])
def test_a_crowd_at_the_limits_of_a_store_buys_two_tokens_at_most(way: Any, share: float, kills: bool) -> None:
    """300 processes on a store with three hundredths of its limits; benchmarks/simulate.py has 10,000."""
    crowd = worlds.Day(40.0, (worlds.Deploy(0.0, spread=3.0),), kills=kills, share=0.03 * share)
    books = sharing.World(crowd, CROWD, way, HOUR, "crowd").run()
    assert sum(books.minted) == 1 + kills
    assert sum(books.failed) == 0
    assert books.longest < 7.0


@BY_ALL
def test_the_limits_of_a_store_are_put_to_the_test(way: Any) -> None:
    """With a two-thousandth of them it is too busy: the processes of a crowd wait, and then buy for themselves."""
    crowd = worlds.Day(40.0, (worlds.Deploy(0.0, spread=0.5),), share=0.0005)
    books = sharing.World(crowd, CROWD, way, HOUR, "crowd").run()
    assert books.busy > 500
    assert sum(books.minted) > 100


def test_units_of_a_key() -> None:
    """3,000 consistent or 6,000 other reads a second, 1,000 writes of a lease, 500 of a token; nothing saved up."""
    engine = stored.DynamoDB()
    peek, get, put = stored.Operation
    entry, lease = stored.Part
    assert {
        (operation, part): sum(done(engine, 10.0 + number / 20_000, operation, part) for number in range(20_000))
        for operation, part in [(peek, entry), (get, lease), (put, lease), (put, entry)]
    } == {
        (peek, entry): pytest.approx(6_000, rel=0.12),
        (get, lease): pytest.approx(3_000, rel=0.12),
        (put, lease): pytest.approx(1_000, rel=0.12),
        (put, entry): pytest.approx(500, rel=0.12),
    }


def done(engine: Any, now: float, operation: Any, part: Any) -> bool:
    """Whether it is not too busy."""
    try:
        engine.takes(now, operation, part)
    except stored.Busy:
        return False
    return True


def test_same_seed_same_figures() -> None:
    """To the last digit; another seed has others."""
    down = worlds.Outage(3000.0, 3060.0, hangs=False)
    books = [world(Way.DYNAMODB, of=day(HOUR, outages=(down,)), processes=50, seed=seed).run() for seed in "aab"]
    assert books[0] == books[1]
    assert books[0].store != books[2].store


def test_busiest_second_is_within_the_books() -> None:
    """The books count by the second of the clock, which splits the busiest second in two at most."""
    asked: list[float] = []
    fleet = world(of=day(30.0), processes=300)
    answer = fleet.cognito.answer
    fleet.cognito.answer = lambda now, limits: (asked.append(now), answer(now, limits))[1]  # type: ignore[func-returns-value]  # append, then the answer
    books = fleet.run()
    assert max(books.requests) <= busiest_second(asked) <= 2 * max(books.requests)


def test_a_flight_that_somebody_joins_gets_a_callers_time() -> None:
    """It began in the background, for 100 s; a caller without a token joins it after 10 s, or too late."""
    flight = sharing.Flight(0.0, 100.0, 10.0)
    assert [flight.waited_for(at) for at in (9.9, 10.0)] == [False, True]
    assert (flight.left(9.0), flight.left(12.0)) == (91.0, POLICY.deadline - 2.0)
