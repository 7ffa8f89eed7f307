"""Lambda SnapStart: a process is stored after its init phase, and every execution environment is a clone of it.

What is in the snapshot is in all of them, for days. So before it is taken whatever a token request brought is
forgotten and none is under way, and after a restore the process is of a new generation, with randomness of its own.
"""

import os
from contextlib import suppress
from importlib import import_module
from typing import Protocol
from weakref import WeakSet

from ._fork_guard import FORK_WAIT, resume_work, stop_work
from ._process import next_generation


class Forgetful(Protocol):
    """What one credentials object keeps."""

    def forget(self) -> None:
        """Drop tokens, accepted secrets and failures; end what is under way."""
        ...


_watched: WeakSet[Forgetful] = WeakSet()
_registered: list[None] = []
_restored: list[None] = []


def is_coming() -> bool:
    """Whether this process becomes a snapshot: the init phase of a function with SnapStart."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start" and not _restored


def watch(credentials: Forgetful) -> None:
    """Let these credentials forget, if this process becomes a snapshot."""
    if not is_coming():
        return
    _watched.add(credentials)
    if not _registered:
        with suppress(ImportError):  # it is part of the Lambda runtimes that have SnapStart
            hooks = import_module("snapshot_restore_py")
            hooks.register_before_snapshot(_before_snapshot)
            hooks.register_after_restore(_after_restore)
            _registered.append(None)


def _before_snapshot() -> None:
    _forget()
    stop_work(FORK_WAIT)


def _after_restore() -> None:
    _restored.append(None)
    next_generation()
    _forget()  # what somebody's own hook asked for after ours, and what was still on its way
    import_module("ssl").RAND_add(os.urandom(32), 32.0)
    resume_work()


def _forget() -> None:
    for credentials in list(_watched):
        credentials.forget()
