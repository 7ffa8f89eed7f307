"""The display of `s2sauth demo` on a terminal."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from ..local._show import Show
from ..local._timeline import FINE, Timeline
from ._figures import WIDTH, summary

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..local._show import Row
    from ..local._timeline import Cell, Lane

_STYLES: Final[dict[Cell, str]] = {"empty": "", "good": "green", "bad": "red"}


class Display:
    """What is known so far, as rich draws it."""

    def __init__(self) -> None:
        self.show = Show(self)
        self._doing = Spinner("dots", "")
        self._under_way: tuple[str, float] | None = None
        self._come_to = ""

    def begins(self, what: str) -> None:
        """Something is under way."""
        self._come_to = ""
        self._under_way = (what, time.monotonic())

    def comes_to(self, done: int) -> None:
        """More of the same."""
        self._come_to = f" {done:,}"

    def ends(self, seconds: float) -> None:
        """It is done; how long it took is with its row."""
        del seconds
        self._under_way = None

    def __rich__(self) -> RenderableType:
        return Group(Text(), *self._parts())

    def _parts(self) -> Generator[RenderableType]:
        for row in list(self.show.rows):  # its thread may add one
            yield from _of_row(row)
        if self.show.timeline.now:
            yield Text()
            yield from _of_timeline(self.show.timeline)
        if self._under_way is not None:
            what, began = self._under_way
            what = what.partition(" (")[0]  # fits into a line
            self._doing.update(text=Text(f"{what} ...{self._come_to} {time.monotonic() - began:.0f} s", "dim"))
            yield Text()
            yield Padding(self._doing, (0, 2))


@contextmanager
def live() -> Generator[Show]:
    """Draw while the block runs, then leave the last picture with what it comes to; the cursor is back in any case."""
    display = Display()
    console = Console()
    with Live(get_renderable=lambda: display, console=console, transient=True, refresh_per_second=10):
        yield display.show
    console.print(Group(display, Text(), *(Text(line) for line in summary(display.show))))


def _of_row(row: Row) -> Generator[Text]:
    mark = ("✓", "green") if row.ok else ("✗ SHORT", "bold red")
    tokens = f"{row.tokens} token{'' if row.tokens == 1 else 's'}"
    calls = f"{row.calls:,} call{'' if row.calls == 1 else 's'}"
    yield Text.assemble("  ", mark, " ", (f"{row.what:38}", "bold"), f"{calls:>12}", f"{tokens:>11}")
    yield Text(f"    {row.result}", "dim", overflow="fold")


def _of_timeline(timeline: Timeline) -> Generator[Text]:
    yield Text(f"  {'seconds':8} {timeline.scale(WIDTH)}", "dim")
    for lane in timeline.lanes(WIDTH, FINE):
        yield _of_lane(lane)


def _of_lane(lane: Lane) -> Text:
    text = Text.assemble("  ", (f"{lane.name:8} ", "bold"))
    for cell, run in groupby(zip(lane.cells, lane.text, strict=True), itemgetter(0)):
        text.append("".join(character for _, character in run), _STYLES[cell])
    return text.append(f" {lane.note}", "dim")
