"""A cell that is set once: several threads may try, and all agree on which of them did it."""

from typing import TypeVar, final

T = TypeVar("T")


@final
class Once(dict[None, T]):
    """Empty, and so false, until it is set; never changed after that. `get(None)` reads it: None while it is empty.

    There is no lock in it, because a signal handler may run in the middle of anything. `dict.setdefault` with the key
    None is a single step for the interpreter: every reader, before or after a fork, finds the cell empty or set.
    """

    __slots__ = ()

    def set(self, value: T) -> bool:
        """Set it; False if another value is there already."""
        return self.setdefault(None, value) is value

    def settle(self, candidate: T) -> T:
        """Set it, unless it is set already; returns its value."""
        return self.setdefault(None, candidate)
