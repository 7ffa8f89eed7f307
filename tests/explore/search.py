"""Runs scenarios in many orders: depth first, at random, or as written."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .checks import Fault, Kind, Watch, at_the_end
from .scenarios import SCENARIOS, Scenario
from .scheduler import Chooser, Departures, Scheduler
from .stand_ins import in_place
from .steps import tracer
from .world import World


@dataclass(frozen=True)
class Order:
    """A scenario and the departures from its default order, in a form that can be printed and read again."""

    scenario: str
    departures: Mapping[int, str]

    def __str__(self) -> str:
        return f"{self.scenario}@" + ",".join(f"{number}={name}" for number, name in sorted(self.departures.items()))

    @classmethod
    def read(cls, text: str) -> "Order":
        """The order that was printed so."""
        name, _, departures = text.partition("@")
        pairs = [each.partition("=") for each in departures.split(",") if each]
        return cls(name, {int(number): actor for number, _, actor in pairs})


@dataclass(frozen=True)
class Run:
    """What one order came to."""

    order: Order
    decisions: list[tuple[str, tuple[str, ...]]]
    faults: list[Fault]
    told: list[str]

    @property
    def kinds(self) -> set[Kind]:
        """What kinds of faults it has."""
        return {kind for kind, _ in self.faults}


def run(scenario: Scenario, choose: Chooser) -> Run:
    """Run one order."""
    made: dict[int, str] = {}

    def noted(number: int, default: str, others: tuple[str, ...]) -> str:
        chosen = choose(number, default, others)
        if chosen != default:
            made[number] = chosen
        return chosen

    scheduler = Scheduler()
    scheduler.trace_with(tracer(scheduler))
    with in_place(scheduler) as patch:
        world = World(scheduler, patch)
        watch = Watch(world)
        scenario.prepare(world)
        scheduler.run(noted)
        faults = [*watch.seen, *at_the_end(world, scenario.requests)]
    return Run(Order(scenario.name, made), scheduler.decisions, faults, list(scheduler.told(made)))


def replay(order: Order) -> Run:
    """Run this order."""
    return run(SCENARIOS[order.scenario], Departures(order.departures))


def depth_first(scenario: Scenario, most: int) -> Iterator[Run]:
    """Every order with at most so many departures from the default order."""
    waiting: list[dict[int, str]] = [{}]
    while waiting:
        departures = waiting.pop()
        done = run(scenario, Departures(departures))
        yield done
        if len(departures) < most:
            first = max(departures, default=-1) + 1
            for number in range(len(done.decisions) - 1, first - 1, -1):
                waiting += [{**departures, number: name} for name in done.decisions[number][1]]


def at_random(scenario: Scenario, seed: int) -> Iterator[Run]:
    """Orders with any number of departures, for ever; the same ones for the same seed."""
    chance = random.Random(f"{scenario.name} {seed}")
    while True:
        rate = chance.choice((0.02, 0.05, 0.1, 0.3))

        def choose(number: int, default: str, others: tuple[str, ...], rate: float = rate) -> str:
            return chance.choice(others) if chance.random() < rate else default

        yield run(scenario, choose)


def shortest(order: Order, kind: Kind, tried: Callable[[], object] = lambda: None) -> Run:
    """An order with as few of the departures as show this kind of fault."""
    best = replay(order)
    for number in sorted(order.departures, reverse=True):
        fewer = {each: name for each, name in best.order.departures.items() if each != number}
        tried()
        if kind in (done := replay(Order(order.scenario, fewer))).kinds:
            best = done
    return best
