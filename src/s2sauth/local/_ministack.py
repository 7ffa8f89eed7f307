"""MiniStack: Cognito, API Gateway, Lambda and CloudFormation on one loopback port."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ._server import Server, ServerFailed, opener

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
NOT_INSTALLED: Final = 97
"""The exit code of an interpreter that has no MiniStack."""

_RUN = f"""
import os, shutil, sys, threading

def end_with_parent():
    os.read(0, 1)  # nothing comes but the end
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(0, 9)

threading.Thread(target=end_with_parent, daemon=True).start()
try:
    import cryptography, ministack.app
    from hypercorn.__main__ import main
except ModuleNotFoundError:
    sys.exit({NOT_INSTALLED})
main()
"""


class MiniStack(Server):
    """`with MiniStack() as aws:`; `aws.url` is the endpoint of every AWS service, and the Cognito domain."""

    health = "/_ministack/health"
    stdin = subprocess.PIPE

    def python(self) -> str | os.PathLike[str]:
        """The interpreter that has MiniStack, and runs its Lambdas."""
        return sys.executable

    def command(self) -> Sequence[str | os.PathLike[str]]:
        # By way of its server's own command, since MiniStack's has no access log.
        bind = ["--bind", f"127.0.0.1:{self.port}", "--access-logfile", "-", "--workers", "0"]
        return [self.python(), "-c", _RUN, "ministack.app:app", *bind]

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

    def is_free(self) -> bool:
        """Whether nobody listens on its port yet."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                return False
            return True

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
