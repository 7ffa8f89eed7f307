"""MiniStack: Cognito, API Gateway, Lambda and CloudFormation on one loopback port."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ._environment import made_by_us
from ._server import Server, ServerFailed, opener

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}

_RUN: Final = """
import os, shutil, sys, threading

def end_with_parent():
    os.read(0, 1)  # nothing comes but the end
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(0, 9)

threading.Thread(target=end_with_parent, daemon=True).start()
from hypercorn.__main__ import main
main()
"""


class MiniStack(Server):
    """`with MiniStack() as aws:`; `aws.url` is the endpoint of every AWS service, and the Cognito domain."""

    health = "/_ministack/health"
    stdin = subprocess.PIPE

    def __init__(self, python: Path, port: int | None = None) -> None:
        super().__init__(port)
        self._python = python
        """The interpreter that has MiniStack, and runs its Lambdas."""
        if (folder := made_by_us(python)) is not None:
            self.advice = f"If it fails again, delete {folder}: the next start makes it again."

    def command(self) -> Sequence[str | os.PathLike[str]]:
        # By way of its server's own command, since MiniStack's has no access log.
        bind = ["--bind", f"127.0.0.1:{self.port}", "--access-logfile", "-", "--workers", "0"]
        return [self._python, "-c", _RUN, "ministack.app:app", *bind]

    def environ(self) -> Mapping[str, str]:
        return {
            **CREDENTIALS,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",  # would listen on 0.0.0.0:8883
            "LAMBDA_EXECUTOR": "local",
            "STATE_DIR": str(self.folder),
            "S3_DATA_DIR": str(self.folder / "s3"),
        }

    def ask(self, service: str, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """The answer of one of its services. ServerFailed for a refusal.

        Nothing is signed, since nothing is checked: no library is needed that would look for credentials here.
        """
        scope = f"test/20260101/us-east-1/{service}/aws4_request"
        authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(  # noqa: S310  # http, of this machine
            self.url + path, body, {"Authorization": authorization, **named}, method=method
        )
        try:
            with opener.open(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ServerFailed(f"{service}: HTTP {error.code} {error.read().decode()}") from None

    def invoke(self, function: str) -> Any:
        """What a Lambda function answers, or how it failed, as the Lambda API says it."""
        return json.loads(self.ask("lambda", "POST", f"/2015-03-31/functions/{function}/invocations"))

    def token_requests(self) -> list[int]:
        """The status of each request that the token endpoint has answered, from the server's access log."""
        return [int(status) for status in re.findall(r'"POST /oauth2/token[^"]*" (\d+)', self.log())]
