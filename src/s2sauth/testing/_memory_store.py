"""`MemoryStore`: a shared store for tests, without file or server."""

import threading
from typing import final

from .._clock import Clock, SystemClock
from ..stores.base import MAX_VALUE, Found


@final
class MemoryStore:
    """A store that credentials objects of one process can share, `store=MemoryStore()`.

    Obeys the contract of `s2sauth.stores.Store`, also with a `ManualClock`. For any number of threads; a forked child
    has its own from then on.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = SystemClock() if clock is None else clock
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[bytes, float]] = {}

    def get(self, key: str) -> Found | None:
        """What lies under `key`."""
        with self._lock:
            return self._find(key)

    def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
        """Write `value` if nothing lies there, or `replaces`, or `value` already."""
        with self._lock:
            found = self._find(key)
            if found is not None and found.value not in (value, replaces):
                return False
            self._entries[key] = value, self._clock.boottime() + seconds
            return True

    def delete(self, key: str, value: bytes) -> None:
        """Remove `value` from under `key`."""
        with self._lock:
            found = self._find(key)
            if found is not None and found.value == value:
                del self._entries[key]

    def close(self) -> None:
        """Nothing: there is no connection."""

    def _find(self, key: str) -> Found | None:
        value, until = self._entries.get(key, (b"", 0.0))
        left = until - self._clock.boottime()
        return Found(value[: MAX_VALUE + 1], left) if left > 0 else None
