"""`with` and `async with` for what has a `close()` that waits for nothing."""

from types import TracebackType
from typing import Self


class Closing:
    """Closed at the end of the block."""

    __slots__ = ()

    def close(self) -> None:
        """What the end of the block does; the class that is closed says it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
