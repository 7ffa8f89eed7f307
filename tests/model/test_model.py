"""Everything in any order, against a model."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Life

# About 25 s on a quiet machine, the same examples every time. For new ones, for as long as you like: `scripts/model`.
BOUNDED = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.fault(160)
def test_whatever_happens_in_whatever_order_the_promises_hold() -> None:
    """Callers of all worlds, five keys, every kind of answer, wrong clocks, forks: see tests/model/machine.py."""
    run_state_machine_as_test(Life, settings=BOUNDED)
