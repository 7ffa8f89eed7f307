"""Which process this is, how it ends, and whether it runs in Lambda."""

import os
import sys
from contextvars import Context, ContextVar

begun_by: ContextVar[Context] = ContextVar("s2sauth.begun_by")
"""In a flight and in its event handlers: the context of the caller that began it. Tracing links to it; the flight
itself runs in an empty context."""


Process = tuple[int, int]
"""A process's id, and a number that tells processes with the same id apart."""

_generation = 0


def this_process() -> Process:
    """Which process this is: an object made in another one may belong to a thread that does not exist here.

    The id reveals a child that C code forked, where Python's fork hooks do not run (uWSGI's workers). The number
    reveals a clone of a snapshot, and a child that has the id of a process that has ended.
    """
    return os.getpid(), _generation


def next_generation() -> None:
    """Called in a forked child and after a restore."""
    global _generation  # noqa: PLW0603  # the process's own state
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=next_generation)


_FIRST_PID = os.getpid()


def may_end_at_once() -> bool:
    """Whether this process usually ends by `os._exit()`, which waits for no thread: a forked child, or a process that
    multiprocessing has started."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return os.getpid() != _FIRST_PID or (multiprocessing is not None and multiprocessing.parent_process() is not None)


def in_lambda() -> bool:
    """Whether this is a Lambda function, whose threads stand still between invocations."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ
