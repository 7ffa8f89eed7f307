"""`s2sauth local`: the tutorial's Cognito, API Gateway and files service on this machine, for a service of your own."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .._core.environment import VARIABLES
from ._exits import FAILED, INTERRUPTED, USAGE, CommandFailed
from ._ministack import add_option, interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from ..local._ministack import MiniStack
    from ..local._world import World
    from ._console import Console

    _Write = Callable[[Mapping[str, str]], None]

HELP = "Start a Cognito and an API behind it on this machine, and print the variables of a service that calls it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.usage = "s2sauth local [-h] [--json] [--port PORT] [--env-file FILE] [--ministack PATH] [-- COMMAND ...]"
    parser.add_argument("--port", type=_port, help="of 127.0.0.1; a free one by default")
    parser.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        help="a new file for the variables, readable by you alone, until the end",
    )
    add_option(parser)
    parser.add_argument(
        "words", nargs="*", metavar="COMMAND", help="runs with the variables; all ends with it, and its exit code"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Start it, and end it with the command, or with Ctrl-C."""
    from ..local._environment import SERVER  # noqa: PLC0415  # the help of all commands needs none of it
    from ..local._ministack import MiniStack  # noqa: PLC0415  # as above
    from ..local._server import is_free  # noqa: PLC0415  # as above
    from ..local._world import deploy  # noqa: PLC0415  # as above
    from ._stopping import ENDS, handling, interrupt, starting  # noqa: PLC0415  # as above

    if arguments.json and arguments.words:
        raise CommandFailed("--json: the output is COMMAND's own; leave one of them out", USAGE)
    if arguments.port is not None and not is_free(arguments.port):
        raise CommandFailed(f"--port: {arguments.port} is taken; use another one, or none for one that is free", USAGE)
    try:
        with handling(ENDS, interrupt), starting(), _new_file(arguments.env_file) as write:
            python = interpreter(arguments, SERVER, console)
            console.say("starting MiniStack: Cognito, API Gateway and Lambda")
            with MiniStack(python, arguments.port) as aws:
                world = deploy(aws, caller=False)
                write(world.environ)
                if arguments.words:
                    return _run(arguments.words, world.environ)
                _tell(world, aws, console)
                code = aws.wait()
        console.say(f"MiniStack ended by itself, with exit code {code}")
        return FAILED
    except KeyboardInterrupt:
        console.say("\nstopped; everything that was started is gone")
        return INTERRUPTED


def _tell(world: World, aws: MiniStack, console: Console) -> None:
    console.document({"command": "local", "url": aws.url, "variables": world.environ})
    console.lines(f"export {name}={shlex.quote(value)}" for name, value in world.environ.items())
    console.say(f"{world.url}/files wants a token for demo/read.file (GET) or demo/write.file (POST)")
    console.say("runs until Ctrl-C")


def _run(words: list[str], variables: Mapping[str, str]) -> int:
    """The exit code of the user's command. Signals are its affair: Ctrl-C reaches it by itself, `kill` by way of us."""
    from ..local._server import ended  # noqa: PLC0415  # as in run()
    from ._stopping import ENDS, handling  # noqa: PLC0415  # as in run()

    others = {name for names in VARIABLES.values() for name in names}  # of another world, which would clash
    inherited = {name: value for name, value in os.environ.items() if name not in others}
    asked: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def ignore(*_: object) -> None:
        """It gets Ctrl-C too."""

    def pass_on(number: int, _: object) -> None:
        asked.append(number)
        forward()

    def forward() -> None:
        while asked and started:
            started[0].send_signal(asked.pop(0))

    with handling((signal.SIGINT,), ignore), handling(ENDS, pass_on):
        try:
            started.append(subprocess.Popen(words, env={**inherited, **variables}))  # noqa: S603  # what this is for
        except OSError as error:
            raise CommandFailed(f"{words[0]} cannot be run: {error.strerror}", USAGE) from None
        forward()  # what came while it was started
        code = ended(started[0])
    return code if code >= 0 else 128 - code  # as a shell has it


@contextmanager
def _new_file(path: Path | None) -> Generator[_Write]:
    """What writes the variables into a new file, which is gone after the block."""
    if path is None:
        yield lambda _: None
        return
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandFailed(f"--env-file: {path} cannot be made: {error.strerror}", USAGE) from None
    try:
        with open(file, "w", encoding="utf-8", buffering=1) as lines:  # noqa: PTH123  # a descriptor
            yield lambda variables: lines.writelines(f"{name}={value}\n" for name, value in variables.items())
    finally:
        path.unlink(missing_ok=True)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError("use a number, 1 to 65535")
    return int(text)
