"""A clock for what is measured in real time while tokens age by hand."""

from s2sauth._process import SystemClock
from s2sauth.testing import ManualClock


class Passing(ManualClock):  # type: ignore[misc]  # final for users; one of its clocks is another here
    """A manual clock whose monotonic time is the machine's: what a drain is measured by."""

    def monotonic(self) -> float:
        return SystemClock.monotonic()
