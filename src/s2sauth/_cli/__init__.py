"""The command line: `s2sauth COMMAND …`, or `python -m s2sauth COMMAND …`.

A command is a module with `HELP`, `add_arguments(parser)` and `run(arguments, console)`, which gives the exit code. It
is imported only when it is used, or when the help of all of them is wanted.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from .._core.errors import S2SAuthError
from .._version import __version__
from ._console import Console, OutputFailed
from ._exits import FAILED, FINE, INTERRUPTED, TOO_MANY, TOO_MANY_ADVICE, USAGE, CommandFailed, exit_code

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "token": "_token",
    "claims": "_claims",
    "call": "_call",
    "doctor": "_doctor",
    "cost": "_cost",
    "explain": "_explain",
    "local": "_local",
    "demo": "_demo",
}


class Command(Protocol):
    """What the module of a command has."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None: ...
    def run(self, arguments: argparse.Namespace, console: Console, /) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (docs/cli.md lists them); nothing but a defect of ours raises.

    Args:
        argv: What stands behind `s2sauth` on the command line; None takes it from `sys.argv`.
    """
    console = Console(sys.stdout, sys.stderr)
    _silence()
    try:
        return _run(sys.argv[1:] if argv is None else list(argv), console)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough
        return _no_more_output()
    except OutputFailed as failed:
        with suppress(OutputFailed):  # it was stderr, where that cannot be said
            console.say(f"s2sauth: the output cannot be written: {failed.strerror}")
        return _no_more_output()


def _no_more_output() -> int:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)  # or the interpreter complains of what is left when it flushes at the end
    return FAILED


def _run(argv: list[str], console: Console) -> int:
    try:
        command, arguments = _parse(argv)
        console.json = arguments.json
        return command.run(arguments, console)
    except (CommandFailed, S2SAuthError) as error:
        topic = error.topic if isinstance(error, S2SAuthError) else None
        console.failed(str(error), code=exit_code(error), kind=type(error).__name__, topic=topic)
        return exit_code(error)
    except SystemExit as left:  # argparse has shown the help, or what is wrong with the command line
        console.flush()
        return USAGE if left.code else FINE
    except OSError as error:
        if error.errno not in TOO_MANY:
            raise
        console.failed(f"{error.strerror}. {TOO_MANY_ADVICE}", code=FAILED, kind=CommandFailed.__name__)
        return FAILED


def _parse(argv: list[str]) -> tuple[Command, argparse.Namespace]:
    """The command that is asked for and its arguments; SystemExit, as argparse has it, if there is nothing to run."""
    name = next((word for word in argv if not word.startswith("-")), None)
    wanted = [name] if name in COMMANDS else list(COMMANDS)
    parser = argparse.ArgumentParser(
        prog="s2sauth", description="Tokens for calls between services, from the shell.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"s2sauth {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    modules: dict[str, Command] = {}
    for command in wanted:
        module = cast("Command", importlib.import_module(f".{COMMANDS[command]}", __package__))
        # An abbreviation that is ambiguous would be repeated with its value: `--secret=…`.
        subparser = subparsers.add_parser(command, help=module.HELP, description=module.HELP, allow_abbrev=False)
        subparser.add_argument("--json", action="store_true", help="write one JSON document to stdout")
        module.add_arguments(subparser)
        modules[command] = module
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:  # argparse itself would repeat the values: a secret, if somebody thinks there is an option for it
        options = [word.partition("=")[0] if word.startswith("--") else word[:2] for word in unknown if word[:1] == "-"]
        parser.error(f"not known: {' '.join(options) or 'one argument too many'}")
    return modules[arguments.command], arguments


def _silence() -> None:
    """The library's warnings are not shown: what they are about, the command says itself."""
    logger = logging.getLogger("s2sauth")
    if not logger.hasHandlers():
        logger.addHandler(logging.NullHandler())
