"""`s2sauth demo`: what the library does on a deployed stack and in an outage, and what that saves."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO

from ._exits import FAILED, FINE, INTERRUPTED
from ._ministack import add_option, interpreter

if TYPE_CHECKING:
    import argparse

    from ._console import Console

HELP = "Show what tokens cost, and an outage survived, on a local Cognito, API Gateway and Lambda; half a minute."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_option(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show it; whatever was started is gone at the end."""
    from ..local._environment import CALLER, SERVER  # noqa: PLC0415  # the help of all commands needs none of it
    from ..local._show import Show  # noqa: PLC0415  # as above: an HTTP library
    from ._figures import document, plain  # noqa: PLC0415  # as above
    from ._live import live as drawn  # noqa: PLC0415  # as above
    from ._stopping import ENDS, handling, interrupt, starting  # noqa: PLC0415  # as above

    live = not arguments.json and draws(sys.stdout)
    try:
        with handling(ENDS, interrupt), starting(), ExitStack() as shown:
            python = interpreter(arguments, (*SERVER, *CALLER), console)
            show = shown.enter_context(drawn(python)) if live else Show(Progress(sys.stderr), python)
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
    able = stream.isatty() and os.environ.get("TERM") not in (None, "", "dumb")
    return able and not os.environ.get("NO_COLOR") and "utf" in (stream.encoding or "").lower()


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
