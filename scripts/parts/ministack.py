"""MiniStack, in an environment of its own with AWS's command beside it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from s2sauth.local import _ministack
from s2sauth.local._ministack import CREDENTIALS, HandlerFailed, invoke

from .install import environment

__all__ = ["HandlerFailed", "MiniStack", "invoke"]


class MiniStack(_ministack.MiniStack):
    """`with MiniStack() as aws:`; `aws.url` is the endpoint of every AWS service, and the Cognito domain."""

    def python(self) -> Path:
        return environment("ministack") / "python"

    @property
    def cli_environ(self) -> dict[str, str]:
        """The variables with which AWS's own command, and boto3, talk to this server and to no other."""
        path = f"{environment('ministack')}{os.pathsep}{os.environ['PATH']}"
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url, "HOME": str(self.folder), "PATH": path, "LANG": "C.UTF-8"}

    def aws(self, *arguments: str) -> Any:
        """What `aws ARGUMENTS` prints."""
        command = ["aws", *arguments, "--output", "json"]
        done = subprocess.run(command, env=self.cli_environ, check=True, capture_output=True)
        return json.loads(done.stdout)
