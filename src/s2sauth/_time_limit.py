"""How long the caller has: a Lambda invocation's own time, which no wait for a token may outlive."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Protocol, cast

from ._core.errors import ConfigurationError

RESERVED = 0.25
"""Seconds of the invocation that are left for what the handler does when there is no token: an answer, a log line."""


class LambdaContext(Protocol):
    """What is used of the `context` that Lambda calls a handler with."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended."""
        ...


_time_left: ContextVar[Callable[[], float] | None] = ContextVar("s2sauth_time_left", default=None)


@contextmanager
def time_limit(context: LambdaContext | Callable[[], float]) -> Generator[None]:
    """Within this block no call waits for a token, and no token request begun by one goes on, beyond the caller's time.

        def handler(event, context):
            with s2sauth.time_limit(context):
                return files.get("/files").json()

    Holds for all credentials in this thread or task, hooks included, and for tasks started inside; not for other
    threads. Calls that run out of time raise TokenUnavailable 0.25 s before the end, so that the handler can answer.

    Args:
        context: the `context` of a Lambda handler, or a callable that gives the seconds that are left.

    Raises:
        ConfigurationError: it is neither.
    """
    remaining: Callable[[], int] | None = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None and not callable(context):
        form = "give the handler's context, or a callable that gives the seconds that are left"
        raise ConfigurationError(f"time_limit: is of type {type(context).__name__}; {form}")
    token = _time_left.set(cast(Callable[[], float], context) if remaining is None else lambda: remaining() / 1000.0)
    try:
        yield
    finally:
        _time_left.reset(token)


def time_left() -> float:
    """Seconds that the caller may wait, infinity without a limit; never below 0."""
    left = _time_left.get()
    return inf if left is None else max(0.0, left() - RESERVED)
