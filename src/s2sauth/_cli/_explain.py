"""`s2sauth explain`: what an error means and what to do, from docs/errors.md, which is in the wheel."""

from __future__ import annotations

import difflib
import re
import textwrap
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._core.errors import S2SAuthError
from ._exits import FINE, USAGE, CommandFailed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from ._console import Console

HELP = "Say what an error means and what to do; without a topic, list the topics."

WIDTH: Final = 80
"""Characters of a line."""

_HEADING = re.compile(r"^#+ (.+)\n", re.MULTILINE)
_BLOCK = re.compile(r"^```.*?^```|(?:^[^\n]+\n?)+", re.MULTILINE | re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("topic", metavar="TOPIC", nargs="*", help="an OAuth error code or a class, as invalid_client")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show one topic, or what topics there are."""
    parts = topics(page())
    if not arguments.topic:
        console.document({"command": "explain", "topic": None, "text": None, "topics": list(parts)})
        console.lines(parts)
        return FINE
    topic = _find(" ".join(arguments.topic), parts)
    text = plain(parts[topic])
    console.document({"command": "explain", "topic": topic, "text": text, "topics": list(parts)})
    console.line(console.paint(topic, "bold"))
    console.line()
    console.line(text)
    return FINE


def page() -> str:
    """docs/errors.md: the wheel's, else that of the checkout which this module is run from."""
    shipped = files("s2sauth._cli") / "errors.md"
    if not shipped.is_file():
        shipped = Path(__file__).parents[3] / "docs" / "errors.md"
    return shipped.read_text(encoding="utf-8")


def topics(markdown: str) -> dict[str, str]:
    """Each heading, its blanks as hyphens, and what stands below it before the next one."""
    _, *parts = _HEADING.split(re.sub(r" *<!--.*?-->", "", markdown))
    return {title.replace(" ", "-"): text.strip() for title, text in zip(parts[::2], parts[1::2], strict=True)}


def plain(markdown: str) -> str:
    """As it is read in a terminal: no markup, a row of a table as a paragraph."""
    return "\n\n".join(map(_block, _BLOCK.findall(markdown)))


def _find(asked: str, parts: Mapping[str, str]) -> str:
    """The topic that is meant, whatever its case, blanks, hyphens and underscores: s2sauth.InvalidClient, the name in a
    traceback, is invalid_client.
    """
    known = {_letters(topic): topic for topic in parts} | {_letters(S2SAuthError.__name__): S2SAuthError.topic}
    asked = asked.removeprefix("s2sauth.")
    if (found := known.get(_letters(asked))) is not None:
        return found
    near = difflib.get_close_matches(_letters(asked), known, n=1)
    meant = f" Did you mean {known[near[0]]}?" if near else ""
    raise CommandFailed(f"no such topic.{meant} Topics: {', '.join(parts)}", USAGE)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).casefold()


def _block(block: str) -> str:
    if block.startswith("```"):
        return textwrap.indent("\n".join(block.splitlines()[1:-1]), "    ")
    if block.startswith("|"):
        header, _, *rows = (line.strip("|").split("|") for line in block.splitlines())
        return "\n\n".join("\n".join(_row(header, row)) for row in rows)
    return textwrap.fill(_words(block), WIDTH)


def _row(header: list[str], row: list[str]) -> Iterator[str]:
    first, *others = map(_words, row)
    if first:
        yield textwrap.fill(first, WIDTH)
    for label, cell in zip(map(_words, header[1:]), others, strict=True):
        yield textwrap.fill(
            f"{label}: {cell}" if label else cell, WIDTH, initial_indent="    ", subsequent_indent="    "
        )


def _words(text: str) -> str:
    """Without markup; a link shows its text, and the page that it leads to if that is another one."""
    text = re.sub(r"\[([^\]]*)\]\(#[^)]*\)", r"\1", text)
    text = re.sub(r"\[([^\]]*)\]\(([^)#]*)[^)]*\)", r"\1 (docs/\2)", text)
    return " ".join(re.sub(r"[`*]", "", text).split())
