"""The long run of the model that scripts/model starts: rounds of examples that are new each time."""

import argparse
import itertools
import logging
import random
import sys
import time

import hypothesis
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Life

ROUND = hypothesis.settings(
    max_examples=50,
    stateful_step_count=50,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def main() -> int:
    """Rounds until time is up."""
    parser = argparse.ArgumentParser(prog="scripts/model", description="A long run of the model.")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for how long; default: until Ctrl-C")
    parser.add_argument("--seed", type=int, help="of the first round; default: drawn")
    arguments = parser.parse_args()
    logging.getLogger("s2sauth").addHandler(logging.NullHandler())
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    began = time.monotonic()
    for number in itertools.count(1):
        print(f"round {number}, seed {seed}: ", end="", flush=True)
        try:
            run_state_machine_as_test(hypothesis.seed(seed)(Life), settings=ROUND)
        except KeyboardInterrupt:
            return 130
        minutes = (time.monotonic() - began) / 60
        print(f"{number * ROUND.max_examples} examples in {minutes:.1f} min", flush=True)
        if minutes >= arguments.minutes:
            break
        seed += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
