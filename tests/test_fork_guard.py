"""What a flight does in OpenSSL keeps out of the way of forks and of the process's end, and nobody waits for ever.

The guard is private: a caller sees only that a fork takes its time.
"""

import _thread
import os
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

import certifi
import pytest

from s2sauth import _fork_guard
from s2sauth._fork_guard import hold_off_exit, hold_off_forks


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a gate of its own."""
    monkeypatch.setattr(_fork_guard, "_closed", _thread.allocate_lock())
    monkeypatch.setattr(_fork_guard, "_working", {})
    monkeypatch.setattr(_fork_guard, "_ending", deque(maxlen=16))


def test_a_fork_waits_for_work_under_way() -> None:
    """It goes on the moment that the work is over."""
    working, over, forked = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        with hold_off_forks():
            working.set()
            over.wait(5)

    def fork() -> None:
        _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
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


def test_the_end_waits_for_what_a_fork_does_not() -> None:
    """What is left to do for other processes once the token is there."""
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with hold_off_exit():
            inside.set()
            leave.wait(10)

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(10)
    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    _fork_guard.resume_work()
    ending = threading.Thread(target=_fork_guard.stop_work, args=(10.0,))
    ending.start()
    ending.join(0.05)
    assert ending.is_alive()
    leave.set()
    ending.join(10)
    _fork_guard.resume_work()
    assert not ending.is_alive()


def test_a_fork_waits_no_longer_than_the_work_says() -> None:
    """Work that takes longer waits for the network, and holds no lock of OpenSSL's."""
    working, over = threading.Event(), threading.Event()

    def work() -> None:
        with hold_off_forks(0.05):
            working.set()
            over.wait(5)

    worker = threading.Thread(target=work)
    worker.start()
    working.wait(5)
    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    over.set()
    worker.join()


def test_a_fork_does_not_wait_for_its_own_thread() -> None:
    """A secret source that forks, which a flight's own thread does."""
    with hold_off_forks():
        _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    _fork_guard.resume_work()


def test_work_waits_for_a_fork_under_way() -> None:
    """It begins when the parent goes on."""
    begun = threading.Event()

    def work() -> None:
        with hold_off_forks():
            begun.set()

    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    worker = threading.Thread(target=work)
    worker.start()
    assert not begun.wait(0.05)
    _fork_guard.resume_work()
    assert begun.wait(5)
    worker.join()


def test_work_waits_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork that never ends holds up no token request."""
    monkeypatch.setattr(_fork_guard, "_patience", 0.05)
    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    with hold_off_forks():
        pass


def test_two_forks_at_once_do_not_stumble(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate is opened once; opening it again is nothing."""
    monkeypatch.setattr(_fork_guard, "FORK_WAIT", 0.05)
    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    _fork_guard.resume_work()
    _fork_guard.resume_work()
    with hold_off_forks():
        pass


def test_work_that_begins_at_the_end_of_the_process_is_hardly_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler of atexit that asks for its first token waits for the token endpoint, not for a gate."""
    monkeypatch.setattr(_fork_guard, "_patience", 60.0)
    _fork_guard._at_exit()
    assert _fork_guard._patience == _fork_guard.LATE_WAIT
    began = time.monotonic()
    with hold_off_forks():
        pass
    assert time.monotonic() - began < 30  # half of the time that it would have waited before


def test_a_child_begins_anew() -> None:
    """Neither the gate nor the work of the parent is there."""
    with hold_off_forks():
        _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
        _fork_guard._start_over()
        assert not _fork_guard._working
    with hold_off_forks():
        assert len(_fork_guard._working) == 1


ENDING = """
import _thread, ssl, sys, threading
from s2sauth._fork_guard import hold_off_exit, hold_off_forks
working = threading.Event()

def work():
    with hold_off_forks():
        working.set()
        ssl.create_default_context(cafile=sys.argv[1])

_thread.start_new_thread(work, ())
working.wait(10)
"""


def test_process_ends_cleanly_while_a_thread_works_in_openssl(tmp_path: Path) -> None:
    """OpenSSL cleans up at exit; without the gate every such process died of it, by SIGSEGV."""
    file = tmp_path / "many.pem"
    file.write_text(Path(certifi.where()).read_text() * 6)
    ended = subprocess.run([sys.executable, "-c", ENDING, str(file)], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_end_of_the_process_does_not_wait_for_the_network() -> None:
    """A flight whose connection hangs delays the end by EXIT_WAIT at most."""
    code = """
import _thread, threading, time
from s2sauth._fork_guard import EXIT_WAIT, hold_off_forks
working = threading.Event()

def work():
    with hold_off_forks():
        working.set()
        time.sleep(60)

_thread.start_new_thread(work, ())
working.wait(10)
print(EXIT_WAIT, flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stderr, ended.stdout.strip()) == (0, "", str(_fork_guard.EXIT_WAIT))


class _Threads:
    """What the kernel says of a thread: it is there until the third look."""

    def __init__(self) -> None:
        self.looks: list[str] = []

    def exists(self, path: str) -> bool:
        self.looks.append(path)
        return len(self.looks) % 3 != 0


def test_a_fork_waits_until_a_thread_that_leaves_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL's destructor for the thread holds a lock, and runs when Python knows nothing of the thread any more."""
    threads = _Threads()
    monkeypatch.setattr(_fork_guard.os.path, "exists", threads.exists)
    leaving = threading.Thread(target=_fork_guard.thread_ends)
    leaving.start()
    leaving.join()
    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    _fork_guard.resume_work()
    assert threads.looks == [f"/proc/self/task/{leaving.native_id}"] * 3
    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    _fork_guard.resume_work()
    assert len(threads.looks) == 3


def test_a_fork_does_not_wait_until_its_own_thread_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under gevent, whose threads are all of one of the system's."""
    threads = _Threads()
    monkeypatch.setattr(_fork_guard.os.path, "exists", threads.exists)
    _fork_guard.thread_ends()
    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    _fork_guard.resume_work()
    assert threads.looks == []


def test_a_thread_that_does_not_end_holds_no_fork_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number may by now be another thread's."""
    monkeypatch.setattr(_fork_guard, "LAST_STEPS_WAIT", 0.01)
    end = threading.Event()

    def stay() -> None:
        _fork_guard.thread_ends()
        end.wait(10)

    staying = threading.Thread(target=stay)
    staying.start()
    while not _fork_guard._ending:
        staying.join(0.001)
    _fork_guard.stop_work(_fork_guard.IMPORT_WAIT, for_fork=True)
    _fork_guard.resume_work()
    assert staying.is_alive()
    end.set()
    staying.join()


def test_child_that_c_code_forked_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hook of Python has run there: what the parent had at work, and its gate, are left behind."""
    monkeypatch.setattr(_fork_guard, "_pid", 0)
    parents = _fork_guard._closed
    with _fork_guard.hold_off_forks():
        assert _fork_guard._pid == os.getpid()
        assert _fork_guard._closed is not parents
        assert len(_fork_guard._working) == 1
