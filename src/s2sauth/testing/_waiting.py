"""`wait_for_renewals`: no renewal of one test reaches the next one."""

from _thread import get_ident
from collections.abc import Iterable
from threading import TIMEOUT_MAX

from .._clock import SystemClock
from .._core.errors import ConfigurationError
from .._core.policy import is_number
from .._flight import Flight
from .._process import this_process
from ..credentials import CognitoClientCredentials


def wait_for_renewals(credentials: CognitoClientCredentials, *, timeout: float = 10.0) -> None:
    """Wait until no renewal of these credentials or of their views is in progress.

    A STALE token is handed out while it is renewed in the background. A test that mocks HTTP can end before that
    renewal does, and the renewal then takes an answer that is meant for the next test. So call this as the last step
    of a test, while its mocks still answer. It returns at once if there is nothing to wait for. It waits for a renewal
    that was closed or given up, too, whose thread may still work. In async code it blocks the event loop meanwhile, so
    nothing that the renewal needs may run there.

    Args:
        credentials: the object, or any of its views.
        timeout: the longest wait in seconds of real time, even if the credentials go by a `ManualClock`.

    Raises:
        TimeoutError: a renewal is still in progress after `timeout` seconds.
        ConfigurationError: called inside a renewal, by a secret source or `on_event`; or `timeout` is no number of
            seconds.
        TypeError: `credentials` is something else.
    """
    if not isinstance(credentials, CognitoClientCredentials):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise TypeError(
            "wait_for_renewals() needs a CognitoClientCredentials or one of its views; got "
            f"{getattr(credentials, '__name__', type(credentials).__name__)}. Pass one object at a time. A StaticToken "
            "is never renewed, so it needs no wait."
        )
    if not is_number(timeout) or timeout < 0:
        raise ConfigurationError(f"timeout: seconds, 0 or more, such as 10.0; got {timeout!r}")
    until = SystemClock.monotonic() + timeout
    while flights := _in_progress(credentials):  # again if another thread asked for a token meanwhile
        wait_for_flights(flights, until)


def _in_progress(credentials: CognitoClientCredentials) -> list[Flight]:
    engine = credentials._engine
    working = [flight for flight in list(engine.working) if flight.process == this_process()]
    return working + [slot.flight for slot in engine.slots.all() if slot.flight.flying]


def wait_for_flights(flights: Iterable[Flight], until: float) -> None:
    """Wait until the thread of each has done its last; TimeoutError if `until`, in monotonic seconds, comes first."""
    for flight in flights:
        if flight.thread == get_ident():
            raise ConfigurationError(
                "wait_for_renewals() was called inside a renewal of the same credentials, by the secret source, "
                "on_event or a log handler. A renewal cannot wait for itself. Call it as the last step of the test."
            )
        if flight.flying:
            flight.wait_in_thread(SystemClock(), _left(until))
        # Callers get a token before it is in the shared store, and a renewal that was closed may still send a request.
        if not flight.landed_within(_left(until)):
            raise TimeoutError(
                "A renewal is still in progress. The token endpoint, the secret source or the store does not answer, "
                "or the renewal waits on a ManualClock that stands still. Let it be answered, or advance the clock. "
                "In async code this wait blocks the event loop, so nothing that the renewal needs may run there."
            )


def _left(until: float) -> float:
    return min(max(0.0, until - SystemClock.monotonic()), TIMEOUT_MAX)
