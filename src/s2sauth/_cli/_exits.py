"""The exit codes, and which of them an error is (docs/cli.md lists them)."""

from __future__ import annotations

import errno
from typing import Final

from .._core.errors import (
    ConfigurationError,
    OriginNotAllowed,
    S2SAuthError,
    TokenUnavailable,
)

FINE: Final = 0
"""The command did what it was asked."""
FAILED: Final = 1
"""It ran and the answer is no: Cognito or the API refused, a check failed."""
USAGE: Final = 2
"""The command line or a setting is wrong: nothing was sent."""
UNREACHABLE: Final = 3
"""The token endpoint or the API cannot be reached, or did not answer in time."""
INTERRUPTED: Final = 130
"""Ctrl-C: 128 and the number of SIGINT, as a shell has it."""

TOO_MANY: Final = (errno.EMFILE, errno.ENFILE)
"""The numbers of the OSError of a process, or a machine, that may open no more files."""

TOO_MANY_ADVICE: Final = "Raise the limit of open files (ulimit -n), or find what leaves them open."


class CommandFailed(Exception):
    """A command gives up: what happened, why, and what to do, with its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def exit_code(error: CommandFailed | S2SAuthError) -> int:
    """The exit code of an error that a command did not handle itself."""
    match error:
        case CommandFailed():
            return error.code
        case ConfigurationError() | OriginNotAllowed():
            return USAGE
        case TokenUnavailable():
            return UNREACHABLE
        case _:
            return FAILED
