"""The interpreter that has MiniStack, for the commands that start it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ._console import Console


def add_option(parser: argparse.ArgumentParser) -> None:
    """`--ministack`."""
    parser.add_argument(
        "--ministack",
        type=Path,
        metavar="PATH",
        help="an environment that has MiniStack, or a command in one; by default one in your cache folder, which the"
        " first run makes",
    )


def interpreter(arguments: argparse.Namespace, needed: Sequence[str], console: Console) -> Path:
    """The one that was named, or that of an environment of ours; EnvironmentFailed if there is none."""
    from ..local import _environment  # noqa: PLC0415  # the help of all commands needs none of it

    return _environment.interpreter(arguments.ministack, needed, console.say)
