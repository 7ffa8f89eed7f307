"""What belongs to the process: clocks, chance, generation, Lambda.

Private modules: what the process is made of is no caller's to ask.
"""

import _thread
import importlib.util
import os
import time
from types import ModuleType

import pytest

from s2sauth import _clock, _fork_guard, _process
from s2sauth._clock import SystemClock
from s2sauth._process import in_lambda, next_generation, this_process


def test_system_clock_is_the_machines() -> None:
    """Each of the three, and none of them ours."""
    clock = SystemClock()
    assert abs(clock.wall() - time.time()) < 1
    assert abs(clock.monotonic() - time.monotonic()) < 1
    before = clock.boottime()
    assert clock.boottime() >= before


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="a platform without it")
def test_boottime_counts_suspended_time_where_the_platform_can() -> None:
    """CLOCK_BOOTTIME on Linux."""
    assert abs(SystemClock().boottime() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1


def test_boottime_is_the_monotonic_clock_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up, never assumed."""
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert _clock._boottime() is time.monotonic


def test_chance_is_the_operating_systems() -> None:
    """Numbers from [0, 1), which no clone of a snapshot shares."""
    clock = SystemClock()
    drawn = [clock.random() for _ in range(100)]
    assert all(0 <= number < 1 for number in drawn)
    assert len(set(drawn)) == 100


def test_wait_ends_by_time() -> None:
    """And leaves the lock held."""
    lock = _thread.allocate_lock()
    lock.acquire()
    SystemClock.wait(lock, 0.01)
    assert lock.locked()


def test_wait_ends_when_the_lock_is_free() -> None:
    """At once."""
    SystemClock.wait(_thread.allocate_lock(), 60)


def test_generations_differ() -> None:
    """A child's is another than its parent's."""
    pid, number = this_process()
    next_generation()
    assert this_process() == (pid, number + 1)


@pytest.mark.parametrize("module", [_process, _fork_guard], ids=["process", "fork guard"])
def test_platform_without_fork_is_fine(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """`register_at_fork` is looked up, never assumed: Windows has none."""
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    assert module.__file__ is not None
    specification = importlib.util.spec_from_file_location(f"{module.__name__}_without_fork", module.__file__)
    assert specification is not None
    assert specification.loader is not None
    specification.loader.exec_module(importlib.util.module_from_spec(specification))


def test_lambda_is_known_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_LAMBDA_FUNCTION_NAME."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    assert not in_lambda()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "caller")
    assert in_lambda()
