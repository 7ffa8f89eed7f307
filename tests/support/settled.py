"""Waiting for what nobody waits for."""

import _thread
import time
from collections.abc import Callable

from s2sauth import CognitoClientCredentials
from tests.support.worlds import PATIENCE


def settled(credentials: CognitoClientCredentials) -> None:
    """Block until the latest flight of this scope set has an outcome; at once if there is none under way."""
    flight = credentials._slot.flight
    lock = _thread.allocate_lock()
    lock.acquire()
    flight._waiters._locks.append(lock)
    if not flight._outcome:
        assert lock.acquire(timeout=PATIENCE), "the flight never ended"


def eventually(condition: Callable[[], bool], patience: float | None = None) -> None:
    """Block until it is so, for what tells nobody when it is: the last steps of a thread, a program's log."""
    until = time.monotonic() + (PATIENCE if patience is None else patience)
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.001)
