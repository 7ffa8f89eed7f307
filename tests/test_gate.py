"""What a flight does in OpenSSL keeps out of the way of forks and of the process's end, and nobody waits for ever."""

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

from s2sauth import _gate
from s2sauth._gate import Work


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a gate of its own."""
    monkeypatch.setattr(_gate, "_gate", _thread.allocate_lock())
    monkeypatch.setattr(_gate, "_at_work", {})
    monkeypatch.setattr(_gate, "_leaving", deque(maxlen=16))


def test_a_fork_waits_for_work_under_way() -> None:
    """It goes on the moment that the work is over."""
    working, over, forked = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        with Work():
            working.set()
            over.wait(5)

    def fork() -> None:
        _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
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
        with Work(_gate.NOT_FOR_A_FORK):
            inside.set()
            leave.wait(10)

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(10)
    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    _gate.open_gate()
    ending = threading.Thread(target=_gate.close_gate, args=(10.0,))
    ending.start()
    ending.join(0.05)
    assert ending.is_alive()
    leave.set()
    ending.join(10)
    _gate.open_gate()
    assert not ending.is_alive()


def test_a_fork_waits_no_longer_than_the_work_says() -> None:
    """Work that takes longer waits for the network, and holds no lock of OpenSSL's."""
    working, over = threading.Event(), threading.Event()

    def work() -> None:
        with Work(fork_waits=0.05):
            working.set()
            over.wait(5)

    worker = threading.Thread(target=work)
    worker.start()
    working.wait(5)
    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    over.set()
    worker.join()


def test_a_fork_does_not_wait_for_its_own_thread() -> None:
    """A secret source that forks, which a flight's own thread does."""
    with Work():
        _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    _gate.open_gate()


def test_work_waits_for_a_fork_under_way() -> None:
    """It begins when the parent goes on."""
    begun = threading.Event()

    def work() -> None:
        with Work():
            begun.set()

    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    worker = threading.Thread(target=work)
    worker.start()
    assert not begun.wait(0.05)
    _gate.open_gate()
    assert begun.wait(5)
    worker.join()


def test_work_waits_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork that never ends holds up no token request."""
    monkeypatch.setattr(_gate, "_patience", 0.05)
    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    with Work():
        pass


def test_two_forks_at_once_do_not_stumble(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate is opened once; opening it again is nothing."""
    monkeypatch.setattr(_gate, "FORK_WAIT", 0.05)
    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    _gate.open_gate()
    _gate.open_gate()
    with Work():
        pass


def test_work_that_begins_at_the_end_of_the_process_is_hardly_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler of atexit that asks for its first token waits for the token endpoint, not for a gate."""
    monkeypatch.setattr(_gate, "_patience", _gate.FORK_WAIT)
    _gate._at_exit()
    assert _gate._patience == _gate.LATE_WAIT
    began = time.monotonic()
    with Work():
        pass
    assert time.monotonic() - began < _gate.FORK_WAIT / 2


def test_a_child_begins_anew() -> None:
    """Neither the gate nor the work of the parent is there."""
    with Work():
        _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
        _gate._renew_gate()
        assert not _gate._at_work
    with Work():
        assert len(_gate._at_work) == 1


ENDING = """
import _thread, ssl, sys, threading
from s2sauth._gate import Work
working = threading.Event()

def work():
    with Work():
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
from s2sauth._gate import EXIT_WAIT, Work
working = threading.Event()

def work():
    with Work():
        working.set()
        time.sleep(60)

_thread.start_new_thread(work, ())
working.wait(10)
print(EXIT_WAIT, flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stderr, ended.stdout.strip()) == (0, "", str(_gate.EXIT_WAIT))


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
    monkeypatch.setattr(_gate.os.path, "exists", threads.exists)
    leaving = threading.Thread(target=_gate.leave)
    leaving.start()
    leaving.join()
    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    _gate.open_gate()
    assert threads.looks == [f"/proc/self/task/{leaving.native_id}"] * 3
    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    _gate.open_gate()
    assert len(threads.looks) == 3


def test_a_fork_does_not_wait_until_its_own_thread_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under gevent, whose threads are all of one of the system's."""
    threads = _Threads()
    monkeypatch.setattr(_gate.os.path, "exists", threads.exists)
    _gate.leave()
    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    _gate.open_gate()
    assert threads.looks == []


def test_a_thread_that_does_not_end_holds_no_fork_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number may by now be another thread's."""
    monkeypatch.setattr(_gate, "LEAVE_WAIT", 0.01)
    end = threading.Event()

    def stay() -> None:
        _gate.leave()
        end.wait(10)

    staying = threading.Thread(target=stay)
    staying.start()
    while not _gate._leaving:
        staying.join(0.001)
    _gate.close_gate(_gate.IMPORT_WAIT, for_fork=True)
    _gate.open_gate()
    assert staying.is_alive()
    end.set()
    staying.join()


def test_child_that_c_code_forked_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hook of Python has run there: what the parent had at work, and its gate, are left behind."""
    monkeypatch.setattr(_gate, "_pid", 0)
    parents = _gate._gate
    with _gate.Work():
        assert _gate._pid == os.getpid()
        assert _gate._gate is not parents
        assert len(_gate._at_work) == 1
