"""`wait_for_renewals`: no renewal of one test reaches the next one."""

from collections.abc import Iterable

from .. import _gate
from .._flight import Flight
from .._process import SystemClock
from ..credentials import CognitoClientCredentials


def wait_for_renewals(credentials: CognitoClientCredentials, *, timeout: float = 10.0) -> None:
    """Wait until no renewal of these credentials or of their views is in progress.

    A STALE token is handed out while it is renewed in the background. A test that mocks HTTP can end before that
    renewal does, and the renewal then takes an answer that is meant for the next test. So call this as the last step
    of a test, while its mocks still answer. It returns at once if there is nothing to wait for. Async tests may call it
    too: a renewal has its own thread and needs no event loop.

    Args:
        credentials: the object, or any of its views.
        timeout: the longest wait in seconds of real time, even if the credentials go by a `ManualClock`.

    Raises:
        TimeoutError: a renewal is still in progress after `timeout` seconds.
        ConfigurationError: called inside a renewal, by a secret source or `on_event`.
    """
    until = SystemClock.monotonic() + timeout
    in_progress = True
    while in_progress:  # again if another thread asked for a token meanwhile
        wait_for_flights([slot.flight for slot in credentials._shared.slots.all()], until)
        in_progress = any(slot.flight.flying for slot in credentials._shared.slots.all())


def wait_for_flights(flights: Iterable[Flight], until: float) -> None:
    """Wait until each has ended and shared its token; TimeoutError if `until`, in monotonic seconds, comes first."""
    for flight in flights:
        if flight.flying:
            flight.wait_in_thread(SystemClock(), _left(until))
        if flight.flying or not _work_ended(flight.thread, until):
            raise TimeoutError(
                "A renewal is still in progress. The token endpoint, the secret source or the store does not answer, "
                "or the renewal waits on a ManualClock that stands still. Let it be answered, or advance the clock."
            )


def _work_ended(thread: int | None, until: float) -> bool:
    # Callers get a token before it is in the shared store: what is left to do then is work of the flight's thread.
    works = [lock for lock, (worker, _) in list(_gate._at_work.items()) if worker == thread]
    for lock in works:
        _gate._pass_through(lock, _left(until))
    return not any(lock in _gate._at_work for lock in works)


def _left(until: float) -> float:
    return max(0.0, until - SystemClock.monotonic())
