"""The engine keeps its promises in every order of its steps. `scripts/explore` runs many more orders."""

import ast
import inspect
import itertools
from collections.abc import Iterable, Iterator
from types import ModuleType

import pytest

from .checks import Kind
from .plants import PLANTS, Plant, planted
from .scenarios import SCENARIOS
from .scheduler import Departures, Scheduler
from .search import Order, Run, at_random, depth_first, replay, shortest
from .stand_ins import Lock
from .steps import ALONE, CONSTRUCTORS, MODULES, SHARED

SEED = 1
AT_RANDOM = 25

KNOWN = {"late-beside": Kind.LOST_COUNT}
"""A scenario that shows each fault that is not fixed; `SCENARIOS` has its number in the catalogue."""


@pytest.mark.fault(207, 208, 209, 210, 211, 212, 213)
@pytest.mark.parametrize("name", SCENARIOS)
def test_promises_hold_in_every_order_with_one_departure_and_in_some_with_more(name: str) -> None:
    """Each caller has an outcome, nobody waits for nothing, one request per flight, the newest token stands."""
    scenario = SCENARIOS[name]  # some take over 1 s: about 200 orders, each with threads of its own
    orders = itertools.chain(depth_first(scenario, 1), itertools.islice(at_random(scenario, SEED), AT_RANDOM))
    assert _unknown(orders) == {}


@pytest.mark.fault(215)
@pytest.mark.parametrize(("name", "kind"), KNOWN.items(), ids=KNOWN)
def test_known_fault_is_still_there(name: str, kind: Kind) -> None:
    """When this fails, the fault is fixed."""
    assert kind in SCENARIOS[name].known
    assert any(kind in done.kinds for done in depth_first(SCENARIOS[name], 1))


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_planted_race_is_found(plant: Plant) -> None:
    """An explorer that finds nothing in a broken engine proves nothing."""
    scenario = SCENARIOS[plant.scenario]
    with planted(plant):
        found = _unknown(itertools.islice(itertools.chain(depth_first(scenario, 1), at_random(scenario, SEED)), 2000))
    assert found
    assert _unknown([replay(found[kind].order) for kind in found]) == {}  # the order is harmless without the race


def test_failing_order_is_replayed_from_its_printed_form() -> None:
    """The same steps, the same faults."""
    plant = PLANTS[0]
    with planted(plant):
        kind, failing = _unknown(depth_first(SCENARIOS[plant.scenario], 1)).popitem()
        again = replay(Order.read(str(failing.order)))
    assert again == failing
    assert kind in again.kinds


def test_failing_order_is_shown_in_its_shortest_form() -> None:
    """Departures that the fault does not need are left out."""
    with planted(PLANTS[0]):
        kind, failing = _unknown(at_random(SCENARIOS["cold"], SEED)).popitem()
        short = shortest(failing.order, kind)
    assert kind in short.kinds
    assert 0 < len(short.order.departures) < len(failing.order.departures)


def test_random_orders_are_the_same_for_the_same_seed() -> None:
    """A seed that was printed is enough to run them again."""
    first, second = (
        [str(each.order) for each in itertools.islice(at_random(SCENARIOS["cold"], SEED), 5)] for _ in range(2)
    )
    assert first == second


def test_actors_that_wait_for_each_other_are_seen() -> None:
    """Nothing can go on and no time-out is near."""
    scheduler = Scheduler()
    first, second = Lock(scheduler), Lock(scheduler)

    def take(one: Lock, other: Lock) -> None:
        one.acquire()
        scheduler.step()
        other.acquire()

    scheduler.add("a", lambda: take(first, second))
    scheduler.add("b", lambda: take(second, first))
    scheduler.run(Departures({1: "b"}))
    assert [kind for kind, _ in scheduler.problems] == [Kind.WAITS_FOR_EVER]


def test_signal_handler_that_waits_for_the_thread_that_it_interrupts_is_seen() -> None:
    """It waits on top of that thread, which cannot go on."""
    scheduler = Scheduler()
    lock = Lock(scheduler)

    def use() -> None:
        lock.acquire()
        scheduler.step()
        lock.release()

    host = scheduler.add("a", use)
    scheduler.add("handler", use, interrupts=host)
    scheduler.run(Departures({1: "handler"}))
    assert [kind for kind, _ in scheduler.problems] == [Kind.WAITS_FOR_EVER]


def test_actor_that_never_ends_is_seen() -> None:
    """And ended."""
    scheduler = Scheduler()

    def turn() -> None:
        while True:
            scheduler.step()

    scheduler.add("a", turn)
    scheduler.run(Departures({}))
    assert [kind for kind, _ in scheduler.problems] == [Kind.NEVER_ENDS]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_attribute_that_changes_is_a_step_or_has_a_reason_not_to_be(module: ModuleType) -> None:
    """Who adds shared state to the engine is told to let the explorer stop there."""
    assigned = set(_assigned(ast.parse(inspect.getsource(module))))
    assert assigned <= SHARED | set(ALONE)


def test_every_name_that_is_watched_exists() -> None:
    """A name that was changed in the engine is changed here as well."""
    sources = "\n".join(inspect.getsource(module) for module in MODULES)
    attributes = {node.attr for node in ast.walk(ast.parse(sources)) if isinstance(node, ast.Attribute)}
    assert attributes >= SHARED | set(ALONE)
    assert not SHARED & set(ALONE)


def _assigned(tree: ast.AST, constructor: bool = False) -> Iterator[str]:
    """Names of attributes that are assigned outside of constructors, and of those that begin as a dict or a list."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name in CONSTRUCTORS if isinstance(node, ast.FunctionDef) else constructor
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del) and not inside:
            yield node.attr
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Dict | ast.List):
            for target in [node.target] if isinstance(node, ast.AnnAssign) else node.targets:
                if isinstance(target, ast.Attribute):
                    yield target.attr
        yield from _assigned(node, inside)


def _unknown(orders: Iterable[Run]) -> dict[Kind, Run]:
    """The first order with a fault that is not known."""
    for done in orders:
        unknown = done.kinds - set(SCENARIOS[done.order.scenario].known)
        if unknown:
            return {min(unknown): done}
    return {}
