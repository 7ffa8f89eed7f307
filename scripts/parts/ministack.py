"""MiniStack: Cognito, API Gateway, Lambda and CloudFormation on one loopback port."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from .install import environment
from .server import Server

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class HandlerFailed(Exception):
    """A Lambda function ended in an error; `payload` is what the Lambda API answered."""

    def __init__(self, payload: Any) -> None:
        super().__init__(payload)
        self.payload = payload


class MiniStack(Server):
    """`with MiniStack() as aws:`; `aws.url` is the endpoint of every AWS service, and the Cognito domain."""

    health = "/_ministack/health"

    def command(self) -> Sequence[str | os.PathLike[str]]:
        # By way of its server's own command, since MiniStack's has no access log.
        bind = ["--bind", f"127.0.0.1:{self.port}", "--access-logfile", "-"]
        return [environment("ministack") / "python", "-m", "hypercorn", "ministack.app:app", *bind]

    def environ(self) -> Mapping[str, str]:
        return {
            **_CREDENTIALS,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",  # would listen on 0.0.0.0:8883
            "LAMBDA_EXECUTOR": "local",
            "STATE_DIR": str(self.folder),
            "S3_DATA_DIR": str(self.folder / "s3"),
        }

    @property
    def cli_environ(self) -> dict[str, str]:
        """The variables with which AWS's own command, and boto3, talk to this server and to no other."""
        path = f"{environment('ministack')}{os.pathsep}{os.environ['PATH']}"
        return {**_CREDENTIALS, "AWS_ENDPOINT_URL": self.url, "HOME": str(self.folder), "PATH": path, "LANG": "C.UTF-8"}

    def aws(self, *arguments: str) -> Any:
        """What `aws ARGUMENTS` prints."""
        command = ["aws", *arguments, "--output", "json"]
        done = subprocess.run(command, env=self.cli_environ, check=True, capture_output=True)
        return json.loads(done.stdout)

    def invoke(self, function: str, event: object = None) -> Any:
        """Invoke a Lambda function through the Lambda API. HandlerFailed if it ends in an error."""
        return invoke(self.url, function, event)

    def token_requests(self) -> list[int]:
        """The status of each request that the token endpoint has answered, from the server's access log."""
        return [int(status) for status in re.findall(r'"POST /oauth2/token[^"]*" (\d+)', self.log())]


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
