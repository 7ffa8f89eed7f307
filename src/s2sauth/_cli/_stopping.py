"""Signals while something runs that has to be tidied up."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from ..local._environment import EnvironmentFailed
from ..local._server import ServerFailed
from ._exits import FAILED, UNREACHABLE, USAGE, CommandFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""What asks for the end, beside Ctrl-C: `kill`, and a terminal that is closed."""


@contextmanager
def handling(signals: Iterable[signal.Signals], handler: Callable[[int, object], object]) -> Generator[None]:
    """The handler for these signals, until the end of the block."""
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def interrupt(*_: object) -> NoReturn:
    """A handler: as Ctrl-C does."""
    raise KeyboardInterrupt


@contextmanager
def starting() -> Generator[None]:
    """A server that fails, or has no interpreter, becomes a sentence for people."""
    try:
        yield
    except EnvironmentFailed as failed:
        raise CommandFailed(str(failed), UNREACHABLE if failed.again else USAGE) from None
    except ServerFailed as failed:
        raise CommandFailed(str(failed), FAILED) from None
