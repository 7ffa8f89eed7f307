"""MiniStack, in an environment of its own with AWS's command beside it."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from s2sauth.local import _ministack
from s2sauth.local._environment import Environment
from s2sauth.local._ministack import CREDENTIALS

from .install import ROOT, environment

CACHE = ROOT / ".cache" / "user"
"""The cache folder of the user, for commands that a test runs: XDG_CACHE_HOME."""


class HandlerFailed(Exception):
    """A Lambda function ended in an error; `payload` is what the Lambda API answered."""

    def __init__(self, payload: Any) -> None:
        super().__init__(payload)
        self.payload = payload


class MiniStack(_ministack.MiniStack):
    """`with MiniStack() as aws:`; `aws.url` is the endpoint of every AWS service, and the Cognito domain."""

    def __init__(self, port: int | None = None) -> None:
        super().__init__(environment("ministack") / "python", port)

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

    def invoke(self, function: str, event: object = None) -> Any:
        """Invoke a Lambda function through the Lambda API. HandlerFailed if it ends in an error."""
        return invoke(self.url, function, event)


def made_by_s2sauth() -> Path:
    """The interpreter of the environment that `s2sauth local` makes, here in CACHE: half a minute on a new machine."""
    made = Environment(CACHE / "s2sauth")
    if not made.is_ready():
        made.make(lambda text: print(text, file=sys.stderr))
    return made.python


def invoke(url: str, function: str, event: object) -> Any:
    """What the function answers to an event that is posted to the Lambda API at `url`, else HandlerFailed."""
    request = urllib.request.Request(
        f"{url}/2015-03-31/functions/{function}/invocations", json.dumps(event).encode(), method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
            failed = "X-Amz-Function-Error" in answer.headers
    except (
        urllib.error.HTTPError
    ) as error:  # no such function; or, from AWS's emulator, a handler that cannot be imported
        with error:
            raise HandlerFailed(f"HTTP {error.code} {error.read().decode()}") from None
    try:
        payload = json.loads(body)
    except ValueError:  # AWS's emulator reports a time limit as text
        raise HandlerFailed(body.decode()) from None
    if failed or (isinstance(payload, dict) and "errorType" in payload):  # the emulator sends no such header
        raise HandlerFailed(payload)
    return payload
