"""Behind a real caching proxy, which serves a token to its last second: no dead token, and no failed call."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import ClassVar

import pytest

from parts.varnish import Varnish
from s2sauth import CognitoClientCredentials
from tests.support.scripted import http_date, jwt
from tests.support.stores import or_skip

LEFT = 5
"""Seconds of an hour that a token has left when it reaches the proxy: another cache stands before that one."""


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers with a new token, which has been in a cache for nearly an hour."""

    sold: ClassVar[dict[str, float]] = {}
    """Each token, and when it expires."""

    def do_POST(self) -> None:
        """One token."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        age = 3600 - LEFT
        born = int(time.time()) - age
        token = jwt(iat=born, exp=born + 3600, n=len(self.sold))
        self.sold[token] = born + 3600
        body = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600}).encode()
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Date", http_date(born))
        self.send_header("Age", str(age))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def origin() -> Iterator[int]:
    """Its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.fault(180)
def test_token_that_varnish_serves_to_its_last_second() -> None:
    """Two callers, one of which has just started each time, until the proxy has fetched a third token: ten seconds."""
    Origin.sold.clear()
    with origin() as port, or_skip(Varnish(port, LEFT)) as proxy:

        def new() -> CognitoClientCredentials:
            return CognitoClientCredentials(
                token_url=f"{proxy.url}/oauth2/token", client_id="id", client_secret="s" * 40
            )

        calls = 0
        with closing(new()) as lasting:
            while len(Origin.sold) < 3:
                with closing(new()) as started:
                    for each in (lasting, started):
                        token = each.get_token()
                        assert time.time() < Origin.sold[token.access_token]
                        calls += 1
        assert calls > 10
