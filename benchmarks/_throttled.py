"""A DynamoDB with limits: a proxy on loopback in front of a stand-in, which refuses what one key may not take."""

import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from _stored import Busy, DynamoDB, Operation, Part

REFUSAL = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "The level of configured provisioned throughput for the table was exceeded.",
    }
).encode()


@contextmanager
def throttled(url: str, share: float) -> Iterator[tuple[str, Any]]:
    """The proxy's URL, and a value that counts what it refused; `share` is of the limits that one key has."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    refused = context.Value("i", 0)
    proxy = context.Process(target=_serve, args=(theirs, refused, url, share), daemon=True)
    proxy.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}", refused
    finally:
        proxy.kill()
        proxy.join()


def _serve(line: Any, refused: Any, url: str, share: float) -> None:
    limits, lock, place = DynamoDB(share), threading.Lock(), urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            try:
                with lock:
                    limits.takes(time.monotonic(), *_asked(operation, json.loads(body)))
            except Busy:
                with refused.get_lock():
                    refused.value += 1
                self._answer(400, REFUSAL)
                return
            upstream = HTTPConnection(place.hostname or "", place.port)
            try:
                upstream.request("POST", "/", body, dict(self.headers))
                answer = upstream.getresponse()
                self._answer(answer.status, answer.read())
            finally:
                upstream.close()

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)  # with a Date, which the store reads
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        line.send(server.server_address[1])
        server.serve_forever()


def _asked(operation: str, body: dict[str, Any]) -> tuple[Operation, Part]:
    if operation == "GetItem":
        kind = Operation.GET if body.get("ConsistentRead") else Operation.PEEK
        return kind, _part(body["Key"])
    return Operation.PUT, _part(body["Item"] if operation == "PutItem" else body["Key"])


def _part(key: dict[str, Any]) -> Part:
    return Part.LEASE if key["key"]["S"].endswith(":lease") else Part.ENTRY
