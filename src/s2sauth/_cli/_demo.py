"""`s2sauth demo`: what the library does on a deployed stack and in an outage, and what that saves."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from ._exits import FAILED, FINE, INTERRUPTED, USAGE, CommandFailed
from ._price import DOLLARS, dollars

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from ..local._show import Show
    from ..local._timeline import Timeline
    from ._console import Console

HELP = "Show what tokens cost, and an outage survived, on a local Cognito, API Gateway and Lambda; half a minute."

WIDTH = 50  # characters of the timeline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""
    del parser


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show it; whatever was started is gone at the end."""
    from ..local._show import Show  # noqa: PLC0415  # the help of all commands needs no HTTP library
    from ._stopping import ENDS, handling, interrupt, starting  # noqa: PLC0415  # as above

    live = not arguments.json and draws(sys.stdout)
    try:
        with handling(ENDS, interrupt), starting(), ExitStack() as shown:
            show = shown.enter_context(_live()) if live else Show(Progress(sys.stderr))
            show.run()
    except KeyboardInterrupt:
        console.say("\n  stopped; everything that was started is gone")
        return INTERRUPTED
    console.document(document(show))
    if not live:
        console.lines(plain(show))
    return FINE if show.ok else FAILED


def draws(stream: TextIO) -> bool:
    """Whether a display can be drawn there and is wanted (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in (None, "", "dumb")


def _live() -> AbstractContextManager[Show]:
    try:
        from ._live import live  # noqa: PLC0415  # rich is of an extra
    except ModuleNotFoundError as missing:
        raise CommandFailed(f'{missing.name} is missing: pip install "s2sauth[local]"', USAGE) from None
    return live()


class Progress:
    """A line for each thing that is done: what, then how long it took."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begins(self, what: str) -> None:
        """Say what is under way."""
        print(f"  {what} ...", end="", file=self._stream, flush=True)

    def comes_to(self, done: int) -> None:
        """More progress of the same."""
        print(f" {done:,}", end="", file=self._stream, flush=True)

    def ends(self, seconds: float) -> None:
        """It is done."""
        print(f" {seconds:.1f} s", file=self._stream)


def plain(show: Show) -> Iterator[str]:
    """The table, the timeline and what it comes to."""
    width = max(len(row.what) for row in show.rows)
    yield ""
    yield f"  {'what':{width}}  calls  tokens"
    for row in show.rows:
        mark = "ok  " if row.ok else "SHORT"
        yield f"  {row.what:{width}}  {row.calls or '':>5}  {row.tokens:>6}  {mark}  {row.result}"
    yield ""
    yield from figure(show.timeline)
    yield ""
    yield from summary(show)


def figure(timeline: Timeline) -> Iterator[str]:
    """The timeline as plain text."""
    from ..local._timeline import PLAIN  # noqa: PLC0415  # as in run()

    yield f"  {'seconds':8} {timeline.scale(WIDTH)}"
    for lane in timeline.lanes(WIDTH, PLAIN):
        yield f"  {lane.name:8} {lane.text} {lane.note}"


def summary(show: Show) -> Iterator[str]:
    """What it comes to."""
    yield f"  {show.calls:,} calls with a token each would have cost ${dollars(show.calls):.2f};"
    yield f"  {show.tokens} tokens cost ${dollars(show.tokens):.4f} (${DOLLARS} each)."
    yield f"  {show.seconds:.0f} s. Next: `s2sauth local`, the same world for a service of yours."


def document(show: Show) -> dict[str, object]:
    """The same for machines."""
    return {
        "command": "demo",
        "rows": [asdict(row) for row in show.rows],
        "calls": show.calls,
        "tokens": show.tokens,
        "dollars": round(dollars(show.tokens), 5),
        "dollars_with_a_token_per_call": round(dollars(show.calls), 5),
        "seconds": round(show.seconds, 1),
    }
