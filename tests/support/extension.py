"""A stand-in for the AWS Parameters and Secrets Lambda Extension: HTTP on the loopback, as AWS documents it."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "session-token-of-the-function"


class Extension:
    """`with Extension() as extension:`, with `extension.environ` in the environment. It keeps what it has read."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], Mapping[str, object]] = {}
        """(name, stage) -> members of AWS's answer."""
        self.parameters: dict[str, str] = {}
        self.not_ready = 0
        """How many requests more come too early."""
        self.knows_refresh = True
        self.raw: bytes | None = None
        """Written instead of an answer."""
        self.requests: list[dict[str, str]] = []
        """The query of each, and its path as `path`."""
        self._cache: dict[str, Any] = {}
        extension = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = extension._answer(self.path, dict(self.headers.items()))
                if extension.raw is not None:
                    self.wfile.write(extension.raw)
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def put(self, name: str, value: str, stage: str = "AWSCURRENT") -> None:
        """Let Secrets Manager hold this."""
        self.secrets[name, stage] = {"Name": name, "SecretString": value, "VersionStages": [stage]}

    @property
    def environ(self) -> dict[str, str]:
        """What Lambda gives the function."""
        port = str(self._server.server_address[1])
        return {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port, "AWS_SESSION_TOKEN": TOKEN}

    def _answer(self, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        path = urlsplit(target).path
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query, keep_blank_values=True).items()}
        self.requests.append({"path": path, **query})
        if headers.get("X-Aws-Parameters-Secrets-Token") != TOKEN:
            return 401, b"cannot find a valid token"
        if self.not_ready:
            self.not_ready -= 1
            return 400, b"not ready to serve traffic, please wait"
        refresh = query.pop("refreshNow", None) == "true"
        if refresh and not self.knows_refresh:
            return 400, b"unknown parameter"
        key = f"{path}?{sorted(query.items())}"
        if refresh or key not in self._cache:
            found = self._found(path, query)
            if found is None:
                return 400, b'{"message": "an unexpected error occurred while executing request"}'
            self._cache[key] = found
        return 200, json.dumps(self._cache[key]).encode()

    def _found(self, path: str, query: Mapping[str, str]) -> Mapping[str, object] | None:
        if path == "/secretsmanager/get":
            return self.secrets.get((query["secretId"], query.get("versionStage", "AWSCURRENT")))
        if query["name"] not in self.parameters or query.get("withDecryption") != "true":
            return None
        return {"Parameter": {"Name": query["name"], "Type": "SecureString", "Value": self.parameters[query["name"]]}}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
