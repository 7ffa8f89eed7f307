"""What holds for every test: the code under test is the installed wheel, and every thread is measured."""

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

import s2sauth
from tests.support.sentinel import Sweep

CHECKOUT = Path(__file__).resolve().parent.parent

# A shared machine is slow now and then; that is no defect of the code.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("here")


def pytest_configure(config: pytest.Config) -> None:
    """No test shows a secret or a token, whatever it is about."""
    config.pluginmanager.register(Sweep(), "sweep")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A background job of a shell ignores Ctrl-C, and so would every process that a test starts, and means to stop.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart() -> None:
    """Refuse to test what nobody installs. S2SAUTH_EDITABLE=1 allows it, for quick work on the sources."""
    package = Path(s2sauth.__file__).resolve()
    if package.is_relative_to(CHECKOUT / "src") and not os.environ.get("S2SAUTH_EDITABLE"):
        pytest.exit(
            f"{package} is the checkout, not a wheel: use scripts/test, or set S2SAUTH_EDITABLE=1", returncode=3
        )


@pytest.fixture(autouse=True, scope="session")
def _flights_are_measured() -> Iterator[None]:
    """Coverage follows threads that `threading` starts; a flight starts with `_thread` and gets its tracer here."""
    trace = threading.gettrace()
    start = _thread.start_new_thread

    def start_traced(function: Callable[..., object], *args: object) -> int:
        def traced(*inner: object, **named: object) -> None:
            sys.settrace(trace)
            function(*inner, **named)

        return start(traced, *args)  # type: ignore[call-overload,no-any-return]  # whatever the caller passed on

    with pytest.MonkeyPatch.context() as patch:
        if trace is not None:
            patch.setattr(_thread, "start_new_thread", start_traced)
        yield
