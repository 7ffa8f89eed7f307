"""What a shared store is: bytes under a key for so many seconds, and one rule for writing.

    A write succeeds where nothing is, or exactly what the writer says it replaces.

That rule is all that a fleet needs. A lease is the first write of an owner's name under a key of its own. And a late
writer, who names what it read before it asked for its token, never replaces a newer token: what it read is gone by
then. No clock of any machine takes part in that.
"""

from typing import Protocol, runtime_checkable

from .._core.record import Record

MAX_VALUE = 32 * 1024
"""Bytes. A value of ours is shorter: a token of 16 KiB, in JSON, encrypted, in base64."""


class UnsafeFile(PermissionError):
    """Other users could change the store's file. The text is ours: it says what to do, and may be logged."""


class Found(Record):
    """What lies under a key."""

    value: bytes
    """At most MAX_VALUE + 1 bytes of it: what is longer is not ours. Empty if it is of another type than ours."""
    left: float
    """Seconds until it goes, by the store's own clock, never more than true; infinity if it stays: no token does."""


@runtime_checkable
class Store(Protocol):
    """The shared store that `store=` takes; values are ASCII, keys are at most 100 characters of `[A-Za-z0-9:_-]`.

    Called from several threads, in processes that fork. What a method raises says what to do: StoreBusy, wait and ask
    again; ConnectionError (Python's), a connection that was cut: ask again at once, up to three times; anything else:
    the store cannot be used now. It is left alone for some seconds, and tokens are fetched without it. A method that
    takes too long is not waited for.

    A store whose reads are cheaper when they may be a moment behind has a method `peek(key)`, too, which is `get` but
    for that: those who wait for another process's token use it.
    """

    def get(self, key: str) -> Found | None:
        """What lies under `key` now, None if nothing does; a `put` that has returned is seen (a consistent read)."""
        ...

    def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
        """Write `value` for so many seconds, in one step, if nothing lies there, or `replaces`, or `value` already.

        `replaces` is the `value` of what `get` returned. False: something else lies there, and stays. What has
        outlived its seconds is nothing, whether or not it was removed.
        """
        ...

    def delete(self, key: str, value: bytes) -> None:
        """Remove `value` from under `key`, in one step; whatever else lies there stays."""
        ...

    def close(self) -> None:
        """Let go of connections; called at the end of each renewal. The next call connects again."""
        ...
