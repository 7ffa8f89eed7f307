"""The display of `s2sauth demo` on a terminal: drawn again in its place, ten times a second."""

from __future__ import annotations

import shutil
import sys
import textwrap
import threading
import time
from contextlib import contextmanager, suppress
from itertools import cycle, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Literal

from ..local._show import Show
from ..local._timeline import FINE, Timeline
from ._figures import WIDTH, summary

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path
    from typing import TextIO

    from ..local._show import Row
    from ..local._timeline import Cell, Lane

    Style = Literal["", "green", "red", "failed", "bold", "dim"]
    Line = list[tuple[str, Style]]

_CODES: Final[dict[Style, str]] = {"green": "32", "red": "31", "failed": "1;31", "bold": "1", "dim": "2"}
_STYLES: Final[dict[Cell, Style]] = {"empty": "", "good": "green", "bad": "red"}
_EVERY: Final = 0.1  # seconds
_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_HIDE, _SHOW, _ERASE_LINE, _ERASE_BELOW = "\033[?25l", "\033[?25h", "\033[K", "\033[J"


class Display:
    """What is known so far, as lines."""

    def __init__(self, python: Path) -> None:
        self.show = Show(self, python)
        self._spinner = cycle(_SPINNER)
        self._under_way: tuple[str, float] | None = None
        self._come_to = ""

    def begins(self, what: str) -> None:
        """Something is in progress."""
        self._come_to = ""
        self._under_way = (what, time.monotonic())

    def comes_to(self, done: int) -> None:
        """More of the same."""
        self._come_to = f" {done:,}"

    def ends(self, seconds: float) -> None:
        """It is done; how long it took is with its row."""
        del seconds
        self._under_way = None

    def lines(self, columns: int) -> Generator[Line]:
        """The picture, for a terminal of this width."""
        yield []
        for row in list(self.show.rows):  # its thread may add one
            yield from _of_row(row, columns)
        if self.show.timeline.now:
            yield []
            yield from _of_timeline(self.show.timeline)
        if self._under_way is not None:
            what, began = self._under_way
            what = what.partition(" (")[0]  # fits into a line
            yield []
            yield [(f"  {next(self._spinner)} {what} ...{self._come_to} {time.monotonic() - began:.0f} s", "dim")]


@contextmanager
def live(python: Path) -> Generator[Show]:
    """Draw while the block runs, then leave the last picture with what it comes to; the cursor is back in any case."""
    display = Display(python)
    screen = Screen(sys.stdout)
    ended = threading.Event()

    def draw() -> None:
        with suppress(OSError):  # the terminal has gone
            while not ended.wait(_EVERY):
                screen.draw(display.lines(screen.columns))

    thread = threading.Thread(target=draw)
    screen.write(_HIDE)
    thread.start()
    try:
        yield display.show
    finally:
        ended.set()
        thread.join()
        with suppress(OSError):
            screen.draw(())
            screen.write(_SHOW)
    screen.draw([*display.lines(screen.columns), [], *map(_plain, summary(display.show))], whole=True)


class Screen:
    """The part of a terminal that is drawn again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._height = 0

    @property
    def columns(self) -> int:
        """Its width now."""
        return shutil.get_terminal_size().columns

    def draw(self, lines: Iterable[Line], *, whole: bool = False) -> None:
        """Put these lines in the place of those before; only the last ones if there are too many, unless `whole`."""
        columns, rows = shutil.get_terminal_size()
        drawn = [_painted(line, columns) for line in lines]
        if not whole:
            drawn = drawn[-(rows - 1) :]  # the cursor cannot go up beyond the first one
        up = f"\033[{self._height}A" if self._height else ""
        self._height = len(drawn)
        self.write("".join(("\r", up, *(f"{line}{_ERASE_LINE}\n" for line in drawn), _ERASE_BELOW)))

    def write(self, text: str) -> None:
        """At once."""
        self._stream.write(text)
        self._stream.flush()


def _painted(line: Line, columns: int) -> str:
    """As escape sequences, and no longer than the terminal is wide."""
    painted, left = "", columns
    for text, style in line:
        shown = text[:left]
        left -= len(shown)
        painted += f"\033[{_CODES[style]}m{shown}\033[0m" if style and shown else shown
    return painted


def _plain(text: str) -> Line:
    return [(text, "")]


def _of_row(row: Row, columns: int) -> Generator[Line]:
    mark: tuple[str, Style] = ("✓", "green") if row.ok else ("✗ SHORT", "failed")
    tokens = f"{row.tokens} token{'' if row.tokens == 1 else 's'}"
    calls = f"{row.calls:,} call{'' if row.calls == 1 else 's'}"
    yield [("  ", ""), mark, (" ", ""), (f"{row.what:38}", "bold"), (f"{calls:>12}", ""), (f"{tokens:>11}", "")]
    for text in textwrap.wrap(row.result, max(20, columns - 4)):
        yield [(f"    {text}", "dim")]


def _of_timeline(timeline: Timeline) -> Generator[Line]:
    yield [(f"  {'seconds':8} {timeline.scale(WIDTH)}", "dim")]
    for lane in timeline.lanes(WIDTH, FINE):
        yield _of_lane(lane)


def _of_lane(lane: Lane) -> Line:
    line: Line = [("  ", ""), (f"{lane.name:8} ", "bold")]
    for cell, run in groupby(zip(lane.cells, lane.text, strict=True), itemgetter(0)):
        line.append(("".join(character for _, character in run), _STYLES[cell]))
    return [*line, (f" {lane.note}", "dim")]
