"""Waiting for a renewal that nobody waits for."""

import _thread

from s2sauth import CognitoClientCredentials
from tests.support.worlds import PATIENCE


def settled(credentials: CognitoClientCredentials) -> None:
    """Block until the latest flight of this scope set has an outcome; at once if there is none under way."""
    flight = credentials._slot.flight
    lock = _thread.allocate_lock()
    lock.acquire()
    flight._locks.append(lock)
    if not flight._outcome:
        assert lock.acquire(timeout=PATIENCE), "the flight never ended"
