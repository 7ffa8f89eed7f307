"""A fork and what a flight does in OpenSSL keep out of each other's way, and neither waits for ever."""

import _thread
import threading

import pytest

from s2sauth import _process
from s2sauth._process import at_work


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a gate of its own."""
    monkeypatch.setattr(_process, "_forking", _thread.allocate_lock())
    monkeypatch.setattr(_process, "_at_work", {})


def test_a_fork_waits_for_work_under_way() -> None:
    """It goes on the moment that the work is over."""
    working, over, forked = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        with at_work():
            working.set()
            over.wait(5)

    def fork() -> None:
        _process._before_fork()
        forked.set()

    worker, forker = threading.Thread(target=work), threading.Thread(target=fork)
    worker.start()
    working.wait(5)
    forker.start()
    assert not forked.wait(0.05)
    over.set()
    assert forked.wait(5)
    worker.join()
    forker.join()


def test_a_fork_waits_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that takes longer waits for the network, and holds no lock of OpenSSL's."""
    monkeypatch.setattr(_process, "FORK_WAIT", 0.05)
    working, over = threading.Event(), threading.Event()

    def work() -> None:
        with at_work():
            working.set()
            over.wait(5)

    worker = threading.Thread(target=work)
    worker.start()
    working.wait(5)
    _process._before_fork()
    over.set()
    worker.join()


def test_a_fork_does_not_wait_for_its_own_thread() -> None:
    """A secret source that forks, which a flight's own thread does."""
    with at_work():
        _process._before_fork()
    _process._after_fork()


def test_work_waits_for_a_fork_under_way() -> None:
    """It begins when the parent goes on."""
    begun = threading.Event()

    def work() -> None:
        with at_work():
            begun.set()

    _process._before_fork()
    worker = threading.Thread(target=work)
    worker.start()
    assert not begun.wait(0.05)
    _process._after_fork()
    assert begun.wait(5)
    worker.join()


def test_work_waits_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork that never ends holds up no token request."""
    monkeypatch.setattr(_process, "FORK_WAIT", 0.05)
    _process._before_fork()
    with at_work():
        pass


def test_two_forks_at_once_do_not_stumble(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate is opened once; opening it again is nothing."""
    monkeypatch.setattr(_process, "FORK_WAIT", 0.05)
    _process._before_fork()
    _process._before_fork()
    _process._after_fork()
    _process._after_fork()
    with at_work():
        pass


def test_a_child_begins_anew() -> None:
    """Neither the gate nor the work of the parent is there."""
    generation = _process.generation()
    with at_work():
        _process._before_fork()
        _process.next_generation()
        assert not _process._at_work
        assert _process.generation() == generation + 1
    with at_work():
        assert len(_process._at_work) == 1
