"""ManualClock: time passes when it is told to, and wakes who waits for it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from s2sauth.testing import ManualClock


def held() -> Any:
    lock = threading.Lock()
    lock.acquire()
    return lock


class Sleeper:
    """A thread inside `clock.wait`."""

    def __init__(self, clock: ManualClock, lock: Any, seconds: float) -> None:
        self.lock = lock
        self.thread = threading.Thread(target=clock.wait, args=(lock, seconds), daemon=True)
        self.thread.start()

    def woke(self) -> bool:
        self.thread.join(5)
        return not self.thread.is_alive()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def asleep(clock: ManualClock) -> Iterator[Callable[..., Sleeper]]:
    """Starts a sleeper and waits until it sleeps; wakes all when the test is over."""
    sleepers: list[Sleeper] = []

    def asleep(seconds: float, lock: Any = None) -> Sleeper:
        sleepers.append(Sleeper(clock, lock or held(), seconds))
        clock.wait_for_sleepers(len(sleepers))
        return sleepers[-1]

    yield asleep
    clock.advance(1e9)
    for sleeper in sleepers:
        assert sleeper.woke()


def instants(clock: ManualClock) -> tuple[float, float, float]:
    return clock.wall(), clock.monotonic(), clock.boottime()


@pytest.mark.parametrize(
    ("move", "moved"),
    [
        pytest.param(lambda clock: clock.advance(2.5), (2.5, 2.5, 2.5), id="advance"),
        pytest.param(lambda clock: clock.advance(0), (0, 0, 0), id="advance-by-nothing"),
        pytest.param(lambda clock: clock.suspend(2.5), (2.5, 0, 2.5), id="suspend"),
        pytest.param(lambda clock: clock.step_wall(2.5), (2.5, 0, 0), id="step-forward"),
        pytest.param(lambda clock: clock.step_wall(-2.5), (-2.5, 0, 0), id="step-back"),
        pytest.param(lambda clock: None, (0, 0, 0), id="nothing"),
    ],
)
def test_each_move_concerns_just_its_clocks(clock, move, moved):
    """advance moves all, suspend all but the monotonic clock, step_wall the wall clock only."""
    before = instants(clock)
    move(clock)
    assert instants(clock) == pytest.approx([b + m for b, m in zip(before, moved, strict=True)], abs=1e-6)


@pytest.mark.parametrize("seconds", [-0.001, float("nan")])
@pytest.mark.parametrize("move", ["advance", "suspend"])
def test_time_does_not_pass_backwards(clock, move, seconds):
    """A negative advance is an error that names what does go back."""
    before = instants(clock)
    with pytest.raises(ValueError, match="step_wall"):
        getattr(clock, move)(seconds)
    assert instants(clock) == before


def test_it_starts_at_a_wall_time_of_these_years_or_where_told(clock):
    """A JWT's iat made from it looks real."""
    assert 1.7e9 < clock.wall() < 2e9
    assert ManualClock(wall=12.5).wall() == 12.5


@pytest.mark.parametrize("seconds", [0, -1, -0.5])
def test_a_wait_of_no_time_returns_at_once(clock, seconds):
    """Zero and less never block, whether or not the lock is free."""
    free = threading.Lock()
    clock.wait(free, seconds)
    assert free.locked()
    clock.wait(free, seconds)


def test_a_wait_for_a_free_lock_returns_at_once_and_holds_it(clock):
    """As with lock.acquire."""
    lock = threading.Lock()
    clock.wait(lock, 10)
    assert lock.locked()


def test_a_released_lock_ends_the_wait_before_its_time(clock, asleep):
    """What others release needs no passing of time."""
    sleeper = asleep(10)
    sleeper.lock.release()
    assert sleeper.woke()


@pytest.mark.parametrize("move", ["advance", "suspend"])
def test_the_wait_ends_on_its_last_tick_and_not_before(clock, asleep, move):
    """One tick before the end it still sleeps."""
    sleeper = asleep(10)
    getattr(clock, move)(9.75)
    assert sleeper.lock.locked()
    clock.wait_for_sleepers(1)
    getattr(clock, move)(0.25)
    assert sleeper.woke()


def test_stepping_the_wall_clock_wakes_nobody(clock, asleep):
    """A wait is a span of time, not a date."""
    asleep(10)
    clock.step_wall(1e6)
    clock.wait_for_sleepers(1)


def test_only_those_wake_whose_time_has_come(clock, asleep):
    """A sleeper with more to wait sleeps on."""
    short, long = asleep(1), asleep(2)
    clock.advance(1)
    assert short.woke()
    assert long.thread.is_alive()
    assert long.lock.locked()
    clock.advance(1)
    assert long.woke()


def test_a_lock_that_was_released_meanwhile_is_no_error(clock, asleep):
    """Somebody else may release the lock just before the clock does."""

    class AlreadyReleased:
        def __init__(self) -> None:
            self.gone = threading.Event()

        def acquire(self) -> None:
            self.gone.wait()

        def release(self) -> None:
            self.gone.set()
            raise RuntimeError("release unlocked lock")

    sleeper = asleep(1, AlreadyReleased())
    clock.advance(1)
    assert sleeper.woke()


def test_waiting_for_sleepers_gives_up_after_its_timeout(clock):
    """It says how many were there."""
    with pytest.raises(TimeoutError, match="0 of 1"):
        clock.wait_for_sleepers(1, timeout=0.01)


def test_random_returns_what_was_set_over_and_over():
    """One number, or several in turn."""
    clock = ManualClock()
    assert [clock.random() for _ in range(2)] == [0.5, 0.5]
    clock.set_random([0.0, 0.25])
    assert [clock.random() for _ in range(3)] == [0.0, 0.25, 0.0]
    assert ManualClock(random=0).random() == 0


@pytest.mark.parametrize("random", [1, -0.1, [], [0.5, 1.0], float("nan")])
def test_random_numbers_lie_between_zero_and_one(random):
    """1 is outside, as with random.random()."""
    with pytest.raises(ValueError, match="random"):
        ManualClock(random=random)
