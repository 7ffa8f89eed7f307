"""A cell that is set once: several threads may try, and all agree on who did it."""

from typing import TypeVar, final

T = TypeVar("T")


@final
class Once(dict[None, T]):
    """Empty, and so false, until somebody sets it; never changed after that. `get(None)` reads it: None while empty.

    There is no lock in it, because a signal handler may run in the middle of anything. `dict.setdefault` with the key
    None is a single step for the interpreter: whoever looks, before or after a fork, finds the cell empty or set.
    """

    __slots__ = ()

    def set(self, value: T) -> bool:
        """Set it; False if another value is there already."""
        return self.setdefault(None, value) is value

    def settle(self, candidate: T) -> T:
        """Set it unless it is set; what it holds from now on."""
        return self.setdefault(None, candidate)
