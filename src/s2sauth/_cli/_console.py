"""Where a command's words go: data to stdout, talk to stderr, colour only where somebody looks."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any, Literal, TextIO

from .._core.errors import hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Colour = Literal["red", "green", "yellow", "dim", "bold"]

_CODES: dict[Colour, str] = {"red": "31", "green": "32", "yellow": "33", "dim": "2", "bold": "1"}


class OutputFailed(OSError):
    """A stream takes no more: a full disk."""


class Console:
    """The two streams of a command."""

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self.json = False
        """Whether stdout gets one JSON document, in place of lines for people."""
        self._out = _any(out)
        self._err = _any(err)

    def line(self, text: str = "") -> None:
        """A line of the result, for people; nothing with `--json`."""
        if not self.json:
            _print(text, self._out)

    def lines(self, texts: Iterable[str]) -> None:
        """Several of them."""
        for text in texts:
            self.line(text)

    def document(self, value: Mapping[str, Any]) -> None:
        """The result as JSON; nothing without `--json`. A command calls it once."""
        if self.json:
            _print(json.dumps(value, indent=2), self._out)

    def say(self, text: str = "") -> None:
        """A word on how it goes, on stderr."""
        _print(text, self._err)

    def flush(self) -> None:
        """Write what argparse has left in the streams' buffers."""
        for stream in (self._out, self._err):
            _print("", stream, end="")

    def paint(self, text: str, colour: Colour) -> str:
        """The text in a colour, for `line()`, if stdout is a terminal and NO_COLOR is not set."""
        return _paint(text, colour, self._out)

    def failed(self, text: str, *, code: int, kind: str, topic: str | None = None) -> None:
        """What went wrong, on stderr; with `--json` also a document, so that a program finds one in every case."""
        self.say(f"{_paint('s2sauth:', 'red', self._err)} {text}")
        if topic is not None:
            self.say(hint(topic))
        self.document({"error": {"type": kind, "message": text, "exit_code": code, "topic": topic}})


def _any(stream: TextIO | None) -> TextIO:
    """The stream, which now writes `\\x..` where it has no such character, argparse's words included."""
    if stream is None:  # it was closed before Python started
        return io.StringIO()
    if reconfigure := getattr(stream, "reconfigure", None):  # not of a StringIO, which takes every character
        reconfigure(errors="backslashreplace")
    return stream


def _print(text: str, stream: TextIO, end: str = "\n") -> None:
    try:
        print(text, end=end, file=stream, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(*error.args) from None


def _paint(text: str, colour: Colour, stream: TextIO) -> str:
    if os.environ.get("NO_COLOR") or not stream.isatty():  # no-color.org: any value but the empty one
        return text
    return f"\033[{_CODES[colour]}m{text}\033[0m"
