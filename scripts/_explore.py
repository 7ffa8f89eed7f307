"""What scripts/explore does: every order with few departures, then orders at random, with a table at the end."""

import argparse
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field

from tests.explore.scenarios import SCENARIOS
from tests.explore.search import Order, Run, at_random, depth_first, replay, shortest

PROGRESS_EVERY = 10.0
"""Seconds between two lines of progress of one scenario."""


@dataclass
class Result:
    """What the orders of one scenario came to."""

    scenario: str
    depth_first: int = 0
    departures: int = 0
    """All orders with at most so many departures were run."""
    at_random: int = 0
    seconds: float = 0.0
    known: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By kind: the number in the catalogue, and an order."""
    unknown: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By kind: what is wrong, and an order."""

    def add(self, done: Run) -> None:
        """Note what is wrong with this order, unless it was seen before."""
        known = SCENARIOS[self.scenario].known
        for kind, text in done.faults:
            if kind in self.known or kind in self.unknown:
                continue
            order = str(shortest(done.order, kind).order)
            if kind in known:
                self.known[kind] = known[kind], order
            else:
                self.unknown[kind] = text, order
                print(f"{self.scenario}: {kind} ({text}): --replay {order}", file=sys.stderr, flush=True)


def explored(name: str, share: int | None, most: int, seed: int) -> Result:
    """Run `share` orders of a scenario, or without a share all those with at most `most` departures."""
    result, began = Result(name), time.monotonic()
    told = began
    for done in _orders(result, share, most, seed):
        result.add(done)
        if time.monotonic() - told > PROGRESS_EVERY:
            told = time.monotonic()
            ran = result.depth_first + result.at_random
            print(f"{name}: {ran} orders in {told - began:.0f} s", file=sys.stderr, flush=True)
    result.seconds = round(time.monotonic() - began, 1)
    return result


def _orders(result: Result, share: int | None, most: int, seed: int) -> Iterator[Run]:
    scenario = SCENARIOS[result.scenario]
    for departures in range(1, most + 1):
        if share is not None and result.depth_first**departures / 2 > share:
            break  # about so many have two departures: that would not end
        result.depth_first = 0  # the orders with fewer departures are run again among these
        for done in depth_first(scenario, departures):
            result.depth_first += 1
            yield done
        result.departures = departures
    more = result.depth_first // 10 if share is None else max(0, share - result.depth_first)
    for done in itertools.islice(at_random(scenario, seed), more):
        result.at_random += 1
        yield done


def main() -> int:
    """Explore, or replay one order."""
    parser = argparse.ArgumentParser(prog="scripts/explore", description="The engine in every order of its steps.")
    parser.add_argument("scenario", nargs="*", help="default: all")
    parser.add_argument("--orders", type=int, help="in all; default: every order with few departures, and some more")
    parser.add_argument("--departures", type=int, default=2, help="depth first up to so many; default: 2")
    parser.add_argument("--seed", type=int, help="of the random orders; default: drawn")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="scenarios at a time")
    parser.add_argument("--replay", metavar="ORDER", type=Order.read, help="run one order as it was printed")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    arguments = parser.parse_args()
    if arguments.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:18} {scenario.about}")
        return 0
    if arguments.replay is not None:
        return _replayed(arguments.replay)
    names = arguments.scenario or list(SCENARIOS)
    for name in names:
        if name not in SCENARIOS:
            parser.error(f"{name} is no scenario; --list names them")
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", file=sys.stderr)
    share = None if arguments.orders is None else -(-arguments.orders // len(names))
    with ProcessPoolExecutor(arguments.jobs) as pool:
        futures = [pool.submit(explored, name, share, arguments.departures, seed) for name in names]
        results = [future.result() for future in futures]
    if arguments.json:
        print(json.dumps({"seed": seed, "scenarios": [asdict(result) for result in results]}, indent=2))
    else:
        _show(results)
    return int(any(result.unknown for result in results))


def _show(results: list[Result]) -> None:
    print(f"{'scenario':18} {'orders':>8} {'departures':>10} {'at random':>9} {'seconds':>8}  faults")
    for result in results:
        numbers = sorted({number for number, _ in result.known.values()})
        faults = [f"known: {', '.join(map(str, numbers))}"] if numbers else []
        faults += [f"NEW: {kind}" for kind in result.unknown]
        orders = result.depth_first + result.at_random
        departures = f"all of {result.departures}"
        print(
            f"{result.scenario:18} {orders:>8,} {departures:>10} {result.at_random:>9,} {result.seconds:>8.1f}  "
            f"{'; '.join(faults) or 'none'}"
        )
    orders = sum(result.depth_first + result.at_random for result in results)
    print(f"{len(results)} scenarios, {orders:,} orders")
    for result in results:
        for kind, (number, order) in result.known.items():
            print(f"known {number}  {kind}: --replay {order}")
        for kind, (text, order) in result.unknown.items():
            print(f"NEW  {kind} ({text}): --replay {order}")


def _replayed(order: Order) -> int:
    if order.scenario not in SCENARIOS:
        print(f"{order.scenario} is no scenario; --list names them", file=sys.stderr)
        return 2
    done = replay(order)
    print("\n".join(done.told))
    print()
    for kind, text in done.faults:
        print(f"{kind}: {text}")
    print("no fault" if not done.faults else f"{len(done.faults)} faults")
    return int(bool(done.faults))


if __name__ == "__main__":
    sys.exit(main())
