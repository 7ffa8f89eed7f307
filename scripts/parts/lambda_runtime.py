"""AWS's own runtime client and emulator: a handler runs as it does on AWS, one invocation at a time."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .install import environment, lambda_emulator
from .ministack import invoke
from .server import Server


class LambdaRuntime(Server):
    """`with LambdaRuntime(folder, environ) as function:` runs the handler in `folder` with these variables.

    `timeout` is the function's time limit in whole seconds.
    """

    def __init__(
        self, folder: Path, environ: Mapping[str, str], *, handler: str = "handler.handler", timeout: int = 15
    ) -> None:
        super().__init__()
        self.cwd = folder
        self._variables = environ
        self._handler = handler
        self._timeout = timeout

    def command(self) -> Sequence[str | os.PathLike[str]]:
        return [
            lambda_emulator(),
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{self.port}",
            "--runtime-api-address",
            f"127.0.0.1:{self.second_port}",
            environment("lambda") / "python",
            "-m",
            "awslambdaric",
            self._handler,
        ]

    def environ(self) -> Mapping[str, str]:
        return {
            "LAMBDA_TASK_ROOT": str(self.cwd),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self._timeout),
            **self._variables,
        }

    def invoke(self, event: object = None) -> Any:
        """Invoke the handler. HandlerFailed if it ends in an error, or at its time limit."""
        return invoke(self.url, "function", event)
