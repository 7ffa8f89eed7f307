"""A signal that interrupts the main thread, whatever it is doing."""

import signal
import sys
from collections.abc import Callable, Iterator
from typing import final

import pytest

AGAIN = 1.0
"""Seconds. A signal between the interpreter's last look and its wait for a lock wakes nobody: it comes once more."""


@final
class Alarm:
    """Calls a signal handler in the main thread. One at a time: the fixture below ends it."""

    def __init__(self) -> None:
        self._before, self._trace = signal.getsignal(signal.SIGALRM), sys.gettrace()
        self._pause = 0.0

    def once(self, seconds: float, handler: Callable[[], object]) -> None:
        """After so many seconds."""
        self._ring(seconds, 0.0, handler)

    def every(self, seconds: float, handler: Callable[[], object]) -> None:
        """Again and again, so many seconds after it has ended; 0 ends that."""
        # Coverage takes a lock of its own when it meets a new file, and a handler may interrupt that.
        sys.settrace(None)
        self._ring(seconds, seconds, handler)

    def stop(self) -> None:
        """All is as it was."""
        self._pause = 0.0
        self._start(0)
        signal.signal(signal.SIGALRM, self._before)
        sys.settrace(self._trace)

    def _ring(self, seconds: float, pause: float, handler: Callable[[], object]) -> None:
        self._pause = pause

        def fire(*_: object) -> None:
            self._start(0)  # else a slow handler would interrupt itself
            handler()
            self._start(self._pause)

        signal.signal(signal.SIGALRM, fire)
        self._start(seconds)

    def _start(self, seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN if seconds else 0.0)


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    """An `Alarm`, stopped at the end of the test."""
    if not hasattr(signal, "SIGALRM"):
        pytest.skip("Windows has no alarm signal")
    started = Alarm()
    yield started
    started.stop()
